//go:build !windows

package ticket

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	krb5 "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// cacheWriter writes a cache file of version 4.
// https://web.mit.edu/kerberos/krb5-latest/doc/formats/ccache_file_format.html
type cacheWriter struct{ bytes.Buffer }

func (w *cacheWriter) number(n uint32) { _ = binary.Write(w, binary.BigEndian, n) }

func (w *cacheWriter) text(s string) { w.number(uint32(len(s))); w.WriteString(s) }

func (w *cacheWriter) principal(realm string, names ...string) {
	w.number(1)
	w.number(uint32(len(names)))
	for _, s := range append([]string{realm}, names...) {
		w.text(s)
	}
}

// cacheFile is a cache of alice@EXAMPLE.TEST with a ticket for a service until a time.
func cacheFile(end time.Time, service ...string) []byte {
	w := &cacheWriter{}
	w.Write([]byte{5, 4, 0, 0})
	w.principal("EXAMPLE.TEST", "alice")
	w.principal("EXAMPLE.TEST", "alice")
	w.principal("EXAMPLE.TEST", service...)
	w.Write([]byte{0, 18})
	w.text(strings.Repeat("k", 32))
	for _, at := range []time.Time{end.Add(-10 * time.Hour), end.Add(-10 * time.Hour), end, end} {
		w.number(uint32(at.Unix()))
	}
	w.WriteByte(0)
	w.number(0)
	w.number(0)
	w.number(0)
	w.text("ticket")
	w.text("")
	return w.Bytes()
}

func keyOf(err error) string {
	var problem *client.TicketProblem
	if errors.As(err, &problem) {
		return problem.Key
	}
	return ""
}

func TestCacheFiles(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	valid := write("valid", cacheFile(now.Add(time.Second), "krbtgt", "EXAMPLE.TEST"))
	for _, c := range []struct {
		name   string // of the environment
		key    string
		person string
	}{
		{valid, "", "alice@EXAMPLE.TEST"},
		{"FILE:" + valid, "", "alice@EXAMPLE.TEST"},
		{write("with:colon", cacheFile(now.Add(time.Hour), "krbtgt", "EXAMPLE.TEST")), "", "alice@EXAMPLE.TEST"},
		{write("expired", cacheFile(now, "krbtgt", "EXAMPLE.TEST")), locale.SSOExpired, ""},
		{write("another realm", cacheFile(now.Add(time.Hour), "krbtgt", "OTHER.TEST")), locale.SSONoTicket, ""},
		{filepath.Join(dir, "none"), locale.SSONoTicket, ""},
		{write("empty", nil), locale.SSOBadCache, ""},
		{write("another file", []byte("password=secret")), locale.SSOBadCache, ""},
		{"/dev/zero", locale.SSOBadCache, ""},
		{dir, locale.SSOBadCache, ""},
		{"KCM:", locale.SSOOtherCache, ""},
		{"KEYRING:persistent:1000", locale.SSOOtherCache, ""},
		{"DIR:/run/user/1000/krb5cc", locale.SSOOtherCache, ""},
		{"API:1", locale.SSOOtherCache, ""},
		{"MEMORY:x", locale.SSOOtherCache, ""},
	} {
		tickets := fileTickets{getenv: func(name string) string { return map[string]string{"KRB5CCNAME": c.name}[name] },
			config: filepath.Join(dir, "no krb5.conf"), now: func() time.Time { return now }}
		_, err := tickets.load()
		if keyOf(err) != c.key || err != nil && c.key == "" || tickets.Person() != c.person {
			t.Errorf("%s: %v, %q", c.name, err, tickets.Person())
		}
		if c.key != "" {
			if token, err := tickets.Token(context.Background(), "HTTP/gw.ru"); keyOf(err) != c.key || token != nil {
				t.Errorf("%s: %q, %v", c.name, token, err)
			}
		}
	}
	// The ticket in the file is no ticket.
	tickets := fileTickets{getenv: func(name string) string { return map[string]string{"KRB5CCNAME": valid}[name] }, now: func() time.Time { return now }}
	if _, err := tickets.Token(context.Background(), "HTTP/gw.ru"); keyOf(err) != locale.SSOBadCache {
		t.Error(err)
	}
}

// Another user cannot put a cache in the default place.
func TestDefaultCache(t *testing.T) {
	uid := os.Getuid()
	for _, c := range []struct {
		uid int
		key string
	}{{uid, ""}, {uid + 4711, locale.SSOBadCache}} {
		tickets := fileTickets{getenv: func(string) string { return "" }, uid: c.uid, tmp: t.TempDir(), now: time.Now}
		file := filepath.Join(tickets.tmp, "krb5cc_"+strconv.Itoa(c.uid))
		if err := os.WriteFile(file, cacheFile(time.Now().Add(time.Hour), "krbtgt", "EXAMPLE.TEST"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tickets.load(); keyOf(err) != c.key || err != nil && c.key == "" {
			t.Error(err)
		}
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none := filepath.Join(dir, "none")
	good := write("good", "includedir /etc/krb5.conf.d/\n[libdefaults]\n default_realm = OTHER.TEST\n[realms]\n EXAMPLE.TEST = {\n  kdc = dc.example.test\n }\n")
	for _, c := range []struct{ names, system, realm, key string }{
		{"", none, "EXAMPLE.TEST", ""},
		{"", good, "OTHER.TEST", ""},
		{none + ":" + good, none, "OTHER.TEST", ""},
		{none, good, "EXAMPLE.TEST", ""},
		{write("bad", "[realms]\n EXAMPLE.TEST = {\n kdc\n}\n"), none, "", locale.SSOBadConfig},
		{dir, none, "", locale.SSOBadConfig},
	} {
		tickets := fileTickets{getenv: func(name string) string { return map[string]string{"KRB5_CONFIG": c.names}[name] }, config: c.system}
		got, err := tickets.settings("EXAMPLE.TEST")
		if keyOf(err) != c.key || err != nil && c.key == "" {
			t.Errorf("%q: %v", c.names, err)
		}
		if err == nil && (got.LibDefaults.DefaultRealm != c.realm || !got.LibDefaults.DNSLookupKDC) {
			t.Errorf("%q: %+v", c.names, got.LibDefaults)
		}
	}
}

// A domain without a controller that answers is not the fault of the ticket.
func TestNoController(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // nothing listens on it once it is closed
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	settings := config.New()
	settings.LibDefaults.UDPPreferenceLimit = 1 // TCP only
	settings.Realms = []config.Realm{{Realm: "EXAMPLE.TEST", KDC: []string{address}}}
	err = krb5.NewWithPassword("alice", "EXAMPLE.TEST", "x", settings).Login()
	if err == nil || keyOf(problemOf(err)) != locale.SSONoDomain {
		t.Errorf("%v became %v", err, problemOf(err))
	}
}

// No file makes the program panic.
func FuzzCache(f *testing.F) {
	f.Add(cacheFile(time.Now(), "krbtgt", "EXAMPLE.TEST"))
	f.Add([]byte{5, 4, 0, 12, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, content []byte) {
		file := filepath.Join(t.TempDir(), "cache")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		tickets := fileTickets{getenv: func(string) string { return file }, now: func() time.Time { return time.Unix(0, 0) }}
		_ = tickets.Person()
	})
}
