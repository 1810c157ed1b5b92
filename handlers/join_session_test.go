package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// phoneFirewall shows the MAC of the session at inLAN for the address further.
type phoneFirewall struct {
	openFirewall
	sessions func() []agent.LiveSession
}

func (f phoneFirewall) BrowserSessionOf(_ context.Context, a netip.Addr) (string, error) {
	for _, s := range f.sessions() {
		if a == further && s.Address == inLAN {
			return s.ID, nil
		}
	}
	return "", nil
}

// phoneSite is a site where a phone with the addresses inLAN and further has signed in from inLAN.
func phoneSite(t *testing.T) (*Site, agent.Session) {
	t.Helper()
	s := browserSite(t)
	set := s.Settings.(*fixedSettings)
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("fd00::/64"))
	firewall := &phoneFirewall{openFirewall: openFirewall{elsewhere}}
	s.Sessions = access.NewManager(access.Config{Gate: s.Gate, Store: s.Accounts.(accounts).Store, Firewall: firewall, Settings: set.Current, Log: s.Log})
	firewall.sessions = s.Sessions.Sessions
	session := beginWebSession(t, s, inLAN)
	set.now.BrowserSignIn = append(set.now.BrowserSignIn, netip.MustParsePrefix("fd00::/64"))
	return s, session
}

// TestJoinOnPort80: a phone that has signed in from its IPv4 address opens a page over IPv6. It loads again, and is not led to sign-in.
// Probes find their connection closed, and repeat their request. Another host is led to sign-in.
func TestJoinOnPort80(t *testing.T) {
	for name, c := range map[string]struct {
		request, host string
		status        int // 0 = the connection is closed without an answer
	}{
		"a page":          {"GET /a?b=c", "example.org", http.StatusNetworkAuthenticationRequired},
		"its head":        {"HEAD /a", "example.org", http.StatusNetworkAuthenticationRequired},
		"a probe":         {"GET /generate_204", "connectivitycheck.gstatic.com", 0},
		"a form":          {"POST /form", "example.org", 0},
		"the page itself": {"GET /sign-in", "gw.example.test", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := phoneSite(t)
			request := c.request + " HTTP/1.1\r\nHost: " + c.host + "\r\nContent-Length: 0\r\n\r\n"
			if response, body := raw(t, from(t, s.HTTPHandler(), elsewhere), "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"); !strings.Contains(body, webAuthPath) || response.Header.Get("Refresh") != "" || s.Sessions.IsConnected(elsewhere) {
				t.Errorf("another host: %d %s", response.StatusCode, body)
			}
			phone := from(t, s.HTTPHandler(), further)
			for range 2 { // the second was sent before the address had access
				if c.status == 0 {
					wantClosed(t, phone.Listener.Addr().String(), request)
				} else {
					response, body := raw(t, phone, request)
					if response.StatusCode != c.status || strings.Contains(body, webAuthPath) || response.Header.Get("Location") != "" || strings.Contains(body, c.host) && c.host == "example.org" {
						t.Errorf("%d %v %s", response.StatusCode, response.Header, body)
					}
					if again := response.Header.Get("Refresh"); (again == "1") != (c.host == "example.org") || again != "" && !response.Close {
						t.Errorf("%v", response.Header)
					}
				}
			}
			if !s.Sessions.IsConnected(further) {
				t.Error("the address has no access")
			}
		})
	}
}

// wantClosed sends a request, which must find the connection closed without an answer.
func wantClosed(t *testing.T, address, request string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil || line != "" && !errors.Is(err, io.EOF) {
		t.Errorf("answered with %q, %v", line, err)
	}
}

// TestJoinOnPortal: the sign-in page shows the session to another address of its phone, and the Captive Portal API says that it has access.
func TestJoinOnPortal(t *testing.T) {
	t.Run("the page", func(t *testing.T) {
		s, _ := phoneSite(t)
		at := func(a netip.Addr) string {
			h := host{t, s.PortalHandler(), a}
			to := h.send("GET", webAuthPath, "", "").Header().Get("Location")
			return h.send("GET", to, "", "").Body.String()
		}
		if page := at(further); strings.Contains(page, `type="password"`) || !strings.Contains(page, "ivanov") || !s.Sessions.IsConnected(further) {
			t.Errorf("%s", page)
		}
		if page := at(elsewhere); !strings.Contains(page, `type="password"`) || s.Sessions.IsConnected(elsewhere) {
			t.Errorf("another host: %s", page)
		}
	})
	t.Run("the API", func(t *testing.T) {
		s, session := phoneSite(t)
		s.PubliclyTrusted = func() bool { return true }
		for a, captive := range map[netip.Addr]bool{further: false, elsewhere: true} {
			var got captiveState
			if err := json.Unmarshal(host{t, s.PortalHandler(), a}.send("GET", "/captive-portal/api", "", "").Body.Bytes(), &got); err != nil || got.Captive != captive {
				t.Errorf("%v: %+v, %v", a, got, err)
			}
		}
		if live, ok := s.Sessions.SessionAt(further); !ok || live.ID != session.ID {
			t.Errorf("%+v", live)
		}
	})
}
