package handlers

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// insideSite returns a site with a keytab, and the tickets that it reads. The agents of the test are in its LAN.
func insideSite(t *testing.T) (*Site, *[]string) {
	s := newSite(t)
	read := withKeytab(t, s)
	set := s.Settings.(*fixedSettings)
	set.now.Domain = "gw.example.test"
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"))
	return s, read
}

// challenge asks for a ticket and returns the session_token.
func challenge(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	m := askAgent(t, conn, []byte(`{"type":"sso","token":null,"session_token":null,"domain":""}`))
	if m["type"] != "sso" || m["status"] != protocol.SSOChallenge || m["computer_name"] != "gw.example.test" || m["session_token"] == "" {
		t.Fatalf("challenge: %v", m)
	}
	return m["session_token"].(string)
}

func ssoFrame(ticket, session string) []byte {
	return fmt.Appendf(nil, `{"type":"sso","token":%q,"session_token":%q,"domain":"COMPANY.LOCAL","device":{"id":"pc","name":"PC","os":"windows"}}`,
		base64.StdEncoding.EncodeToString([]byte(ticket)), session)
}

// TestAgentSSO: an agent in the LAN logs in and extends its session by tickets, each after a challenge of its own.
func TestAgentSSO(t *testing.T) {
	s, read := insideSite(t)
	conn := dialAgent(t, s)
	if m := askAgent(t, conn, []byte(`{"type":"version","os":"linux"}`)); fmt.Sprint(m["sso"]) != "[COMPANY.LOCAL]" {
		t.Errorf("update: %v", m)
	}
	if m := askAgent(t, conn, ssoFrame("ivanov", "guessed")); m["code"] != "bad_message" {
		t.Errorf("without a challenge: %v", m)
	}
	first := challenge(t, conn)
	second := challenge(t, conn)
	if m := askAgent(t, conn, ssoFrame("ivanov", first)); m["code"] != "bad_message" || first == second {
		t.Errorf("a former challenge: %v", m)
	}
	if m := askAgent(t, conn, ssoFrame("ivanov", second)); m["code"] != "bad_message" {
		t.Errorf("a challenge that was used up: %v", m)
	}
	if len(*read) != 0 {
		t.Errorf("read %q", *read)
	}
	if m := askAgent(t, conn, ssoFrame("sso_clock", challenge(t, conn))); m["type"] != "auth_state" || m["authorized"] != false || m["code"] != "sso_clock" || m["message"] == "" {
		t.Errorf("refused: %v", m)
	}
	m := askAgent(t, conn, ssoFrame("ivanov", challenge(t, conn)))
	if m["authorized"] != true || m["resume"] == nil {
		t.Fatalf("login: %v", m)
	}
	session := m["session"]
	if m := askAgent(t, conn, ssoFrame("ivanov", challenge(t, conn))); m["authorized"] != true || m["session"] != session {
		t.Errorf("extension: %v", m)
	}
}

// TestAgentSSOOutside: to an agent outside, and without a keytab, the gateway names no realm and reads no ticket.
func TestAgentSSOOutside(t *testing.T) {
	for name, change := range map[string]func(*Site){
		"outside":   func(s *Site) { s.Settings.(*fixedSettings).now.LocalNetworks = nil },
		"no keytab": func(s *Site) { s.Directories.(*fakeDirectories).saved = nil },
	} {
		s, read := insideSite(t)
		change(s)
		conn := dialAgent(t, s)
		if m := askAgent(t, conn, []byte(`{"type":"version","os":"linux"}`)); m["sso"] != nil {
			t.Errorf("%s: %v", name, m)
		}
		for _, frame := range [][]byte{[]byte(`{"type":"sso","token":null,"session_token":null}`), ssoFrame("ivanov", "x")} {
			if m := askAgent(t, conn, frame); m["code"] != string(agent.CodeSSOUnavailable) || len(*read) > 0 {
				t.Errorf("%s: %v, read %q", name, m, *read)
			}
		}
	}
}

// TestAgentSSOLargeFrame: only a frame with a ticket may be large, only after a challenge, and up to its limit.
func TestAgentSSOLargeFrame(t *testing.T) {
	s, _ := insideSite(t)
	tooLarge := func(what string, conn *websocket.Conn, frame []byte) {
		t.Helper()
		if m := askAgent(t, conn, frame); m["code"] != "bad_message" {
			t.Errorf("%s: %v", what, m)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("%s: close status: %v", what, err)
		}
	}
	tooLarge("without a challenge", dialAgent(t, s), ssoFrame("ivanov"+strings.Repeat(" ", 5000), "x"))

	conn := dialAgent(t, s)
	challenge(t, conn)
	if m := askAgent(t, conn, versionMessage(protocol.MaxGuest+1)); m["code"] != "bad_message" {
		t.Errorf("another message: %v", m)
	}

	conn = dialAgent(t, s)
	token := challenge(t, conn)
	tooLarge("over the limit", conn, append(ssoFrame("ivanov", token), bytes.Repeat([]byte{' '}, protocol.MaxSSOFrame)...))

	conn = dialAgent(t, s)
	largest := ssoFrame("ivanov"+strings.Repeat(" ", 65529), challenge(t, conn))
	if m := askAgent(t, conn, largest); m["authorized"] != true {
		t.Fatalf("%d bytes: %v", len(largest), m)
	}
	frame := ssoFrame("ivanov"+strings.Repeat(" ", 65529), challenge(t, conn))
	if m := askAgent(t, conn, append(frame, bytes.Repeat([]byte{' '}, protocol.MaxSSOFrame-len(frame))...)); m["authorized"] != true {
		t.Errorf("an extension with %d bytes: %v", protocol.MaxSSOFrame, m)
	}
}

// TestAgentSSOPlaces: when all places for large frames are taken, a further one is refused with a time to wait, and the connection
// goes on.
func TestAgentSSOPlaces(t *testing.T) {
	t.Parallel() // it waits
	s, _ := insideSite(t)
	own := agent.Peer{Addr: netip.MustParseAddr("127.0.0.1")}.Host()
	for range maxSSOFramesOfHost {
		if !s.ssoPlaces.take(own) {
			t.Fatal("no place")
		}
	}
	conn := dialAgent(t, s)
	large := func() map[string]any {
		return askAgent(t, conn, ssoFrame("ivanov"+strings.Repeat(" ", 6000), challenge(t, conn)))
	}
	if m := large(); m["code"] != "too_many_attempts" || m["timeout"] == 0.0 {
		t.Errorf("no place: %v", m)
	}
	s.ssoPlaces.free(own)
	for range 2 * maxSSOFrames {
		if m := large(); m["authorized"] != true {
			t.Fatalf("a free place: %v", m)
		}
	}
	if !s.ssoPlaces.take(own) {
		t.Error("the place was not freed")
	}
}

// TestSSOPlacesOfHosts: one host gets maxSSOFramesOfHost places and leaves the rest to others; all hosts together get maxSSOFrames.
func TestSSOPlacesOfHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p ssoPlaces
		host := func(n int) netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), 32) }
		for range maxSSOFrames {
			go p.take(host(1))
		}
		synctest.Wait()
		for n := range maxSSOFrames - maxSSOFramesOfHost {
			began := time.Now()
			if !p.take(host(2+n)) || time.Since(began) > 0 {
				t.Fatalf("host %d got no place", n)
			}
		}
		if p.take(host(99)) {
			t.Error("a host got a place while all were taken")
		}
		time.AfterFunc(time.Second, func() { p.free(host(2)) })
		if !p.take(host(99)) {
			t.Error("a free place was not taken")
		}
		p.free(host(99))
		for n := range maxSSOFrames - maxSSOFramesOfHost - 1 {
			p.free(host(3 + n))
		}
		for range maxSSOFramesOfHost {
			p.free(host(1))
		}
		if len(p.hosts) > 0 || len(p.taken) > 0 {
			t.Errorf("%d hosts are remembered, %d places are taken", len(p.hosts), len(p.taken))
		}
	})
}
