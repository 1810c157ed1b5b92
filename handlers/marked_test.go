package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// refusedForms are all forms of the pages in which something is typed or chosen, with values that are refused. The administrator boss
// is account 1, ivanov is 2. marked are the ids of the fields, in the order of the page.
var refusedForms = []struct {
	page, action string
	values       url.Values
	marked       []string
}{
	{"/admin/agent", "/admin/agent/domain", url.Values{"auth_domain": {"not a name"}}, []string{"auth_domain"}},
	{"/admin/agent", "/admin/agent/settings", url.Values{"local_networks": {"x"}, "device_policy": {"none"}},
		[]string{"local_networks", "session_hours_lan", "session_hours_vpn", "grace_seconds", "devices_per_user", "device_policy", "journal_days", "journal_mb"}},
	{"/admin/agent", "/admin/agent/browser", url.Values{"browser_sign_in_networks": {"x"}}, []string{"browser_sign_in_networks"}},
	{"/admin/agent", "/admin/agent/vpn", url.Values{"vpn_network": {"10.0.0.0/40"}, "forward": {"all"}, "dns": {"x"}}, []string{"vpn_network", "dns"}},
	{"/admin/gateway", "/admin/gateway", url.Values{"open_before_login": {"x"}, "firewall_timeout_seconds": {"x"}}, []string{"open_before_login", "firewall_timeout_seconds"}},
	{"/admin/certificate", "/admin/certificate/acme", url.Values{"ca": {"other"}, "email": {"x"}, "directory": {""}}, []string{"email", "directory"}},
	{"/admin/certificate", "/admin/certificate/upload", url.Values{"text": {"x"}}, []string{"files"}},
	{"/admin/users/new", "/admin/users", url.Values{"login": {"a/b"}, "psw": {"short"}}, []string{"login", "psw"}},
	{"/admin/users/2", "/admin/users/2", url.Values{"login": {""}, "parent_id": {"77"}}, []string{"login", "parent_id"}},
	{"/admin/users/2", "/admin/users/2/password", url.Values{"psw": {"short"}}, []string{"psw"}},
	{"/admin/users/2", "/admin/users/2/rules", url.Values{"rule_ip": {"x"}, "rule_mac": {"x"}}, []string{"rule_ip", "rule_mac"}},
	{"/admin/users/import", "/admin/users/import", nil, []string{"file"}},
	{"/admin/groups/new", "/admin/groups", url.Values{"name": {""}, "remote_access": {"x"}}, []string{"name", "remote_access"}},
	{"/admin/groups/1", "/admin/groups/1", url.Values{"name": {""}, "remote_access": {templates.RemoteByGroups}, "forward": {"x"}}, []string{"name", "forward"}},
	{"/admin/directories/new", "/admin/directories/new", url.Values{"kind": {"ad"}, "check_minutes": {"x"}}, []string{"name", "user", "transport", "check_minutes"}},
	{"/admin/directories/1", "/admin/directories/1", url.Values{"kind": {"ad"}, "transport": {"ldaps"}, "user": {"x@company.local"}, "check_minutes": {"x"}}, []string{"check_minutes"}},
	{"/admin/directories/1", "/admin/directories/1/keytab", nil, []string{"keytab"}},
	{"/cabinet", "/cabinet/password", url.Values{"current": {"x"}, "psw": {"short"}}, []string{"psw"}},
	{"/login", "/login/password", url.Values{"login": {"ivanov"}, "psw": {"one"}, "psw2": {"two"}}, []string{"password", "psw2"}},
	{"/setup/the-token", "/setup/the-token", url.Values{"login": {""}, "psw": {"short"}}, []string{"login", "psw"}},
}

// formsWithoutMarks are forms that no value makes invalid, or that answer with a text above the form.
var formsWithoutMarks = map[string]string{
	"/login":                  "a wrong login or password is not told apart",
	"/admin/users/bulk":       "an unknown act changes nothing",
	"/admin/groups/1/place":   "only groups that exist can be chosen",
	"/admin/groups/directory": "only directories that exist can be chosen",
	"/admin/agent/state":      "it is one switch",
	"/admin/columns":          "unknown columns are left out",
}

// TestRefusedForms: the message of a refused form names and links each field with an error. Each of these fields has its error as its
// description, and the first one gets the focus.
func TestRefusedForms(t *testing.T) {
	a := newAdministration(t)
	a.wants(a.post("/admin/groups", url.Values{"name": {"Office"}, "remote_access": {templates.RemoteByGroups}}), http.StatusSeeOther)
	a.wants(a.post("/admin/directories/new", directoryForm("company.local")), http.StatusSeeOther)
	uploads := newUploadFake(a)
	uploads.problem = agent.Problem{Field: "certificate", Code: "field_certificate_none"}
	typed := map[string]bool{}
	for _, f := range refusedForms {
		typed[f.action] = true
		t.Run(strings.TrimPrefix(f.action, "/")+" "+f.values.Encode(), func(t *testing.T) {
			a := administration{t, a.site, a.gate, a.h, a.boss}
			if strings.HasPrefix(f.page, "/login") || strings.HasPrefix(f.page, "/setup") {
				a = a.stranger()
			}
			w := a.sendAsTheForm(f.page, f.action, f.values)
			checkMarked(t, w, f.marked)
		})
	}
	for _, path := range []string{"/admin/agent", "/admin/gateway", "/admin/certificate", "/admin/users", "/admin/users/new", "/admin/users/2", "/admin/users/import",
		"/admin/groups", "/admin/groups/new", "/admin/groups/1", "/admin/groups/directory", "/admin/directories/new", "/admin/directories/1", "/admin/monitor/sessions",
		"/admin/monitor/vpn", "/cabinet"} {
		goqueryFind(t, a.get(path), "html").Find("form[method=post]").Each(func(_ int, form *goquery.Selection) {
			action := form.AttrOr("action", "")
			if form.Find("input:not([type=hidden]):not([readonly]), textarea, select").Length() > 0 && !typed[action] && formsWithoutMarks[action] == "" {
				t.Errorf("%s: the form %s is in no list of this test", path, action)
			}
		})
	}
}

// sendAsTheForm sends values as the form of a page sends them: with files or without.
func (a administration) sendAsTheForm(path, action string, values url.Values) *httptest.ResponseRecorder {
	a.t.Helper()
	if strings.HasSuffix(action, "/upload") || strings.HasSuffix(action, "/import") || strings.HasSuffix(action, "/keytab") {
		return a.postFiles(action, values, "none", "none")
	}
	return a.post(action, values)
}

func checkMarked(t *testing.T, w *httptest.ResponseRecorder, want []string) {
	t.Helper()
	if w.Code != http.StatusBadRequest {
		t.Errorf("status %d", w.Code)
	}
	doc := goqueryFind(t, w.Body.String(), "html")
	var linked []string
	doc.Find(".banner[role=alert] a").Each(func(_ int, link *goquery.Selection) {
		id := strings.TrimPrefix(link.AttrOr("href", ""), "#")
		linked = append(linked, id)
		field := doc.Find("#" + id)
		if field.Length() != 1 {
			t.Errorf("%d elements have the id %s", field.Length(), id)
		}
		if field.AttrOr("aria-invalid", "") != "true" {
			t.Errorf("%s is not marked", id)
		}
		note := doc.Find("#" + field.AttrOr("aria-describedby", "none"))
		if text := strings.TrimSpace(note.Text()); text == "" || !strings.Contains(link.Parent().Text(), text) {
			t.Errorf("%s is described by %q, and the message says %q", id, text, link.Parent().Text())
		}
		if label := labelOf(doc, field); label == "" || label != link.Text() {
			t.Errorf("%s has the label %q, and the message says %q", id, label, link.Text())
		}
	})
	if !slices.Equal(linked, want) {
		t.Errorf("the message leads to %q instead of %q", linked, want)
	}
	if text := doc.Find(".banner[role=alert] p").Text(); !regexp.MustCompile(`Исправьте \d+ выделенн`).MatchString(text) {
		t.Errorf("the message is %q", text)
	}
	if focused := doc.Find("[autofocus]"); focused.Length() != 1 || focused.AttrOr("id", "") != want[0] {
		t.Errorf("%d fields have the focus, first %q", focused.Length(), focused.AttrOr("id", ""))
	}
	if shut := doc.Find("details:not([open]) [aria-invalid]"); shut.Length() > 0 {
		t.Errorf("%s is folded away", shut.AttrOr("id", ""))
	}
}

// labelOf returns the name of a field or of a group of choices.
func labelOf(doc, field *goquery.Selection) string {
	if label := doc.Find("label[for=" + field.AttrOr("id", "") + "]"); label.Length() > 0 {
		return label.Text()
	}
	return field.ChildrenFiltered("legend").Text() + field.AttrOr("aria-label", "")
}
