package handlers

import (
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (a administration) certificates() *fakeCertificates {
	return a.site.Certificates.(*fakeCertificates)
}

func (a administration) setDomain(names ...string) {
	now := &a.site.Settings.(*fixedSettings).now
	now.Domain, now.FormerDomains = names[0], names[1:]
}

// hidden returns the value of a hidden field of a page.
func hidden(t *testing.T, body, name string) string {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Find(`main input[name="`+name+`"]`).AttrOr("value", "")
}

const certificatePath = "/admin/certificate"

// TestCertificateOrdering: nothing is ordered before the terms of the CA are accepted; then the page says that the certificate is
// trusted and until when. The same terms are not asked for again.
func TestCertificateOrdering(t *testing.T) {
	a := newAdministration(t)
	a.setDomain("xn--g1ah2bza.xn--p1ai")
	if body := a.get(certificatePath); !says(t, body, ".verdict", "Шлюз шлюз.рф открывается с собственным сертификатом шлюза.") ||
		!says(t, body, ".verdict dl", "Автоматический сертификат выключен") || !says(t, body, ".verdict dl", "Включите автоматический сертификат ниже") {
		t.Error("the page does not say why there is no trusted certificate")
	}
	form := url.Values{"ca": {templates.CALetsEncrypt}, "email": {"boss@company.ru"}}
	w := a.post(certificatePath+"/acme", form)
	if w.Code != 200 || !says(t, w.Body.String(), "main .card a", fakeTerms) || a.certificates().acme.Directory != "" || a.certificates().tries != 0 {
		t.Fatalf("the terms are not asked for: %d, %+v", w.Code, a.certificates().acme)
	}
	if strings.Contains(w.Body.String(), `name="directory"`) {
		t.Error("the form of the terms can be filled in with other settings")
	}
	draft := url.Values{"form": {hidden(t, w.Body.String(), "form")}}
	if w := a.post(certificatePath+"/terms", draft); w.Code != http.StatusSeeOther {
		t.Fatalf("accepted: %d", w.Code)
	}
	if got := a.certificates().acme; got.Directory != agent.LetsEncrypt || got.Email != "boss@company.ru" || got.Terms != fakeTerms {
		t.Errorf("saved %+v", got)
	}
	body := a.get(certificatePath)
	for _, text := range []string{"Шлюз шлюз.рф открывается с доверенным сертификатом до 18.02.2027.", "Let's Encrypt", "продлит его около 19.01.2027"} {
		if !says(t, body, ".verdict.ok", text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if !says(t, body, ".served li:first-child .badge", "портал и агенты") || !says(t, body, ".served li:first-child details", "ISRG Root X1") ||
		!says(t, body, ".served li:first-child details", "Для агентов, которые знают корневой сертификат шлюза") {
		t.Error("the list does not show the chain")
	}
	if w := a.post(certificatePath+"/terms", draft); w.Code != 400 || !says(t, w.Body.String(), "[role=alert]", "ждали ответа слишком долго") {
		t.Errorf("the same form twice: %d", w.Code)
	}
	form.Set("email", "")
	if w := a.post(certificatePath+"/acme", form); w.Code != http.StatusSeeOther || a.certificates().acme.Email != "" || a.certificates().acme.Terms != fakeTerms {
		t.Errorf("another address: %d, %+v", w.Code, a.certificates().acme)
	}
	order := a.certificates().orders["xn--g1ah2bza.xn--p1ai"]
	order.State, order.Problem = agent.OrderFailed, &agent.CertificateProblem{Code: agent.CauseTerms}
	a.certificates().orders[order.Name] = order
	if w := a.post(certificatePath+"/acme", form); w.Code != 200 || !says(t, w.Body.String(), "h1", "Условия использования") {
		t.Errorf("changed terms: %d", w.Code)
	}
}

// TestCertificateTermsChange: what the administrator did not read is not accepted.
func TestCertificateTermsChange(t *testing.T) {
	a := newAdministration(t)
	a.setDomain("gw.company.ru")
	w := a.post(certificatePath+"/acme", url.Values{"ca": {templates.CAStaging}})
	a.certificates().terms = "https://letsencrypt.org/new.pdf"
	w = a.post(certificatePath+"/terms", url.Values{"form": {hidden(t, w.Body.String(), "form")}})
	if w.Code != 200 || !says(t, w.Body.String(), "main .card a", "https://letsencrypt.org/new.pdf") || a.certificates().acme.Terms != "" {
		t.Fatalf("new terms: %d, %+v", w.Code, a.certificates().acme)
	}
	if w = a.post(certificatePath+"/terms", url.Values{"form": {hidden(t, w.Body.String(), "form")}}); w.Code != http.StatusSeeOther || a.certificates().acme.Terms != a.certificates().terms {
		t.Errorf("accepted: %d, %+v", w.Code, a.certificates().acme)
	}
}

// TestCertificateOtherCA: an organisation's CA has its directory, root and account key. The key is on no page. A CA without terms asks
// nothing.
func TestCertificateOtherCA(t *testing.T) {
	a := newAdministration(t)
	a.setDomain("gw.company.ru")
	f := a.certificates()
	f.terms = agent.TermsNone
	root := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER(t)}))
	full := url.Values{"ca": {templates.CAOther}, "directory": {"https://ca.corp/acme"}, "directory_root_pem": {root}, "eab_key_id": {"kid-1"}, "eab_hmac_key": {"c2VjcmV0"}}
	for _, c := range []struct {
		name       string
		change     map[string]string
		part, says string
	}{
		{"no directory", map[string]string{"directory": ""}, "#directory-note", "Заполните это поле"},
		{"no certificate", map[string]string{"directory_root_pem": "text"}, "#directory_root_pem-note", "сертификат"},
		{"the CA does not answer", map[string]string{"directory": "https://down.example/acme"}, "#acme .banner.bad", "Центр сертификации не отвечает: down.example."},
		{"refused address", map[string]string{"email": "no address"}, "#email-note", "не похоже на адрес почты"},
	} {
		form := maps.Clone(full)
		for name, value := range c.change {
			form.Set(name, value)
		}
		w := a.post(certificatePath+"/acme", form)
		body := w.Body.String()
		if w.Code != 400 || !says(t, body, c.part, c.says) || f.acme.Directory != "" {
			t.Errorf("%s: %d", c.name, w.Code)
		}
		if !says(t, body, ".verdict dl", "Автоматический сертификат выключен") {
			t.Errorf("%s: the answer at the top is about what was typed", c.name)
		}
		if strings.Contains(body, "c2VjcmV0") || hidden(t, body, "eab_key_id") != "kid-1" || !strings.Contains(body, `<details class="unfold" open`) {
			t.Errorf("%s: the form is not as it was typed", c.name)
		}
	}
	if w := a.post(certificatePath+"/acme", full); w.Code != http.StatusSeeOther || f.acme.Directory != "https://ca.corp/acme" || f.acme.RootPEM != root || f.eabKey != "c2VjcmV0" || f.acme.Terms != agent.TermsNone {
		t.Errorf("saved: %d, %+v", w.Code, f.acme)
	}
	body := a.get(certificatePath)
	if strings.Contains(body, "c2VjcmV0") || !says(t, body, "#eab_hmac_key-note", "Ключ сохранён") {
		t.Error("the page has the key, or does not say that it is stored")
	}
	full.Set("eab_hmac_key", "")
	if a.post(certificatePath+"/acme", full); f.eabKey != "c2VjcmV0" {
		t.Error("an empty field removed the key")
	}
	if w := a.post(certificatePath+"/acme", url.Values{"ca": {templates.CAOff}}); w.Code != http.StatusSeeOther || f.acme.Directory != "" {
		t.Errorf("off: %d, %+v", w.Code, f.acme)
	}
}

// TestCertificateRootFile: the root of a CA may come as a file, also as DER.
func TestCertificateRootFile(t *testing.T) {
	a := newAdministration(t)
	a.certificates().terms = agent.TermsNone
	w := a.postFiles(certificatePath+"/acme", url.Values{"ca": {"other"}, "directory": {"https://ca.corp/acme"}}, "directory_root_file", "root.cer", string(rootDER(t)))
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(a.certificates().acme.RootPEM, "-----BEGIN CERTIFICATE-----") {
		t.Errorf("%d, %+v", w.Code, a.certificates().acme)
	}
}

// TestCertificateFailure: the page says why the certificate was not issued, what to do, what the CA said, what the gateway found, and
// when it tries again. A try that is too early is refused with the time.
func TestCertificateFailure(t *testing.T) {
	a := newAdministration(t)
	a.setDomain("down.ru", "former.ru")
	a.certificates().acme = agent.ACMESettings{Directory: agent.LetsEncrypt, Terms: fakeTerms}
	if w := a.post(certificatePath+"/retry", nil); w.Code != http.StatusSeeOther || a.certificates().tries != 1 {
		t.Fatalf("a try: %d", w.Code)
	}
	body := a.get(certificatePath)
	for _, text := range []string{"Центр сертификации не смог подключиться к down.ru: адрес 203.0.113.5, порт 80.", "Откройте порт 80 на маршрутизаторе", "Timeout",
		"Публичный DNS", "2001:db8::5", "Следующая"} {
		if !says(t, body, ".verdict dl", text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if !says(t, body, ".verdict.warn", "Шлюз down.ru открывается с собственным сертификатом шлюза.") || !says(t, body, ".verdict button", "Попробовать сейчас") {
		t.Error("no answer or no button")
	}
	a.certificates().tooSoon = "7"
	if w := a.post(certificatePath+"/retry", nil); w.Code != http.StatusTooManyRequests || !says(t, w.Body.String(), "[role=alert]", "Повторить можно через 7 мин.") || a.certificates().tries != 1 {
		t.Errorf("too early: %d", w.Code)
	} else if !strings.Contains(w.Body.String(), `data-refresh="`+certificatePath+`"`) {
		t.Error("the answer would refresh itself from the address of the form, which cannot be fetched")
	}
}

// TestCertificateAnswers: the first sentence of the page for every kind of certificate and order.
func TestCertificateAnswers(t *testing.T) {
	on := agent.ACMESettings{Directory: agent.LetsEncrypt, Terms: fakeTerms}
	for _, c := range []struct {
		name, domain string
		acme         agent.ACMESettings
		order        *agent.CertificateOrder
		uploaded     bool
		says         []string
	}{
		{"no domain", "", agent.ACMESettings{}, nil, false, []string{"Имя шлюза ещё не задано.", "Задать имя шлюза"}},
		{"private name", "gw.local", agent.ACMESettings{}, nil, false, []string{"существует только внутри сети", "Загрузите сертификат центра сертификации организации"}},
		{"one label", "gw", on, nil, false, []string{"нет точки"}},
		{"address", "10.0.0.1", agent.ACMESettings{}, nil, false, []string{"это IP-адрес"}},
		{"terms", "gw.ru", agent.ACMESettings{Directory: agent.LetsEncrypt}, nil, false, []string{"Условия использования центра сертификации не приняты"}},
		{"running", "gw.ru", on, &agent.CertificateOrder{Name: "gw.ru", State: agent.OrderRunning}, false, []string{"Сертификат заказывается."}},
		{"renewal fails", "gw.ru", on, &agent.CertificateOrder{Name: "gw.ru", State: agent.OrderFailed, Problem: &agent.CertificateProblem{Code: agent.CauseCAFailed}}, false, []string{"В самом центре сертификации произошла ошибка."}},
		{"uploaded", "gw.ru", agent.ACMESettings{}, nil, true, []string{"с загруженным сертификатом до 18.02.2027", "Company CA", "иначе шлюз перейдёт на собственный"}},
		{"uploaded before ACME", "gw.ru", on, &agent.CertificateOrder{Name: "gw.ru", State: agent.OrderUploaded, Then: agent.OrderRunning}, true, []string{"шлюз получит автоматический"}},
	} {
		a := newAdministration(t)
		a.setDomain(c.domain)
		f := a.certificates()
		f.acme = c.acme
		if c.order != nil {
			f.orders[c.domain] = *c.order
		}
		if c.uploaded {
			if _, err := f.Upload(t.Context(), nil, "", ""); err != nil {
				t.Fatal(err)
			}
		}
		body := a.get(certificatePath)
		for _, text := range c.says {
			if !says(t, body, ".verdict", text) {
				t.Errorf("%s: the page does not say %q", c.name, text)
			}
		}
		if strings.Contains(body, "&lt;no value&gt;") {
			t.Errorf("%s: a text has a hole", c.name)
		}
	}
}

// TestCertificateEnding: administrators see on every page that a certificate ends and that nothing will renew it.
func TestCertificateEnding(t *testing.T) {
	a := newAdministration(t)
	until := time.Now().Add(24 * time.Hour)
	day := until.Format("02.01.2006 15:04")
	a.certificates().ending = []agent.CertificateEnd{{Name: "xn--g1ah2bza.xn--p1ai", Source: agent.SourceUploaded, NotAfter: until},
		{Name: "old.ru", Source: agent.SourceUploaded, NotAfter: time.Now().Add(-time.Hour)}, {Name: "acme.ru", Source: agent.SourceACME, NotAfter: until, Order: agent.OrderFailed},
		{Name: "fails.ru", Source: agent.SourceUploaded, NotAfter: until, Order: agent.OrderFailed},
		{Name: "never.ru", Source: agent.SourceUploaded, NotAfter: until, Order: agent.OrderNever},
		{Name: "late.ru", Source: agent.SourceUploaded, NotAfter: time.Now().Add(-time.Hour), Order: agent.OrderFailed}}
	for path, where := range map[string]string{"/admin/agent": inState, "/admin/gateway": inState, "/admin/users": warnings, certificatePath: warnings} {
		for _, text := range []string{"Сертификат для шлюз.рф действует до " + day + ", и шлюз не может продлить", "Загруженный сертификат для old.ru закончился",
			"acme.ru действует до " + day + ", а продлить его не получается",
			"Загруженный сертификат для fails.ru действует до " + day + ", а автоматический получить не удаётся",
			"never.ru действует до " + day + ", а автоматический на это имя не заказать", "Загруженный сертификат для late.ru закончился"} {
			if !says(t, a.get(path), where, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
	}
	if body := ask(a.h, "GET", "/cabinet", page, inLAN, signIn(t, a.site, "ivanov")).Body.String(); strings.Contains(body, "old.ru") {
		t.Error("a user is warned")
	}
}

// TestCertificateHistory: a failure is explained in the reader's language, and the words of the CA are quoted after that.
func TestCertificateHistory(t *testing.T) {
	a := newAdministration(t)
	a.certificates().history = []agent.CertificateEvent{
		{At: time.Now(), Event: agent.EventFailed, Name: "xn--g1ah2bza.xn--p1ai", Source: agent.SourceACME, Cause: agent.CauseConnection,
			Args: map[string]string{"Name": "xn--g1ah2bza.xn--p1ai", "Address": "203.0.113.7", "Port": "80"}, Detail: "Timeout during connect"},
		{At: time.Now(), Event: agent.EventFailed, Name: "old.ru", Source: agent.SourceACME, Cause: agent.CauseCAFailed},
		{At: time.Now(), Event: agent.EventIssued, Name: "issued.ru", Source: agent.SourceACME, Detail: "R11"}}
	body := a.get(certificatePath)
	for _, text := range []string{"Центр сертификации не смог подключиться к шлюз.рф: адрес 203.0.113.7, порт 80. Центр ответил: Timeout during connect",
		"В самом центре сертификации произошла ошибка.", "R11"} {
		if !says(t, body, "#history td", text) {
			t.Errorf("the history does not say %q", text)
		}
	}
	if !says(t, body, "#history q[lang=en]", "Timeout during connect") {
		t.Error("the words of the CA are no quotation")
	}
}

// TestCertificateRoot: a change of the root is asked for, announced with what to hand out anew, and can be cancelled. The root can be
// downloaded as DER and PEM.
func TestCertificateRoot(t *testing.T) {
	a := newAdministration(t)
	f, confirmed := a.certificates(), url.Values{"confirm": {"1"}}
	const root = certificatePath + "/next-root"
	if w := a.post(root, nil); w.Code != 200 || !says(t, w.Body.String(), ".question", "Новый начнёт действовать") || f.change != nil {
		t.Errorf("not asked: %d", w.Code)
	}
	if w := a.post(root, confirmed); w.Code != http.StatusSeeOther || f.change == nil {
		t.Fatalf("not announced: %d", w.Code)
	}
	change := f.change
	if a.post(root, confirmed); f.change != change {
		t.Error("announced twice")
	}
	if body := a.get(certificatePath); !says(t, body, "#root .banner.warn", "начнёт действовать "+change.From.Format("02.01.2006")) || !says(t, body, "#root .banner.warn li", "IdecoAgent.msi") {
		t.Error("the page does not announce the change")
	} else if !says(t, body, "#root .banner.warn", "раздавайте только после "+change.From.Format("02.01.2006 15:04")) {
		t.Error("the page does not say from when the pin of the next root may be handed out")
	}
	if w := a.post(root+"/cancel", nil); w.Code != 200 || f.change == nil {
		t.Errorf("cancelled without a question: %d", w.Code)
	}
	if w := a.post(root+"/cancel", confirmed); w.Code != http.StatusSeeOther || f.change != nil {
		t.Errorf("not cancelled: %d", w.Code)
	}
	f.history = []agent.CertificateEvent{{At: time.Now().Add(-time.Hour), Event: agent.EventRootChanged}}
	if !says(t, a.get(certificatePath), "#root .banner.warn li", "IdecoAgent.msi") {
		t.Error("after the change nothing is listed to hand out anew")
	}
	f.history[0].At = time.Now().Add(-handOutFor)
	if says(t, a.get(certificatePath), "#root .banner.warn", "сменился") {
		t.Error("an old change is still shown")
	}
	if w := ask(a.h, "GET", "/download/root-next.crt", page, inLAN, a.boss); w.Code != http.StatusNotFound {
		t.Errorf("no change is announced, and the next root is %d", w.Code)
	}
	a.site.Root = announcedRoot{}
	if w := ask(a.h, "GET", "/download/root-next.crt", page, inLAN, a.boss); w.Code != http.StatusOK || w.Body.String() != "next certificate" {
		t.Errorf("the next root: %d %s", w.Code, w.Body)
	}
	block, rest := pem.Decode(ask(a.h, "GET", "/download/root.pem", page, inLAN, a.boss).Body.Bytes())
	if block == nil || block.Type != "CERTIFICATE" || string(block.Bytes) != "certificate" || len(rest) > 0 {
		t.Errorf("PEM: %+v", block)
	}
}

// TestCertificateOffer: the page of the domain offers Let's Encrypt for a name that a public CA can check, and says what came of it.
func TestCertificateOffer(t *testing.T) {
	on := agent.ACMESettings{Directory: agent.LetsEncrypt, Terms: fakeTerms}
	for _, c := range []struct {
		name, domain string
		acme         agent.ACMESettings
		state        agent.OrderState
		says         string // empty = nothing
	}{
		{"no domain", "", agent.ACMESettings{}, "", ""},
		{"offered", "gw.ru", agent.ACMESettings{}, "", "Получить доверенный сертификат"},
		{"private", "gw.local", agent.ACMESettings{}, "", ""},
		{"address", "203.0.113.5", agent.ACMESettings{}, "", ""},
		{"running", "gw.ru", on, agent.OrderRunning, "Сертификат заказывается"},
		{"failed", "gw.ru", on, agent.OrderFailed, "пока не удалось"},
		{"trusted", "gw.ru", on, agent.OrderDone, "Шлюз открывается с сертификатом до 18.02.2027"},
	} {
		a := newAdministration(t)
		a.setDomain(c.domain)
		a.certificates().acme = c.acme
		if c.state != "" {
			order := agent.CertificateOrder{Name: c.domain, State: c.state}
			if c.state == agent.OrderFailed {
				order.Problem = &agent.CertificateProblem{Code: agent.CauseDNS}
			}
			a.certificates().orders[c.domain] = order
		}
		body := a.get("/admin/agent")
		if c.says != "" && !says(t, body, `.domain .banner, .domain .line`, c.says) {
			t.Errorf("%s: the page does not say %q", c.name, c.says)
		}
		if c.says == "" && says(t, body, `.domain .banner, .domain .line`, "сертификат") {
			t.Errorf("%s: something is said about a certificate", c.name)
		}
	}
	a := newAdministration(t)
	a.setDomain("gw.ru")
	if w := a.post(certificatePath+"/acme", url.Values{"ca": {templates.CALetsEncrypt}, "auth_domain": {"gw.ru"}}); w.Code != 200 || !says(t, w.Body.String(), "h1", "Условия использования") {
		t.Errorf("the button beside the domain: %d", w.Code)
	}
}

// TestRESTCertificates: the settings, without the key; orders with cause and cure; a try.
func TestRESTCertificates(t *testing.T) {
	a := newAdministration(t)
	a.setDomain("down.ru")
	c, f := restClient{t, a.h, a.boss}, a.certificates()
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		field                    string
		want                     any
	}{
		{"none", "GET", "/certificates/acme", "", 200, "terms", nil},
		{"not accepted", "PUT", "/certificates/acme", `{"directory":"` + agent.LetsEncrypt + `"}`, 200, "terms", nil},
		{"accepted", "PUT", "/certificates/acme", `{"accept_terms":true,"email":"a@b.ru"}`, 200, "terms", fakeTerms},
		{"kept", "GET", "/certificates/acme", "", 200, "directory", agent.LetsEncrypt},
		{"no root", "PUT", "/certificates/acme", `{"directory_root_pem":"x"}`, 542, "code", "field_ca"},
		{"refused address", "PUT", "/certificates/acme", `{"email":"x"}`, 542, "code", "field_email"},
		{"misspelt", "PUT", "/certificates/acme", `{"mail":"x"}`, 542, "code", "bad_request"},
		{"null", "PUT", "/certificates/acme", `{"email":null}`, 542, "code", "field_required"},
		{"account key", "PUT", "/certificates/acme", `{"eab":{"key_id":"kid","hmac_key":"c2VjcmV0"}}`, 200, "email", "a@b.ru"},
		{"its ID", "PUT", "/certificates/acme", `{"eab":{"key_id":"kid"}}`, 200, "email", "a@b.ru"},
		{"try", "POST", "/certificates/retry", "", 200, "code", nil},
	} {
		status, answer := c.call(step.method, step.path, step.body)
		if status != step.status || answer[step.field] != step.want {
			t.Errorf("%s: %d %v", step.name, status, answer)
		}
	}
	if f.eabKey != "c2VjcmV0" || f.acme.EABKeyID != "kid" {
		t.Errorf("the account key is %q of %q", f.eabKey, f.acme.EABKeyID)
	}
	status, answer := c.call("GET", "/certificates/acme", "")
	if eab, ok := answer["eab"].(map[string]any); status != 200 || !ok || len(eab) != 1 || eab["key_id"] != "kid" {
		t.Errorf("account binding: %v", answer["eab"])
	}
	if c.call("PUT", "/certificates/acme", `{"eab":null}`); f.acme.EABKeyID != "" || f.eabKey != "" {
		t.Error("the account binding stays")
	}
	_, answer = c.call("GET", "/certificates", "")
	order := answer["orders"].([]any)[0].(map[string]any)
	problem := order["error"].(map[string]any)
	if order["state"] != "failed" || problem["code"] != "connection" || !strings.Contains(problem["cure"].(string), "порт 80") || len(problem["checks"].([]any)) != 2 {
		t.Errorf("order: %v", order)
	}
	served := answer["served"].([]any)[0].(map[string]any)
	if served["port"] != "portal" || served["name"] != "down.ru" || served["source"] != "own_root" || served["not_after"] != "2027-12-22T12:00:00Z" || len(served["chain"].([]any)) != 2 || served["pinned"] != nil {
		t.Errorf("served: %v", served)
	}
	if answer["next_root"] != nil || answer["root"].(map[string]any)["pin"] != "cGlu" || !slices.Equal(answer["uploaded"].([]any), []any{}) {
		t.Errorf("root: %v", answer)
	}
	f.tooSoon = "7"
	if status, answer := c.call("POST", "/certificates/retry", "{}"); status != 429 || answer["code"] != "field_order_too_soon" {
		t.Errorf("too early: %d %v", status, answer)
	}
}

func rootDER(t *testing.T) []byte {
	t.Helper()
	_, der := selfSigned(t, "Corp Root")
	return der
}

// announcedRoot is a root whose next one is announced.
type announcedRoot struct{ fixedRoot }

func (announcedRoot) NextDER() []byte { return []byte("next certificate") }
