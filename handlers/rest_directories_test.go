package handlers

import (
	"encoding/json"
	"strings"
	"testing"

	"ideco-agent/agent"
)

func TestRESTDirectories(t *testing.T) {
	s := newSite(t)
	f := s.Directories.(*fakeDirectories)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	const new = `"user":"ideco@company.local","password":"secret"`
	certificate, _ := selfSigned(t, "dc1")
	quoted, _ := json.Marshal("text before\n" + certificate)
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		field                    string
		value                    any
	}{
		{"no name", "POST", "", `{` + new + `}`, 542, "code", "field_required"},
		{"no password", "POST", "", `{"name":"company.local","user":"x"}`, 542, "code", "field_required"},
		{"the gateway's own name", "POST", "", `{"name":"local",` + new + `}`, 542, "code", "field_directory_local"},
		{"not a name", "POST", "", `{"name":"10.0.0.1",` + new + `}`, 542, "code", "field_domain_name"},
		{"other kind", "POST", "", `{"name":"company.local","kind":"nis",` + new + `}`, 542, "code", "field_choice"},
		{"without encryption", "POST", "", `{"name":"company.local","transport":"ldap",` + new + `}`, 542, "code", "field_choice"},
		{"misspelt", "POST", "", `{"nmae":"company.local",` + new + `}`, 542, "code", "bad_request"},
		{"unknown group", "POST", "", `{"name":"company.local","login_groups":["x"],` + new + `}`, 542, "code", "field_directory_group"},
		{"eleven bases", "POST", "", `{"name":"company.local","ldap_paths":["a=1","a=2","a=3","a=4","a=5","a=6","a=7","a=8","a=9","a=10","a=11"],` + new + `}`, 542, "code", "field_too_many_bases"},
		{"as the vendor's", "POST", "", `{"name":"Company.Local","computer_name":"gw","dns_ips":["10.0.0.10"],"ldap_paths":["OU=x,DC=company,DC=local"],` + new + `}`, 200, "id", 1.0},
		{"twice", "POST", "", `{"name":"company.local",` + new + `}`, 542, "code", "field_directory_taken"},
		{"nothing", "PUT", "/1", `{}`, 200, "name", "company.local"},
		{"default kind", "PUT", "/1", `{}`, 200, "kind", "ad"},
		{"default transport", "PUT", "/1", `{}`, 200, "transport", "ldaps"},
		{"computer stays", "PUT", "/1", `{}`, 200, "computer_name", "gw"},
		{"no password is given back", "PUT", "/1", `{}`, 200, "password", nil},
		{"minutes", "PUT", "/1", `{"check_minutes":15}`, 200, "check_minutes", 15.0},
		{"they stay", "PUT", "/1", `{"lockout_limit":5,"lockout_minutes":10}`, 200, "check_minutes", 15.0},
		{"a rule without its time", "PUT", "/1", `{"lockout_minutes":0}`, 542, "code", "field_lockout_minutes"},
		{"half a minute", "PUT", "/1", `{"check_minutes":0.5}`, 542, "code", "bad_request"},
		{"a group", "PUT", "/1", `{"login_groups":["internet"]}`, 200, "login_groups", []any{"Internet"}},
		{"it stays", "PUT", "/1", `{"remote_groups":["VPN"]}`, 200, "login_groups", []any{"Internet"}},
		{"null", "PUT", "/1", `{"dns_ips":null}`, 542, "code", "field_required"},
		{"certificate", "PUT", "/1", `{"ca_pem":` + string(quoted) + `}`, 200, "ca_pem", certificate},
		{"no certificate", "PUT", "/1", `{"ca_pem":"x"}`, 542, "code", "field_ca"},
		{"another name", "PUT", "/1", `{"name":"other.local"}`, 542, "code", "field_directory_name"},
		{"another server without the password", "PUT", "/1", `{"controllers":["10.6.6.6"]}`, 542, "code", "field_directory_password"},
		{"with it", "PUT", "/1", `{"controllers":["DC1.Company.Local:636"],"password":"other"}`, 200, "controllers", []any{"dc1.company.local:636"}},
		{"test", "POST", "/1/test", `{"login":"petrova"}`, 200, "ok", true},
		{"test without a login", "POST", "/1/test", `{}`, 200, "person", nil},
		{"test what is not there", "POST", "/9/test", `{}`, 404, "code", "not_found"},
		{"delete", "DELETE", "/1", ``, 200, "id", nil},
		{"delete again", "DELETE", "/1", ``, 404, "code", "not_found"},
	} {
		status, answer := c.call(step.method, "/ad_backend/domains"+step.path, step.body)
		if status != step.status || !sameJSON(answer[step.field], step.value) {
			t.Errorf("%s: %d %v", step.name, status, answer)
		}
		if step.name == "with it" && f.saved[0].Password != "other" {
			t.Errorf("the password is %q", f.saved[0].Password)
		}
	}
	f.report = &agent.DirectoryReport{Steps: []agent.StepResult{{Step: agent.StepConnect, State: agent.StepFailed, Finding: agent.FindingNoAnswer, Args: map[string]string{"Host": "dc1"}}}}
	c.call("POST", "/ad_backend/domains", `{"name":"down.local",`+new+`}`)
	_, answer := c.call("POST", "/ad_backend/domains/2/test", `{}`)
	step := answer["steps"].([]any)[0].(map[string]any)
	if answer["ok"] != false || step["finding"] != "no_answer" || step["cause"] != "dc1 не отвечает." || !strings.Contains(step["cure"].(string), "контроллер") {
		t.Errorf("a failed test: %v", answer)
	}
}

func sameJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// TestRESTDirectoryUser: an account of a directory has domain_name and ldap_guid, and only the gateway's own fields can be
// changed.
func TestRESTDirectoryUser(t *testing.T) {
	s := newSite(t)
	f := s.Directories.(*fakeDirectories)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	for name, kind := range map[string]string{"ad.local": "ad", "ipa.local": "freeipa"} {
		if status, answer := c.call("POST", "/ad_backend/domains", `{"name":"`+name+`","kind":"`+kind+`","user":"x","password":"y"}`); status != 200 {
			t.Fatal(answer)
		}
	}
	for _, u := range []agent.UserID{2, 3} {
		if _, err := f.Convert(t.Context(), agent.DirectoryID(u-1), []agent.UserID{u}); err != nil {
			t.Fatal(err)
		}
	}
	types := map[any]bool{}
	for _, u := range []string{"2", "3"} {
		_, answer := c.call("PUT", "/user_backend/users/"+u, `{}`)
		types[answer["domain_type"]] = true
		if !strings.HasSuffix(answer["domain_name"].(string), ".local") || answer["ldap_guid"] != "guid-"+u {
			t.Errorf("%v", answer)
		}
	}
	if !types["ad"] || !types["ald"] {
		t.Errorf("types %v", types)
	}
	for _, step := range []struct {
		body   string
		status int
		field  string
		value  any
	}{
		{`{"comment":"c","enabled":false}`, 200, "comment", "c"},
		{`{"enabled":true,"login":"ivanov","name":"","phone_number":""}`, 200, "enabled", true},
		{`{"name":"other"}`, 542, "code", "field_directory_owned"},
		{`{"phone_number":"1"}`, 542, "code", "field_directory_owned"},
		{`{"admin":true}`, 542, "code", "field_directory_owned"},
		{`{"remote_by_groups":true}`, 200, "remote_by_groups", true},
		{`{"comment":"d"}`, 200, "remote_by_groups", true},
		{`{"remote_access":true}`, 200, "remote_by_groups", false},
		{`{"remote_access":false,"remote_by_groups":true}`, 200, "remote_by_groups", true},
	} {
		status, answer := c.call("PUT", "/user_backend/users/2", step.body)
		if status != step.status || answer[step.field] != step.value {
			t.Errorf("%s: %d %v", step.body, status, answer)
		}
	}
	if status, answer := c.call("PUT", "/user_backend/users/1", `{"remote_by_groups":true}`); status != 200 || answer["remote_by_groups"] != true {
		t.Errorf("a local account: %d %v", status, answer)
	}
}
