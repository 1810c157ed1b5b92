package agent

import (
	"reflect"
	"testing"
)

// TestUpdated: the directory's values replace the account's, except for those that only the gateway knows.
func TestUpdated(t *testing.T) {
	u := User{ID: 1, Login: "a", Directory: "company.ru", Enabled: true, Phone: "1", Comment: "c", GUID: "g", Refused: CodeNotPermitted}
	p := DirectoryPerson{Directory: "company.ru", GUID: "g", Login: "b", Name: "B", Remote: true}
	want := u
	want.Login, want.Name, want.Refused, want.RemoteInDirectory = "b", "B", "", true
	if got := u.Updated(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	u.RemoteByGroups, p.Phone, p.Refused = true, "2", CodeAccountExpired
	want.RemoteByGroups, want.RemoteAccess, want.Phone, want.Refused = true, true, "2", CodeAccountExpired
	if got := u.Updated(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, code := range []Code{CodeAccountLocked, CodePasswordExpired} { // these refuse logins but end no access
		p.Refused = code
		if got := u.Updated(p); got.Refused != "" {
			t.Errorf("%s: refused is %q", code, got.Refused)
		}
	}
}
