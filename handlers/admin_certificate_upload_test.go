package handlers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// uploadFake notes what was uploaded. It refuses with problem, if there is one.
type uploadFake struct {
	*fakeCertificates
	files        []string
	password, by string
	problem      error
}

func (f *uploadFake) Upload(ctx context.Context, files [][]byte, password, by string) (Uploaded, error) {
	if f.problem != nil {
		return Uploaded{}, f.problem
	}
	f.files, f.password, f.by = nil, password, by
	for _, file := range files {
		f.files = append(f.files, string(file))
	}
	return f.fakeCertificates.Upload(ctx, files, password, by)
}

func newUploadFake(a administration) *uploadFake {
	f := &uploadFake{fakeCertificates: a.certificates()}
	a.site.Certificates = f
	a.setDomain("gw.company.ru")
	return f
}

// uploadFiles submits the form with files.
func (a administration) uploadFiles(form url.Values, files ...string) *httptest.ResponseRecorder {
	return a.postFiles(uploadPath, form, "files", "file.pem", files...)
}

func TestCertificateUpload(t *testing.T) {
	a := newAdministration(t)
	f := newUploadFake(a)
	if says(t, a.get(certificatePath), "#uploaded", "Company CA") {
		t.Error("a certificate is listed before any was uploaded")
	}
	// Five files together are larger than a body without files may be.
	large := strings.Repeat("x", agent.MaxUpload/5)
	w := a.uploadFiles(url.Values{"text": {"pasted"}, "password": {" secret "}}, "one", large, large, large, large)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != templates.UploadedPath {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	if !slices.Equal(f.files, []string{"pasted", "one", large, large, large, large}) || f.password != " secret " || f.by != "boss" {
		t.Errorf("%d files, password %q by %q", len(f.files), f.password, f.by)
	}
	body := a.get(certificatePath)
	for _, text := range []string{"gw.company.ru", "Действует для gw.company.ru", "Издатель: Company CA", "Действует до 18.02.2027"} {
		if !says(t, body, "#uploaded .things li", text) {
			t.Errorf("the list does not say %q", text)
		}
	}
	a.wants(a.uploadFiles(nil, strings.Repeat("x", 3<<20)), http.StatusRequestEntityTooLarge)

	remove := "/admin/certificate/uploaded/1/delete"
	a.wants(a.post(remove, nil), 200, "Сейчас он действует для gw.company.ru", "Подключённые агенты не отключатся")
	if len(f.uploaded) != 1 {
		t.Error("removed without a confirmation")
	}
	if w := a.post(remove, url.Values{"confirm": {"1"}}); w.Code != http.StatusSeeOther || len(f.uploaded) != 0 {
		t.Errorf("not removed: %d", w.Code)
	}
	for _, path := range []string{remove, "/admin/certificate/uploaded/01/delete", "/admin/certificate/uploaded/x/delete"} {
		a.wants(a.post(path, url.Values{"confirm": {"1"}}), http.StatusNotFound)
	}
}

// TestCertificateUploadRefused: the page says what is wrong and sends neither key nor password back.
func TestCertificateUploadRefused(t *testing.T) {
	a := newAdministration(t)
	f := newUploadFake(a)
	for _, c := range []struct {
		problem agent.Problem
		id      string
		says    string
	}{
		{agent.Problem{Field: "certificate", Code: agent.UploadIssuerMissing, Value: "R11 <b>"}, "files-note", "Не хватает сертификата издателя «R11 <b>»."},
		{agent.Problem{Field: "password", Code: agent.UploadPassword}, "password-note", "Пароль не подошёл к файлу."},
	} {
		f.problem = c.problem
		w := a.uploadFiles(url.Values{"text": {"BEGIN PRIVATE KEY"}, "password": {"secret 17"}}, "file content")
		body := a.wants(w, http.StatusBadRequest)
		if !says(t, body, "#uploaded details[open] #"+c.id, c.says) {
			t.Errorf("the page does not say %q", c.says)
		}
		for _, secret := range []string{"PRIVATE KEY", "secret 17", "file content"} {
			if strings.Contains(body, secret) {
				t.Errorf("%q is sent back", secret)
			}
		}
	}
}

func TestCertificateKeyLost(t *testing.T) {
	a := newAdministration(t)
	f := newUploadFake(a)
	f.uploaded = []Uploaded{{ID: 4, KeyLost: true, Certificate: fakeCertificate(agent.SourceUploaded, "gw.company.ru")}, {ID: 5, KeyLost: true},
		{ID: 6, Certificate: fakeCertificate(agent.SourceUploaded, "other.ru")}}
	body := a.get(certificatePath)
	if !says(t, body, "#uploaded .things li:nth-child(1) .state.bad", "закрытый ключ больше не расшифровать") || !says(t, body, "#uploaded .things li:nth-child(2)", "—") {
		t.Error("the list does not say that the key is lost")
	}
	if !says(t, body, "#uploaded .things li:nth-child(3) .state.muted", "Сейчас не используется") {
		t.Error("the list does not say that the certificate is unused")
	}
	_, answer := restClient{t, a.h, a.boss}.call("GET", "/certificates", "")
	if one := answer["uploaded"].([]any)[0].(map[string]any); one["key_lost"] != true || one["id"] != 4.0 {
		t.Errorf("%v", one)
	}
	a.wants(a.post("/admin/certificate/uploaded/6/delete", nil), 200, "Сейчас он не используется")
}

func TestRESTCertificateUpload(t *testing.T) {
	a := newAdministration(t)
	f := newUploadFake(a)
	c := restClient{t, a.h, a.boss}
	large := strings.Repeat("\x01", agent.MaxUpload)
	body, err := json.Marshal(map[string]any{"pfx": []byte(large), "password": "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := c.call("POST", "/certificates", string(body)); status != 200 || answer["id"] != 1.0 || !slices.Equal(f.files, []string{"", large}) || f.password != "secret" {
		t.Errorf("%d %v", status, answer)
	}
	missing := agent.Problem{Field: "certificate", Code: agent.UploadNoKey}
	for _, one := range []struct {
		name, method, path, body string
		problem                  error
		status                   int
		field                    string
		want                     any
	}{
		{"PEM", "POST", "/certificates", `{"pem":"text"}`, nil, 200, "id", 2.0},
		{"no key in PEM", "POST", "/certificates", `{"pem":"text"}`, missing, 542, "pem", ""},
		{"no key in PFX", "POST", "/certificates", `{"pfx":"` + base64.StdEncoding.EncodeToString([]byte("x")) + `"}`, missing, 542, "pfx", ""},
		{"nothing", "POST", "/certificates", `{}`, missing, 542, "pem", ""},
		{"wrong password", "POST", "/certificates", `{"pem":"text"}`, agent.Problem{Field: "password", Code: agent.UploadPassword}, 542, "password", ""},
		{"no base64", "POST", "/certificates", `{"pfx":"*"}`, nil, 400, "code", "bad_request"},
		{"null", "POST", "/certificates", `{"pem":null}`, nil, 542, "pem", ""},
		{"misspelt", "POST", "/certificates", `{"pen":"text"}`, nil, 542, "code", "bad_request"},
		{"too large", "POST", "/certificates", `{"pem":"` + strings.Repeat("x", 3<<20) + `"}`, nil, 413, "code", "too_large"},
		{"remove", "DELETE", "/certificates/2", "", nil, 200, "code", nil},
		{"removed", "DELETE", "/certificates/2", "", nil, 404, "code", "not_found"},
	} {
		f.problem = one.problem
		status, answer := c.call(one.method, one.path, one.body)
		got := answer[one.field]
		if fields, ok := answer["fields"].(map[string]any); ok && one.want == "" {
			got = ""
			if fields[one.field] == nil {
				got = fields
			}
		}
		if status != one.status || got != one.want {
			t.Errorf("%s: %d %v", one.name, status, answer)
		}
	}
}
