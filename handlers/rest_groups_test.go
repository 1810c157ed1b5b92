package handlers

import (
	"reflect"
	"strings"
	"testing"
)

// TestRESTGroups: the requests are made one after the other, and each sees what the ones before it have changed.
func TestRESTGroups(t *testing.T) {
	a := newAdministration(t)
	a.directories()
	c := restClient{t, a.h, a.boss}
	c.call("POST", "/ad_backend/domains", `{"name":"company.local","user":"u","password":"p"}`)
	c.call("POST", "/ad_backend/domains", `{"name":"down.local","user":"u","password":"p"}`)
	const groups, one, ivanov = "/user_backend/groups", "/user_backend/groups/1", "/user_backend/users/2"
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		field                    string // of the answer
		value                    any
	}{
		{"no name", "POST", groups, `{}`, 542, "code", "field_required"},
		{"space", "POST", groups, `{"name":"  "}`, 542, "code", "field_required"},
		{"office", "POST", groups, `{"name":" Офис ","remote_access":true,"devices_per_user":3,"session_hours_vpn":0.5,"forward_nets":["10.0.0.1/8"],"comment":"c"}`, 200, "id", 1.0},
		{"its name is clean", "PUT", one, `{}`, 200, "name", "Офис"},
		{"top level", "PUT", one, `{}`, 200, "parent_id", nil},
		{"local", "PUT", one, `{}`, 200, "directory", nil},
		{"networks without host bits", "PUT", one, `{}`, 200, "forward_nets", []any{"10.0.0.0/8"}},
		{"half an hour", "PUT", one, `{}`, 200, "session_hours_vpn", 0.5},
		{"nothing said", "PUT", one, `{}`, 200, "session_hours_lan", nil},
		{"the same name", "POST", groups, `{"name":"офис"}`, 542, "code", "field_group_taken"},
		{"the same name below", "POST", groups, `{"name":"офис","parent_id":1}`, 200, "id", 2.0},
		{"the number as text", "POST", groups, `{"name":"Склад","parent_id":"1"}`, 200, "id", 3.0},
		{"the last one", "PUT", groups + "/3", `{}`, 200, "position", 2.0},
		{"to the front", "PUT", groups + "/3", `{"position":1}`, 200, "position", 1.0},
		{"and so another", "PUT", groups + "/2", `{}`, 200, "position", 2.0},
		{"no such parent", "POST", groups, `{"name":"x","parent_id":77}`, 542, "code", "field_group"},
		{"zero", "POST", groups, `{"name":"x","parent_id":0}`, 542, "code", "field_group"},
		{"a word for a parent", "PUT", one, `{"parent_id":"office"}`, 542, "code", "field_group"},
		{"a list for a parent", "PUT", one, `{"parent_id":[1]}`, 542, "code", "field_group"},
		{"no such parent for a change", "PUT", one, `{"parent_id":77}`, 542, "code", "field_group"},
		{"below itself", "PUT", one, `{"parent_id":2}`, 542, "code", "field_group_depth"},
		{"itself", "PUT", one, `{"parent_id":1}`, 542, "code", "field_group_depth"},
		{"no devices", "PUT", one, `{"devices_per_user":0}`, 542, "message", "Введите целое число от 1 до 100."},
		{"half a device", "PUT", one, `{"devices_per_user":1.5}`, 542, "code", "bad_request"},
		{"devices in words", "PUT", one, `{"devices_per_user":"three"}`, 542, "code", "bad_request"},
		{"no time", "PUT", one, `{"session_hours_lan":0}`, 542, "code", "field_session_hours"},
		{"too long", "PUT", one, `{"session_hours_lan":1e300}`, 542, "code", "field_session_hours"},
		{"a bad network", "PUT", one, `{"forward_nets":["office"]}`, 542, "code", "field_network"},
		{"IPv6", "PUT", one, `{"forward_nets":["2001:db8::/32"]}`, 542, "code", "field_tunnel_address"},
		{"null in a list", "PUT", one, `{"forward_nets":["10.0.0.0/8",null]}`, 542, "code", "field_network"},
		{"null for a name", "PUT", one, `{"name":null}`, 542, "code", "field_required"},
		{"null for administration", "PUT", one, `{"admin":null}`, 542, "code", "field_required"},
		{"misspelt", "PUT", one, `{"nam":"x"}`, 542, "code", "bad_request"},
		{"a negative place", "PUT", one, `{"position":-1}`, 542, "code", "field_number"},
		{"nothing of this was saved", "PUT", one, `{}`, 200, "devices_per_user", 3.0},
		{"everything", "PUT", one, `{"forward_nets":[]}`, 200, "forward_nets", []any{}},
		{"everything as a network", "PUT", one, `{"forward_nets":["0.0.0.0/0","10.0.0.0/8"]}`, 200, "forward_nets", []any{}},
		{"as above", "PUT", one, `{"forward_nets":null,"devices_per_user":null,"session_hours_vpn":null}`, 200, "forward_nets", nil},
		{"all as above", "PUT", one, `{}`, 200, "devices_per_user", nil},

		{"an account in it", "PUT", ivanov, `{"parent_id":1,"remote_by_groups":true}`, 200, "remote_access", true},
		{"what it says", "PUT", ivanov, `{}`, 200, "parent_id", "1"},
		{"its own right", "PUT", ivanov, `{"remote_access":false}`, 200, "remote_by_groups", false},
		{"the group's again", "PUT", ivanov, `{"remote_by_groups":true}`, 200, "remote_access", true},
		{"the group denies it", "PUT", one, `{"remote_access":false}`, 200, "remote_access", false},
		{"so it has none", "PUT", ivanov, `{}`, 200, "remote_access", false},
		{"the group sets nothing", "PUT", one, `{"remote_access":null,"admin":true}`, 200, "remote_access", nil},
		{"an administrator by the group", "PUT", ivanov, `{}`, 200, "admin_by_group", true},
		{"that is no own choice", "PUT", ivanov, `{"admin_by_group":false}`, 200, "admin", false},
		{"and still one", "PUT", ivanov, `{}`, 200, "admin_by_group", true},
		{"own numbers", "PUT", ivanov, `{"devices_per_user":2,"session_hours_lan":1.5,"forward_nets":["192.168.0.0/16"]}`, 200, "devices_per_user", 2.0},
		{"own networks", "PUT", ivanov, `{}`, 200, "forward_nets", []any{"192.168.0.0/16"}},
		{"none of its own", "PUT", ivanov, `{"devices_per_user":null,"session_hours_lan":null,"forward_nets":null}`, 200, "session_hours_lan", nil},
		{"an account's bad number", "PUT", ivanov, `{"devices_per_user":101}`, 542, "code", "field_devices"},
		{"an account in no group at all", "PUT", ivanov, `{"parent_id":99}`, 542, "code", "field_group"},
		{"a new account follows its group", "POST", "/user_backend/users", `{"login":"petrova","psw":"long enough","parent_id":1}`, 200, "id", 4.0},
		{"as it says", "PUT", "/user_backend/users/4", `{}`, 200, "remote_by_groups", true},
		{"a new account with its own right", "POST", "/user_backend/users", `{"login":"sidorov","psw":"long enough","remote_access":true}`, 200, "id", 5.0},
		{"keeps it", "PUT", "/user_backend/users/5", `{}`, 200, "remote_by_groups", false},
		{"out of the group", "PUT", ivanov, `{"parent_id":null}`, 200, "admin_by_group", false},

		{"a directory alone", "POST", groups, `{"name":"x","directory":"company.local"}`, 542, "code", "field_required"},
		{"a directory's group alone", "POST", groups, `{"name":"x","directory_group":"VPN"}`, 542, "code", "field_required"},
		{"an unknown directory", "POST", groups, `{"directory":"other.local","directory_group":"VPN"}`, 542, "code", "field_no_directory"},
		{"an unknown group there", "POST", groups, `{"directory":"company.local","directory_group":"None"}`, 542, "code", "field_directory_group"},
		{"a part of the name", "POST", groups, `{"directory":"company.local","directory_group":"Domain"}`, 542, "code", "field_directory_group"},
		{"a directory that does not answer", "POST", groups, `{"directory":"down.local","directory_group":"VPN"}`, 503, "code", "directory_unreachable"},
		{"by name", "POST", groups, `{"directory":"company.local","directory_group":"vpn","parent_id":1}`, 200, "id", 4.0},
		{"named like it", "PUT", groups + "/4", `{}`, 200, "name", "VPN"},
		{"of the directory", "PUT", groups + "/4", `{"directory":"company.local","directory_group":"VPN"}`, 200, "directory_group", "VPN"},
		{"by DN", "POST", groups, `{"name":"Сеть","directory":"company.local","directory_group":"CN=Internet,OU=Groups,DC=company,DC=local"}`, 200, "id", 5.0},
		{"by SID", "POST", groups, `{"directory":"company.local","directory_group":"S-1-5-21-1-2-3-99999"}`, 200, "id", 6.0},
		{"named like that", "PUT", groups + "/6", `{}`, 200, "name", "Far"},
		{"it is one", "POST", groups, `{"name":"x","directory":"company.local","directory_group":"CN=Far\\, away,DC=company,DC=local"}`, 542, "code", "field_group_member"},
		{"several of that name", "POST", groups, `{"directory":"company.local","directory_group":"Twice"}`, 542, "code", "field_group_ambiguous"},
		{"twice", "POST", groups, `{"name":"Другая","directory":"company.local","directory_group":"VPN"}`, 542, "code", "field_group_member"},
		{"made local", "PUT", groups + "/4", `{"directory":null}`, 542, "code", "field_group_directory"},
		{"of another group", "PUT", groups + "/4", `{"directory_group":"Internet"}`, 542, "code", "field_group_directory"},
		{"a local one gets a directory", "PUT", one, `{"directory":"company.local"}`, 542, "code", "field_group_directory"},
		{"an account cannot be put into it", "PUT", ivanov, `{"parent_id":4}`, 542, "code", "field_group_not_local"},

		{"no parent as big as that", "PUT", one, `{"parent_id":1e30}`, 542, "code", "field_group"},
		{"a fraction for a parent", "PUT", one, `{"parent_id":1.5}`, 542, "code", "field_group"},
		{"an empty parent", "PUT", one, `{"parent_id":""}`, 542, "code", "field_group"},
		{"a place far away", "PUT", one, `{"position":1000000000000}`, 200, "id", "1"},
		{"a place beyond numbers", "PUT", one, `{"position":1e30}`, 542, "code", "bad_request"},
		{"a long name", "PUT", one, `{"name":"` + strings.Repeat("я", 65) + `"}`, 542, "code", "field_too_long"},
		{"words for remote access", "PUT", one, `{"remote_access":"yes"}`, 542, "code", "bad_request"},
		{"a negative number", "PUT", one, `{"devices_per_user":-1}`, 542, "code", "field_devices"},
		{"a number for networks", "PUT", one, `{"forward_nets":7}`, 542, "code", "bad_request"},
		{"a number for a directory", "POST", groups, `{"directory":7,"directory_group":"VPN"}`, 542, "code", "bad_request"},
		{"nothing for an account's remote access", "PUT", ivanov, `{"remote_access":null}`, 542, "code", "field_required"},
		{"nothing for its source", "PUT", ivanov, `{"remote_by_groups":null}`, 542, "code", "field_required"},
		{"an account below a word", "PUT", ivanov, `{"parent_id":"x"}`, 542, "code", "field_group"},
		{"an account's session without length", "PUT", ivanov, `{"session_hours_vpn":0}`, 542, "code", "field_session_hours"},
		{"an account's session without end", "PUT", ivanov, `{"session_hours_vpn":1e300}`, 542, "code", "field_session_hours"},
		{"an account's networks", "PUT", ivanov, `{"forward_nets":["x"]}`, 542, "code", "field_network"},
		{"an account's half device", "PUT", ivanov, `{"devices_per_user":0.5}`, 542, "code", "bad_request"},
		{"a new account without a source", "POST", "/user_backend/users", `{"login":"x","psw":"long enough","remote_access":null}`, 542, "code", "field_required"},
		{"a new account in no group", "POST", "/user_backend/users", `{"login":"x","psw":"long enough","parent_id":99}`, 542, "code", "field_group"},
		{"a new account with a bad number", "POST", "/user_backend/users", `{"login":"x","psw":"long enough","devices_per_user":101}`, 542, "code", "field_devices"},
		{"no object", "PUT", one, `[]`, 400, "code", "bad_request"},
		{"no group", "DELETE", groups + "/9999999999999999999999", "", 404, "code", "not_found"},

		{"delete", "DELETE", one, "", 200, "", nil},
		{"gone", "PUT", one, `{}`, 404, "code", "not_found"},
		{"what was inside it is on the top level", "PUT", groups + "/2", `{}`, 200, "parent_id", nil},
		{"so are its accounts", "PUT", "/user_backend/users/4", `{}`, 200, "parent_id", nil},
		{"another spelling of the number", "DELETE", groups + "/+2", "", 404, "code", "not_found"},
	} {
		status, answer := c.call(step.method, step.path, step.body)
		if status != step.status || step.field != "" && !reflect.DeepEqual(answer[step.field], step.value) {
			t.Errorf("%s: %d %v, want %d and %s = %v", step.name, status, answer, step.status, step.field, step.value)
		}
	}
}
