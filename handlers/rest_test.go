package handlers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// restClient sends REST requests to the real routes as a signed-in account.
type restClient struct {
	t       *testing.T
	h       http.Handler
	cookies []*http.Cookie
}

// call returns the status and the JSON object of the answer; the object is empty if the answer is a list.
func (c restClient) call(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	r := httptest.NewRequest(method, "https://gw.example.test"+path, strings.NewReader(body))
	r.RemoteAddr = "192.168.7.20:40000"
	r.Header.Set("Content-Type", "application/json")
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	answer := map[string]any{}
	if !strings.HasPrefix(strings.TrimSpace(w.Body.String()), "[") {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code, answer
}

// TestREST: the requests are made one after the other, and each sees what the ones before it have changed.
func TestREST(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		field                    string // of the answer
		value                    any
	}{
		{"state", "GET", "/agent_backend/wireguard/state", "", 200, "enabled", true},
		{"off", "PUT", "/agent_backend/wireguard/state", `{"enabled":false}`, 200, "enabled", false},
		{"nothing to set", "PUT", "/agent_backend/wireguard/state", `{}`, 542, "code", "field_required"},
		{"no domain yet", "GET", "/agent_backend/wireguard/setting", "", 200, "auth_domain", nil},
		{"domain", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"Шлюз.РФ"}`, 200, "auth_domain", "xn--g1ah2bza.xn--p1ai"},
		{"one field", "PUT", "/agent_backend/wireguard/setting", `{"session_hours_lan":0.001}`, 200, "session_hours_lan", 0.001},
		{"the others stay", "GET", "/agent_backend/wireguard/setting", "", 200, "auth_domain", "xn--g1ah2bza.xn--p1ai"},
		{"no domain any more", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":null}`, 200, "auth_domain", nil},
		{"a domain with a scheme", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"https://gw.ru"}`, 542, "code", "field_domain"},
		{"a domain with a port", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"gw.ru:8443"}`, 542, "message", "Здесь нужен только адрес шлюза. Уберите лишнее: «:8443». Порт агент знает сам."},
		{"a domain as in a browser", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"https://gw.ru:8443/"}`, 542, "message", "Здесь нужен только адрес шлюза. Уберите лишнее: «https:// :8443 /». Порт агент знает сам."},
		{"an address with a port", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"[2001:db8::1]:8443"}`, 542, "code", "field_domain_port"},
		{"a domain that is link-local", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"169.254.1.1"}`, 542, "code", "field_domain_unusable"},
		{"a domain in the VPN network", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"10.128.0.1"}`, 542, "code", "field_domain_vpn"},
		{"a domain that is a broadcast", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"192.168.7.255"}`, 542, "code", "field_domain_unusable"},
		{"an address as the domain", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"10.77.0.1"}`, 200, "auth_domain", "10.77.0.1"},
		{"a VPN network around it", "PUT", "/agent_backend/wireguard/setting", `{"vpn_network":"10.77.0.0/16"}`, 542, "code", "field_vpn_domain"},
		{"a suffix with an underscore", "PUT", "/agent_backend/wireguard/setting", `{"dns_suffix":["Old_AD.local"]}`, 200, "dns_suffix", []any{"old_ad.local"}},
		{"too short", "PUT", "/agent_backend/wireguard/setting", `{"session_hours_vpn":0.0001}`, 542, "code", "field_session_hours"},
		{"huge", "PUT", "/agent_backend/wireguard/setting", `{"session_hours_vpn":1e300}`, 542, "code", "field_session_hours"},
		{"not a network", "PUT", "/agent_backend/wireguard/setting", `{"local_networks":["office"]}`, 542, "code", "field_network"},
		{"IPv6 in the tunnel", "PUT", "/agent_backend/wireguard/setting", `{"forward_nets":["2001:db8::/32"]}`, 542, "code", "field_tunnel_address"},
		{"null", "PUT", "/agent_backend/wireguard/setting", `{"vpn_network":null}`, 542, "code", "field_required"},
		{"null for an object", "PUT", "/agent_backend/wireguard/setting", `null`, 400, "code", "bad_request"},
		{"a list for an object", "PUT", "/agent_backend/wireguard/setting", `[]`, 400, "code", "bad_request"},
		{"null in a list", "PUT", "/agent_backend/wireguard/setting", `{"dns_suffix":["a.ru",null]}`, 542, "code", "field_required"},
		{"null for a switch", "PUT", "/agent_backend/wireguard/state", `{"enabled":null}`, 542, "code", "field_required"},
		{"null for the domain", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":null}`, 200, "auth_domain", nil},
		{"misspelt", "PUT", "/agent_backend/wireguard/setting", `{"auth_domian":"gw.ru"}`, 542, "code", "bad_request"},
		{"wrong type", "PUT", "/agent_backend/wireguard/setting", `{"devices_per_user":"five"}`, 542, "code", "bad_request"},
		{"journal by default", "GET", "/agent_backend/wireguard/setting", "", 200, "journal_days", 190.0},
		{"its size by default", "GET", "/agent_backend/wireguard/setting", "", 200, "journal_mb", 500.0},
		{"a shorter journal", "PUT", "/agent_backend/wireguard/setting", `{"journal_days":1,"journal_mb":10}`, 200, "journal_days", 1.0},
		{"a smaller one", "GET", "/agent_backend/wireguard/setting", "", 200, "journal_mb", 10.0},
		{"no journal", "PUT", "/agent_backend/wireguard/setting", `{"journal_days":0}`, 542, "code", "field_journal_days"},
		{"a journal for ever", "PUT", "/agent_backend/wireguard/setting", `{"journal_days":1827}`, 542, "code", "field_journal_days"},
		{"a journal too small", "PUT", "/agent_backend/wireguard/setting", `{"journal_mb":9}`, 542, "code", "field_journal_mb"},
		{"a journal too large", "PUT", "/agent_backend/wireguard/setting", `{"journal_mb":100001}`, 542, "code", "field_journal_mb"},
		{"a journal of null", "PUT", "/agent_backend/wireguard/setting", `{"journal_mb":null}`, 542, "code", "field_required"},
		{"two objects", "PUT", "/agent_backend/wireguard/setting", `{}{}`, 400, "code", "bad_request"},
		{"no interface yet", "GET", "/agent_backend/wireguard/setting", "", 200, "lan_interfaces", []any{}},
		{"masquerade by default", "GET", "/agent_backend/wireguard/setting", "", 200, "masquerade", true},
		{"timeout by default", "GET", "/agent_backend/wireguard/setting", "", 200, "firewall_timeout_seconds", 60.0},
		{"peers by default", "GET", "/agent_backend/wireguard/setting", "", 200, "vpn_peers_may_talk", false},
		{"LAN alone", "PUT", "/agent_backend/wireguard/setting", `{"lan_interfaces":["lan0"]}`, 542, "code", "field_wan_missing"},
		{"LAN and WAN", "PUT", "/agent_backend/wireguard/setting", `{"lan_interfaces":["lan0","lan1"],"wan_interfaces":["wan0"]}`, 200, "lan_interfaces", []any{"lan0", "lan1"}},
		{"the interfaces stay", "PUT", "/agent_backend/wireguard/setting", `{"masquerade":false,"vpn_peers_may_talk":true}`, 200, "wan_interfaces", []any{"wan0"}},
		{"one interface as LAN and WAN", "PUT", "/agent_backend/wireguard/setting", `{"wan_interfaces":["lan0"]}`, 542, "code", "field_interface_twice"},
		{"not an interface name", "PUT", "/agent_backend/wireguard/setting", `{"wan_interfaces":["../wan"]}`, 542, "code", "field_interface"},
		{"null interfaces", "PUT", "/agent_backend/wireguard/setting", `{"lan_interfaces":null}`, 542, "code", "field_required"},
		{"open", "PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["10.0.0.53","2001:db8::53"]}`, 200, "open_before_login", []any{"10.0.0.53", "2001:db8::53"}},
		{"open at a port", "PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["10.0.0.53","192.0.2.53:53","[2001:db8::53]:53","192.0.2.53:53"]}`, 200, "open_before_login", []any{"10.0.0.53", "192.0.2.53:53", "[2001:db8::53]:53"}},
		{"open at no port", "PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["192.0.2.53:0"]}`, 542, "code", "field_open_port"},
		{"open at a port beyond the last", "PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["192.0.2.53:65536"]}`, 542, "code", "field_open_port"},
		{"open to a name", "PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["dns.example:53"]}`, 542, "code", "field_address"},
		{"open to a network", "PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["10.0.0.0/8"]}`, 542, "code", "field_address"},
		{"open to a loopback address", "PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["127.0.0.1"]}`, 542, "code", "field_open_address"},
		{"a timeout", "PUT", "/agent_backend/wireguard/setting", `{"firewall_timeout_seconds":10}`, 200, "firewall_timeout_seconds", 10.0},
		{"too short a timeout", "PUT", "/agent_backend/wireguard/setting", `{"firewall_timeout_seconds":9}`, 542, "code", "field_firewall_timeout"},
		{"a timeout that overflows", "PUT", "/agent_backend/wireguard/setting", `{"firewall_timeout_seconds":9223372036854775807}`, 542, "code", "field_firewall_timeout"},
		{"no interfaces any more", "PUT", "/agent_backend/wireguard/setting", `{"lan_interfaces":[],"wan_interfaces":[]}`, 200, "wan_interfaces", []any{}},
		{"not JSON", "PUT", "/agent_backend/wireguard/setting", `auth_domain=x`, 400, "code", "bad_request"},
		{"too large", "PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "code", "too_large"},

		{"a group", "POST", "/user_backend/groups", `{"name":"Все","parent_id":null}`, 200, "id", 1.0},
		{"account", "POST", "/user_backend/users", `{"login":"petrov","name":"Пётр","psw":"long enough","parent_id":1,"domain_type":"local"}`, 200, "id", 4.0},
		{"taken", "POST", "/user_backend/users", `{"login":"PETROV","psw":"long enough"}`, 542, "code", "field_login_taken"},
		{"weak", "POST", "/user_backend/users", `{"login":"sidorov","psw":"short"}`, 542, "code", "field_password_short"},
		{"no login", "POST", "/user_backend/users", `{"psw":"long enough"}`, 542, "code", "field_required"},
		{"from a directory", "POST", "/user_backend/users", `{"login":"x","psw":"long enough","domain_type":"ad"}`, 542, "code", "field_domain_type"},
		{"change", "PUT", "/user_backend/users/4", `{"remote_access":true,"comment":"c"}`, 200, "remote_access", true},
		{"what is left out stays", "PUT", "/user_backend/users/4", `{}`, 200, "name", "Пётр"},
		{"null", "PUT", "/user_backend/users/4", `{"enabled":null}`, 542, "code", "field_required"},
		{"null for a password", "PUT", "/user_backend/change_password/4", `{"psw":null}`, 542, "code", "field_required"},
		{"null for the kind of domain", "PUT", "/user_backend/users/4", `{"domain_type":null}`, 542, "code", "field_required"},
		{"its group", "PUT", "/user_backend/users/4", `{}`, 200, "parent_id", "1"},
		{"null sent back where the answer has null", "PUT", "/user_backend/users/4", `{"parent_id":null,"domain_name":null,"ldap_guid":null}`, 200, "ldap_guid", nil},
		{"another spelling of the number", "PUT", "/user_backend/users/+4", `{}`, 404, "code", "not_found"},
		{"zeros before the number", "PUT", "/user_backend/users/04", `{}`, 404, "code", "not_found"},
		{"a password, which only change_password takes", "PUT", "/user_backend/users/4", `{"psw":"another one"}`, 542, "code", "field_password_elsewhere"},
		{"password", "PUT", "/user_backend/change_password/4", `{"psw":"another one"}`, 200, "", nil},
		{"no VPN", "PATCH", "/user_backend/users/4/disable-vpn", ``, 200, "", nil},
		{"no VPN any more", "PUT", "/user_backend/users/4", `{}`, 200, "remote_access", false},
		{"delete", "DELETE", "/user_backend/users/4", "", 200, "", nil},
		{"gone", "PUT", "/user_backend/users/4", `{}`, 404, "code", "not_found"},
		{"not a number", "PUT", "/user_backend/users/x", `{}`, 404, "code", "not_found"},
		{"the last administrator", "DELETE", "/user_backend/users/1", "", 542, "code", "alert_last_administrator"},
		{"the last administrator, off", "PUT", "/user_backend/users/1", `{"enabled":false}`, 542, "code", "alert_last_administrator"},

		{"sessions", "GET", "/monitor_backend/auth_sessions", "", 200, "", nil},
		{"no such session", "DELETE", "/monitor_backend/auth_sessions/x", "", 404, "code", "not_found"},
		{"no such path", "GET", "/agent_backend/x", "", 404, "code", "not_found"},
		{"null for a login", "POST", "/web/auth/login", `{"login":null,"password":"x"}`, 542, "code", "field_required"},
		{"wrong password", "POST", "/web/auth/login", `{"login":"boss","password":"wrong"}`, 401, "code", "bad_credentials"},
		{"logout", "DELETE", "/web/auth/login", "", 200, "", nil},
		{"signed out", "GET", "/agent_backend/wireguard/state", "", 401, "code", "not_signed_in"},
	} {
		status, answer := c.call(step.method, step.path, step.body)
		if status != step.status || step.field != "" && !reflect.DeepEqual(answer[step.field], step.value) {
			t.Errorf("%s: %d %v, want %d and %s = %v", step.name, status, answer, step.status, step.field, step.value)
		}
		if message, _ := answer["message"].(string); status >= 400 && message == "" {
			t.Errorf("%s: no message in %v", step.name, answer)
		}
	}
}

// TestRESTFormerDomains: a new domain makes the previous one a former domain, also if a script sends back everything that it has
// read. A PUT can remove former domains and cannot add any.
func TestRESTFormerDomains(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	const path = "/agent_backend/wireguard/setting"
	for _, step := range []struct {
		body   string
		status int
		former []any
	}{
		{`{"auth_domain":"a.ru"}`, 200, []any{}},
		{`{"auth_domain":"b.ru","former_domains":[]}`, 200, []any{"a.ru"}},
		{`{"auth_domain":"203.0.113.7","former_domains":["a.ru"]}`, 200, []any{"b.ru", "a.ru"}},
		{`{"auth_domain":"d.ru","former_domains":["a.ru","203.0.113.7","b.ru"]}`, 200, []any{"203.0.113.7", "b.ru", "a.ru"}},
		{`{"former_domains":["d.ru","A.ru","b.ru"]}`, 200, []any{"b.ru", "a.ru"}},
		{`{"former_domains":["a.ru","other.ru"]}`, 542, []any{"b.ru", "a.ru"}},
		{`{"former_domains":["203.0.113.7"]}`, 542, []any{"b.ru", "a.ru"}},
		{`{"former_domains":"a.ru"}`, 542, []any{"b.ru", "a.ru"}},
		{`{"former_domains":null}`, 542, []any{"b.ru", "a.ru"}},
		{`{"auth_domain":"a.ru"}`, 200, []any{"d.ru", "b.ru"}},
		{`{"former_domains":["d.ru"]}`, 200, []any{"d.ru"}},
		{`{"former_domains":[]}`, 200, []any{}},
	} {
		status, answer := c.call("PUT", path, step.body)
		_, now := c.call("GET", path, "")
		if status != step.status || !reflect.DeepEqual(now["former_domains"], step.former) {
			t.Errorf("%s: %d %v, former domains %v, want %v", step.body, status, answer["message"], now["former_domains"], step.former)
		}
	}
}

// listOfObjects parses an answer.
func listOfObjects(t *testing.T, b []byte) (list []map[string]any) {
	t.Helper()
	if err := json.Unmarshal(b, &list); err != nil || len(list) == 0 {
		t.Fatalf("%v in %s", err, b)
	}
	return list
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
