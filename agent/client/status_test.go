package client

import (
	"reflect"
	"testing"
)

// The same status is not reported twice in a row. A notice replaces one with the same code.
func TestReport(t *testing.T) {
	var codes []string
	var last Status
	c := newClient(Config{Host: "gw.ru", Port: 1, Login: "i", Events: func(s Status, added *Notice) {
		codes, last = append(codes, eventOf(s, added).Code), s
	}})
	c.show(Connecting, "state", "m")
	c.show(Connecting, "state", "m")
	c.addNotice("a", "1")
	c.addNotice("b", "1")
	c.addNotice("b", "1")
	c.addNotice("a", "2")
	c.addNotice("c", "")
	c.show(Connecting, "state", "m") // differs from the last report
	c.addNotice("a", "2")
	if want := []string{"state", "a", "b", "a", "state", "a"}; !reflect.DeepEqual(codes, want) {
		t.Errorf("reported %q, want %q", codes, want)
	}
	want := Status{State: Connecting, Code: "state", Message: "m", Server: "gw.ru:1", Login: "i", Notices: []Notice{{"b", "1"}, {"a", "2"}}}
	if !reflect.DeepEqual(last, want) {
		t.Errorf("%+v, want %+v", last, want)
	}
}
