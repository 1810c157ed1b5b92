package agent

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
)

func opens(texts ...string) []OpenServer {
	list := make([]OpenServer, len(texts))
	for i, text := range texts {
		o, err := ParseOpen(text)
		if err != nil {
			panic(err)
		}
		list[i] = o
	}
	return list
}

func TestOpenAsText(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::1")
	for text, want := range map[string]OpenServer{
		"192.0.2.53": {Addr: four}, "192.0.2.53:53": {four, 53}, "2001:db8::1": {Addr: six}, "[2001:db8::1]:65535": {six, 65535},
	} {
		var got []OpenServer
		if err := json.Unmarshal([]byte(`["`+text+`"]`), &got); err != nil || !reflect.DeepEqual(got, []OpenServer{want}) {
			t.Errorf("%s is %v, %v", text, got, err)
		}
		if b, err := json.Marshal(want); err != nil || string(b) != `"`+text+`"` {
			t.Errorf("%v is written as %s, %v", want, b, err)
		}
	}
}

func TestNormalizeOpen(t *testing.T) {
	got, p := NormalizeOpen("open_before_login", []string{"10.0.0.53:53", "2001:db8::53", "::ffff:10.0.0.53", "10.0.0.53", "[::ffff:10.0.0.53]:53",
		"[2001:db8::53]:853", "10.0.0.53:053"})
	if want := opens("10.0.0.53:53", "2001:db8::53", "10.0.0.53", "[2001:db8::53]:853"); p.Code != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("NormalizeOpen = %v, %v, want %v", got, p, want)
	}
	for bad, code := range map[string]string{
		"": "field_address", ":": "field_address", ":53": "field_address", "10.0.0.0/24": "field_address", "dns.example": "field_address",
		"dns.example:53": "field_address", "fe80::1%eth0": "field_address", "[fe80::1%eth0]:53": "field_address",
		"[2001:db8::1]": "field_address", "[10.0.0.53]:53": "field_address", "10.0.0.53:53:53": "field_address",
		"10.0.0.53:": "field_open_port", "10.0.0.53:0": "field_open_port", "10.0.0.53:65536": "field_open_port", "10.0.0.53:dns": "field_open_port",
		"10.0.0.53:-1": "field_open_port", "[2001:db8::1]:0": "field_open_port", "[2001:db8::1]:": "field_open_port",
		"[2001:db8::1]:99999999999999999999": "field_open_port",
	} {
		if _, p := NormalizeOpen("open_before_login", []string{"10.0.0.1", bad}); p.Code != code || p.Field != "open_before_login" {
			t.Errorf("NormalizeOpen(%q): %v, want %s", bad, p, code)
		}
	}
}
