package handlers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

const searchPassword = "the secret of the search account"

// directoryForm returns the form of a new directory as it is submitted.
func directoryForm(name string) url.Values {
	return url.Values{"kind": {"ad"}, "name": {name}, "user": {"ideco@" + name}, "password": {searchPassword}, "dns_ips": {"10.0.0.10"},
		"transport": {"ldaps"}, "check_minutes": {"5"}}
}

// formOf reads the form back from a page, as a browser would submit it.
func formOf(t *testing.T, page string) url.Values {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	doc.Find("form#directory input, form#directory textarea, input[form=directory]").Each(func(_ int, s *goquery.Selection) {
		kind, _ := s.Attr("type")
		_, checked := s.Attr("checked")
		if (kind == "radio" || kind == "checkbox") && !checked || kind == "file" || s.AttrOr("name", "") == templates.CSRFField {
			return
		}
		value := s.AttrOr("value", "")
		if goquery.NodeName(s) == "textarea" {
			value = s.Text()
		}
		values.Add(s.AttrOr("name", "?"), value)
	})
	return values
}

func (a administration) directories() *fakeDirectories { return a.site.Directories.(*fakeDirectories) }

func (a administration) wants(w *httptest.ResponseRecorder, status int, texts ...string) string {
	a.t.Helper()
	if w.Code != status {
		a.t.Errorf("status %d instead of %d: %q", w.Code, status, goqueryFind(a.t, w.Body.String(), "main").Find(".bad, h1").Text())
	}
	for _, text := range texts {
		if !strings.Contains(w.Body.String(), text) {
			a.t.Errorf("%q is not on the page", text)
		}
	}
	return w.Body.String()
}

// selfSigned returns a certificate as PEM and as DER.
func selfSigned(t *testing.T, name string) (text string, der []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now(), NotAfter: time.Now().AddDate(5, 0, 0)}
	der, err = x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), der
}

// TestDirectorySave: a directory is added and changed. No page gives its password back, and an empty field keeps it.
func TestDirectorySave(t *testing.T) {
	a := newAdministration(t)
	if page := a.get("/admin/directories"); !says(t, page, ".empty", "Здесь будут каталоги") {
		t.Error("the empty list does not say what will be there")
	}
	a.wants(a.post("/admin/directories/new", url.Values{}), http.StatusBadRequest, "Заполните это поле", `href="#name"`)
	form := directoryForm("Company.Local")
	form.Set("login_groups", "internet\n")
	a.wants(a.post("/admin/directories/new", form), http.StatusSeeOther)
	saved := a.directories().saved[0]
	if saved.Name != "company.local" || saved.Password != searchPassword || saved.LoginGroups[0].ID != fakeGroups[1].ID {
		t.Fatalf("saved: %+v", saved)
	}
	a.wants(a.post("/admin/directories/new", form), http.StatusBadRequest, "уже добавлен")
	list, page := a.get("/admin/directories"), a.get("/admin/directories/1")
	if !says(t, list, "td", "company.local") || !says(t, list, "td", "Отвечает") || !says(t, list, "td", "dc1.company.local:636") {
		t.Error("the list lacks something")
	}
	if strings.Contains(list+page, searchPassword) {
		t.Error("a page gives the password back")
	}
	again := formOf(t, page)
	if again.Get("password") != "" || again.Get("login_groups") != "Internet" {
		t.Errorf("the form has %v", again)
	}
	again.Set("check_minutes", "10")
	again.Set("name", "other.local")
	a.wants(a.post("/admin/directories/1", again), http.StatusSeeOther)
	if d := a.directories().saved[0]; d.CheckInterval != 10*time.Minute || d.Password != searchPassword || d.Name != "company.local" || d.LoginGroups[0].ID != fakeGroups[1].ID {
		t.Errorf("saved: %+v", d)
	}
	again.Set("dns_ips", "10.6.6.6")
	a.wants(a.post("/admin/directories/1", again), http.StatusBadRequest, "сохранённый пароль отправляется только с теми настройками")
	again.Set("controllers", "dc1:x")
	again.Set("lockout_limit", "many")
	bad := a.wants(a.post("/admin/directories/1", again), http.StatusBadRequest, "не похоже на имя контроллера", "целое число от 1 до 999")
	if got := formOf(t, bad); got.Get("controllers") != "dc1:x" || got.Get("lockout_limit") != "many" {
		t.Errorf("what was typed is lost: %v", got)
	}
	if _, closed := goqueryFind(t, bad, "details.unfold").Attr("open"); !closed {
		t.Error("the folded part hides its errors")
	}
}

func goqueryFind(t *testing.T, page, selector string) *goquery.Selection {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Find(selector).First()
}

// TestDirectoryDraft: the password that was typed for a test need not be typed again to save, but only in the same browser and
// for the same account and server.
func TestDirectoryDraft(t *testing.T) {
	a := newAdministration(t)
	page := a.wants(a.post("/admin/directories/new/test", directoryForm("company.local")), http.StatusOK, "Каталог готов к работе")
	if strings.Contains(page, searchPassword) {
		t.Fatal("the page gives the password back")
	}
	form := formOf(t, page)
	other := administration{t, a.site, a.gate, a.h, signIn(t, a.site, "boss")}
	other.wants(other.post("/admin/directories/new", form), http.StatusBadRequest, "Пароль нужно ввести ещё раз")
	for field, value := range map[string]string{"user": "eve@company.local", "dns_ips": "10.6.6.6", "controllers": "dc.evil.test", "tls_name": "evil.test"} {
		changed := url.Values{}
		for name, values := range form {
			changed[name] = values
		}
		changed.Set(field, value)
		a.wants(a.post("/admin/directories/new", changed), http.StatusBadRequest, "Пароль нужно ввести ещё раз")
	}
	a.wants(a.post("/admin/directories/new", form), http.StatusSeeOther)
	if got := a.directories().saved[0].Password; got != searchPassword {
		t.Errorf("saved with %q", got)
	}
	form.Set("name", "second.local")
	a.wants(a.post("/admin/directories/new", form), http.StatusBadRequest, "Пароль нужно ввести ещё раз")

	// A new password that is not kept any more is asked for again: the stored one is not used in its place.
	again := formOf(t, a.get("/admin/directories/1"))
	again.Set("draft", "forgotten")
	a.wants(a.post("/admin/directories/1", again), http.StatusBadRequest, "Пароль нужно ввести ещё раз")
}

// TestDirectoryTest: the page shows every step, the person, and each finding with its cure.
func TestDirectoryTest(t *testing.T) {
	a := newAdministration(t)
	form := directoryForm("company.local")
	form.Set("test_login", "petrova")
	page := a.wants(a.post("/admin/directories/new/test", form), http.StatusOK, "Петрова Анна", "войти может каждый")
	if steps := goqueryFind(t, page, "#report ol").Children().Length(); steps != len(agent.DirectorySteps) {
		t.Errorf("%d steps", steps)
	}
	if len(a.directories().saved) > 0 {
		t.Error("a test saves")
	}
	down := a.wants(a.post("/admin/directories/new/test", directoryForm("down.local")), http.StatusOK)
	if !says(t, down, "#report", "dc1.down.local:636 не отвечает.") || !says(t, down, "#report", "Проверьте, включён ли контроллер") || !says(t, down, "#report", "Пропущено") {
		t.Error("the failure is not explained")
	}
	if says(t, down, "#report", "Домен не блокирует") {
		t.Error("a skipped step says what it found")
	}
	for _, finding := range agent.DirectoryFindings {
		a.directories().report = &agent.DirectoryReport{Steps: []agent.StepResult{{Step: agent.StepConnect, State: agent.StepFailed, Finding: finding, Reason: agent.CodePasswordExpired,
			Args: map[string]string{"Server": "s", "Name": "n", "Host": "h", "Issuer": "i", "Names": "n", "Until": "u", "Error": "e", "Base": "b", "Group": "g", "Limit": "3", "Minutes": "30", "Login": "l"}}}}
		page := a.wants(a.post("/admin/directories/new/test", form), http.StatusOK)
		if strings.Contains(page, "no value") || strings.Contains(page, "directory_c") {
			t.Errorf("%s has no text", finding)
		}
		if script := says(t, page, "#report code", `New-SelfSignedCertificate`); script != (finding == agent.FindingNoTLS) {
			t.Errorf("%s: PowerShell lines: %v", finding, script)
		}
	}
	for want, step := range map[string]agent.StepResult{
		"Каталог ответил: Срок действия пароля истёк.":     {Finding: agent.FindingSearchAccount, Reason: agent.CodePasswordExpired},
		"Каталог ответил: —":                               {Finding: agent.FindingSearchAccount},
		"Срок действия сертификата dc1 истёк: 09.05.2026.": {Finding: agent.FindingExpiredCert, Args: map[string]string{"Host": "dc1", "Until": "2026-05-09"}},
	} {
		a.directories().report = &agent.DirectoryReport{Steps: []agent.StepResult{step}}
		a.wants(a.post("/admin/directories/new/test", form), http.StatusOK, want)
	}
}

// TestDirectoryCertificates: a certificate can be uploaded as a file in either format, pasted, and trusted after a test. A
// private key is refused.
func TestDirectoryCertificates(t *testing.T) {
	a := newAdministration(t)
	one, oneDER := selfSigned(t, "dc1.company.local")
	two, _ := selfSigned(t, "dc2.company.local")
	for name, file := range map[string][]byte{"PEM": []byte(one), "DER": oneDER, "with text before": []byte("subject=x\r\n" + strings.ReplaceAll(one, "\n", "\r\n"))} {
		form := directoryForm("company.local")
		form.Set("ca_pem", two)
		page := a.wants(a.upload("/admin/directories/new/test", form, file), http.StatusOK, "dc1.company.local")
		if got := formOf(t, page).Get("ca_pem"); got != two+one {
			t.Errorf("%s: the form has %q", name, got)
		}
	}
	a.directories().report = &agent.DirectoryReport{Certificates: []agent.DirectoryCertificate{{Subject: "CN=dc2", NotAfter: time.Now().Add(time.Hour), PEM: two, SHA256: "ab"}, {Subject: "CN=dc1", NotAfter: time.Now().Add(time.Hour), PEM: one, SHA256: "cd"}}}
	form := formOf(t, a.wants(a.post("/admin/directories/new/test", directoryForm("company.local")), http.StatusOK, "Доверять"))
	form.Set("trust", "1")
	form = formOf(t, a.wants(a.post("/admin/directories/new/test", form), http.StatusOK))
	if got := a.directories().tested; form.Get("ca_pem") != one || got[len(got)-1].CA != one || got[len(got)-1].Password != searchPassword {
		t.Errorf("trusted: %q", form.Get("ca_pem"))
	}
	a.wants(a.upload("/admin/directories/new", directoryForm("company.local"), make([]byte, 300<<10)), http.StatusRequestEntityTooLarge)
	for text, refusal := range map[string]string{"no certificate": "Это не сертификат", "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n": "Это закрытый ключ"} {
		form := directoryForm("company.local")
		form.Set("ca_pem", text)
		a.wants(a.post("/admin/directories/new", form), http.StatusBadRequest, refusal)
		a.wants(a.upload("/admin/directories/new", directoryForm("company.local"), []byte(text)), http.StatusBadRequest, refusal)
	}
}

// upload posts a form with a certificate file.
func (a administration) upload(path string, form url.Values, file []byte) *httptest.ResponseRecorder {
	return a.postFiles(path, form, "ca_file", "ca.cer", string(file))
}

// TestDirectoryGroups: groups are found by a part of their name and taken into the lists.
func TestDirectoryGroups(t *testing.T) {
	a := newAdministration(t)
	form := directoryForm("company.local")
	form.Set("group_text", "IN")
	form = formOf(t, a.wants(a.post("/admin/directories/new/groups", form), http.StatusOK, "CN=Internet,OU=Groups", "Domain Users"))
	form.Add("add_login", "Internet")
	form.Add("add_remote", "VPN")
	form = formOf(t, a.wants(a.post("/admin/directories/new/groups", form), http.StatusOK))
	if form.Get("login_groups") != "Internet" || form.Get("remote_groups") != "VPN" {
		t.Errorf("the lists have %q and %q", form.Get("login_groups"), form.Get("remote_groups"))
	}
	form.Set("login_groups", "Internet\nno such group")
	a.wants(a.post("/admin/directories/new", form), http.StatusBadRequest, "Группы «no such group» в каталоге нет")
	form = directoryForm("down.local")
	form.Set("login_groups", "Internet")
	page := a.wants(a.post("/admin/directories/new", form), http.StatusServiceUnavailable, "найти в нём группы не удалось")
	if got := formOf(t, page); got.Get("login_groups") != "Internet" || got.Get("draft") == "" {
		t.Errorf("what was typed is lost: %v", got)
	}
	form = directoryForm("company.local")
	form.Set("group_text", "nothing like it")
	a.wants(a.post("/admin/directories/new/groups", form), http.StatusOK, "Проверьте написание")
	a.wants(a.post("/admin/directories/new/groups", directoryForm("down.local")), http.StatusServiceUnavailable, "Каталог не ответил")
}

// TestGroupLines: of two groups with the same name, the form has the DNs, and they stay the same groups.
func TestGroupLines(t *testing.T) {
	groups := []agent.DirectoryGroup{{ID: "S-1", Name: "VPN", DN: "CN=VPN,OU=A"}, {ID: "S-2", Name: "vpn", DN: "CN=VPN,OU=B"}, {ID: "S-3", Name: "Internet", DN: "CN=I"}}
	form := templates.NewDirectoryForm(agent.DirectorySettings{LoginGroups: groups})
	if want := "CN=VPN,OU=A\nCN=VPN,OU=B\nInternet"; form.LoginGroups != want {
		t.Errorf("the form has %q", form.LoginGroups)
	}
	if got := typedGroups(lines(form.LoginGroups), groups); !slices.Equal(got, groups) {
		t.Errorf("read back: %v", got)
	}
}

// TestDirectoryConvert: the ticked local accounts are converted after a question. Administrators stay local.
func TestDirectoryConvert(t *testing.T) {
	a := newAdministration(t)
	a.post("/admin/directories/new", directoryForm("company.local"))
	page := a.wants(a.post("/admin/directories/1/test", formOf(t, a.get("/admin/directories/1"))), http.StatusOK, "Такие логины есть и на шлюзе")
	if n := goqueryFind(t, page, `form[action$="/convert"]`).Find("input[type=checkbox]").Length(); n != 2 {
		t.Errorf("%d accounts can be moved", n)
	}
	ticked := url.Values{"user": {"1", "2", "3"}} // boss, ivanov, off
	a.wants(a.post("/admin/directories/1/convert", ticked), http.StatusOK, "Перевести 2 учётные записи в каталог company.local?", "ivanov, off", "Локальный пароль перестанет действовать")
	if a.directories().converted != nil {
		t.Fatal("not asked")
	}
	ticked.Set("confirm", "1")
	a.wants(a.post("/admin/directories/1/convert", ticked), http.StatusSeeOther)
	if got := a.directories().converted; !slices.Equal(got, []agent.UserID{2, 3}) {
		t.Errorf("converted %v", got)
	}
	if list := a.get("/admin/users"); !says(t, list, "td", "company.local") {
		t.Error("the list of accounts does not name the directory")
	}
	if w := a.post("/admin/directories/1/convert", url.Values{}); w.Code != http.StatusSeeOther {
		t.Errorf("nobody ticked: %d", w.Code)
	}
}

// TestDirectoryDelete: the question states how many accounts and sessions end.
func TestDirectoryDelete(t *testing.T) {
	a := newAdministration(t)
	a.post("/admin/directories/new", directoryForm("company.local"))
	if _, err := a.directories().Convert(context.Background(), 1, []agent.UserID{2}); err != nil {
		t.Fatal(err)
	}
	a.wants(a.post("/admin/directories/1/delete", url.Values{}), http.StatusOK, "Удалить каталог company.local?", "Со шлюза исчезнет 1 учётная запись.", "никто не подключён")
	a.wants(a.post("/admin/directories/1/delete", url.Values{"confirm": {"1"}}), http.StatusSeeOther)
	if len(a.directories().saved) > 0 {
		t.Error("not deleted")
	}
	for _, path := range []string{"/admin/directories/1", "/admin/directories/01", "/admin/directories/x"} {
		if w := ask(a.h, "GET", path, page, inLAN, a.boss); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestWithheldCheck: a withheld check is on the page with its number, and is confirmed after a question.
func TestWithheldCheck(t *testing.T) {
	a := newAdministration(t)
	a.post("/admin/directories/new", directoryForm("company.local"))
	a.directories().status[1] = agent.DirectoryStatus{Withheld: &agent.WithheldCheck{At: time.Now(), Sessions: 42, Of: 300, Missing: []string{"CN=Internet"}}}
	list := a.get("/admin/directories")
	if !says(t, list, warnings, "завершила бы 42 сессии из 300") || !says(t, list, warnings, "CN=Internet") {
		t.Error("the list does not ask")
	}
	a.wants(a.post("/admin/directories/1/confirm", url.Values{}), http.StatusOK, "Завершить сессии по проверке company.local?", "42 сессии")
	if a.directories().confirmed != nil {
		t.Fatal("not asked")
	}
	a.wants(a.post("/admin/directories/1/confirm", url.Values{"confirm": {"1"}, "sessions": {"41"}}), http.StatusConflict, "результат проверки изменился", "42 сессии")
	a.directories().more = 50
	a.wants(a.post("/admin/directories/1/confirm", url.Values{"confirm": {"1"}, "sessions": {"42"}}), http.StatusConflict, "результат проверки изменился", "50 сессий")
	for range 2 {
		a.wants(a.post("/admin/directories/1/confirm", url.Values{"confirm": {"1"}, "sessions": {"50"}}), http.StatusSeeOther)
	}
	if got := a.directories().confirmed; !slices.Equal(got, []agent.DirectoryID{1}) {
		t.Errorf("confirmed %v", got)
	}
}

// TestDomainTypes: REST has a domain_type of its own for each kind of directory.
func TestDomainTypes(t *testing.T) {
	for _, kind := range agent.DirectoryKinds {
		if domainTypes[kind] == "" {
			t.Errorf("no domain_type for %s", kind)
		}
	}
}

// TestManyTypedGroups: a list of groups is read up to the first one too many.
func TestManyTypedGroups(t *testing.T) {
	var known []agent.DirectoryGroup
	for i := range agent.MaxDirectoryGroups {
		known = append(known, agent.DirectoryGroup{ID: fmt.Sprint("S-1-5-", i), Name: fmt.Sprint("g", i), DN: fmt.Sprint("CN=g", i)})
	}
	var typed []string
	for i := range 100_000 {
		typed = append(typed, fmt.Sprint("n", i))
	}
	if n := len(typedGroups(typed, known)); n != agent.MaxDirectoryGroups+1 {
		t.Errorf("%d groups were read", n)
	}
}

// hiddenInto collects the values of hidden fields, as a browser would send them.
func hiddenInto(form url.Values) func(int, *goquery.Selection) {
	return func(_ int, s *goquery.Selection) {
		if name := s.AttrOr("name", ""); name != templates.CSRFField {
			form.Set(name, s.AttrOr("value", ""))
		}
	}
}
