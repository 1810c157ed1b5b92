package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// testTimeout limits the wait for an event.
const testTimeout = 20 * time.Second

// run is one Run under test.
type run struct {
	t      *testing.T
	client *client
	clock  *manualClock
	events chan event
	result chan Result
	stop   context.CancelFunc
	log    chan string
}

// event is a call of Config.Events. With a notice, Code and Message are those of the notice.
type event struct {
	Status
	Notice bool
}

func eventOf(s Status, added *Notice) event {
	if added == nil {
		return event{s, false}
	}
	s.Code, s.Message = added.Code, added.Message
	return event{s, true}
}

// start runs the agent against the gateway, with a manualClock.
func start(t *testing.T, g *gatewaytest.Gateway, change func(*Config)) *run {
	r := &run{t: t, clock: newManualClock(t), events: make(chan event, 4096), result: make(chan Result, 1), log: make(chan string, 4096)}
	cfg := Config{Host: g.Host, Port: g.Port, Login: "ivanov", Password: "secret", Lang: locale.English,
		Device: agent.Device{ID: "d1", Name: "pc", OS: "linux"}, Roots: g.Root.Pool(), Clock: r.clock,
		Events: func(s Status, added *Notice) { r.events <- eventOf(s, added) }, Log: func(s string) { r.log <- s }}
	if change != nil {
		change(&cfg)
	}
	r.client = newClient(cfg)
	r.client.jitter = func() float64 { return 0.25 } // delays are 0.9 of the nominal ones
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	t.Cleanup(stop)
	go func() { r.result <- r.client.run(ctx) }()
	return r
}

// waitEvent waits for an event in the state and with the code.
func (r *run) waitEvent(state State, code string) event {
	r.t.Helper()
	var seen []event
	deadline := time.After(testTimeout)
	for {
		select {
		case e := <-r.events:
			if e.State == state && e.Code == code {
				return e
			}
			seen = append(seen, e)
		case <-deadline:
			r.t.Fatalf("no event %s %q; there were %+v", state, code, seen)
		}
	}
}

// waitEnd waits for the end of the run.
func (r *run) waitEnd(outcome Outcome, code string) Result {
	r.t.Helper()
	select {
	case result := <-r.result:
		if result.Outcome != outcome || result.Code != code {
			r.t.Fatalf("ended with %+v, want outcome %d, code %q", result, outcome, code)
		}
		return result
	case <-time.After(testTimeout):
		r.t.Fatal("Run does not return")
		return Result{}
	}
}

func TestLoginAndLogout(t *testing.T) {
	loggedOut := make(chan bool, 1)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		h := c.Request.Header
		if got := h.Get("Accept-Language"); got != "en, ru;q=0.5" {
			t.Errorf("Accept-Language: %q", got)
		}
		if got := h.Get("User-Agent"); !strings.HasPrefix(got, "IdecoAgent/"+agent.Version+" (") {
			t.Errorf("User-Agent: %q", got)
		}
		if h.Get("Sec-WebSocket-Extensions") != "" || h.Get("Origin") != "" {
			t.Errorf("headers: %v", h)
		}
		if v, ok := c.Read().(*protocol.Version); !ok || v.Major != agent.VersionMajor || v.OS == "" {
			t.Errorf("version: %+v", v)
		}
		c.SendText(`{"type":"something_new","x":1}`)
		c.SendText(`{"type":"update","need_update":true,"version":{"major":9,"minor":1,"build":2},"download_url":":14765/IdecoAgent.msi"}`)
		a := c.Authorize()
		if a.Login != "ivanov" || a.Password != "secret" || a.Resume != "" || *a.Device != (protocol.Device{ID: "d1", Name: "pc", OS: "linux"}) {
			t.Errorf("authorize: %+v", a)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "10.0.0.5\x1b[31m", Grace: 30})
		c.SendText(`{"type":"another_new_one"}`)
		c.SendText(`{"type":"notice","code":"whatever","message":"The gateway says\u001b[2J something."}`)
		loggedOut <- c.ConfirmLogout()
	})
	r := start(t, g, nil)
	if e := r.waitEvent(Connecting, ""); e.Message != "Connecting to gateway "+net.JoinHostPort(g.Host, portText(g))+"…" {
		t.Errorf("%+v", e)
	}
	if e := r.waitEvent(Connecting, CodeUpdate); !strings.Contains(e.Message, "9.1.2") {
		t.Errorf("%+v", e)
	}
	if e := r.waitEvent(Authorized, ""); e.Mode != ModeLAN || e.Address != "10.0.0.5[31m" {
		t.Errorf("%+v", e)
	}
	if e := r.waitEvent(Authorized, "whatever"); e.Message != "The gateway says[2J something." {
		t.Errorf("%+v", e)
	}
	r.stop()
	r.waitEvent(Ended, "logout")
	r.waitEnd(StoppedByUser, "logout")
	if !<-loggedOut {
		t.Error("the agent sent no unauthorize")
	}
}

func TestEmptyPasswordIsSent(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		if a := c.Authorize(); a == nil || a.Password != "" {
			t.Errorf("authorize: %+v", a)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "bad_credentials", Message: "Wrong login or password."})
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.Password = "" })
	if e := r.waitEvent(Failed, "bad_credentials"); e.Message != "Wrong login or password." {
		t.Errorf("%+v", e)
	}
	r.waitEnd(Refused, "bad_credentials")
}

// Run returns after the first refusal, also a temporary one.
func TestFirstAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(*gatewaytest.Conn)
		outcome Outcome
		state   State
		code    string
		says    string
	}{
		"refused": {func(c *gatewaytest.Conn) { c.Refuse("too_many_attempts", "Too many\n attempts.", 60) },
			Refused, Failed, "too_many_attempts", "Too many attempts."},
		"refused without a message": {func(c *gatewaytest.Conn) { c.Refuse("not_invented_yet", "", 0) },
			Refused, Failed, "not_invented_yet", "refused the login"},
		"refused at version": {func(c *gatewaytest.Conn) {
			c.Read()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "agent_disabled", Message: "Off."})
		}, Refused, Failed, "agent_disabled", "Off."},
		"not understood": {func(c *gatewaytest.Conn) {
			c.AnswerVersion()
			c.Send(protocol.Error{Type: protocol.TypeError, Code: "bad_message", Message: "What?"})
		}, Refused, Failed, "bad_message", "What?"},
		"broken JSON": {func(c *gatewaytest.Conn) { c.SendText(`{"type":"update"`) },
			Refused, Failed, "bad_message", "did not understand each other"},
		"wrong types": {func(c *gatewaytest.Conn) { c.SendText(`{"type":"update","need_update":"yes"}`) },
			Refused, Failed, "bad_message", "did not understand each other"},
		"binary": {func(c *gatewaytest.Conn) { c.SendBinary([]byte(`{"type":"update"}`)) },
			Refused, Failed, "bad_message", "did not understand each other"},
		"oversize frame": {func(c *gatewaytest.Conn) {
			c.SendText(`{"type":"update","download_url":"` + strings.Repeat("x", protocol.MaxFrame) + `"}`)
		}, Unreachable, Failed, "unreachable", "does not answer"},
		"connection lost": {func(c *gatewaytest.Conn) { c.AnswerVersion(); c.Authorize(); c.Drop() },
			Unreachable, Failed, "unreachable", "does not answer"},
		"going down": {func(c *gatewaytest.Conn) { c.AnswerVersion(); c.End("shutdown", "Back soon.") },
			Unreachable, Ended, "shutdown", "Back soon."},
		"ended": {func(c *gatewaytest.Conn) { c.AnswerVersion(); c.Authorize(); c.End("disabled", "") },
			EndedByGateway, Ended, "disabled", "switched access off"},
		"needs a tunnel": {func(c *gatewaytest.Conn) {
			c.AnswerVersion()
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true})
			if !c.ConfirmLogout() {
				t.Error("the agent sent no unauthorize")
			}
		}, Refused, Failed, "vpn_unavailable", "Access from outside"},
	} {
		answer := c.answer
		c := c
		t.Run(name, func(t *testing.T) {
			g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { answer(c); c.Wait() })
			r := start(t, g, nil)
			if e := r.waitEvent(c.state, c.code); !strings.Contains(e.Message, c.says) {
				t.Errorf("message %q", e.Message)
			}
			r.waitEnd(c.outcome, c.code)
			if n := g.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestSilentGateway(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion(); c.Authorize(); c.Wait() })
	r := start(t, g, nil)
	first := <-r.clock.timers // for the answer to version
	if first.d != loginTimeout {
		t.Fatalf("timer of %v", first.d)
	}
	r.clock.fire()
	r.waitEnd(Unreachable, "unreachable")
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // its port now refuses connections
	for name, g := range map[string]*gatewaytest.Gateway{
		"not found":   gatewaytest.StartHTTP(t, nil, http.NotFound),
		"unavailable": gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) }),
		"busy gateway": gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte(`{"code":"internal","message":"Too many."}`))
		}),
		"refused for another reason": gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusMisdirectedRequest)
			w.Write([]byte(`{"code":"misdirected","message":"Not here."}`))
		}),
		"redirect": gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/connect" {
				t.Error("a redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}),
		"TLS 1.2 only": oldTLS(t),
	} {
		t.Run(name, func(t *testing.T) { start(t, g, nil).waitEnd(Unreachable, "unreachable") })
	}
	t.Run("connection refused", func(t *testing.T) {
		g := gatewaytest.New(t, nil)
		r := start(t, g, func(c *Config) { c.Port = uint16(listener.Addr().(*net.TCPAddr).Port) })
		r.waitEnd(Unreachable, "unreachable")
	})
}

func oldTLS(t *testing.T) *gatewaytest.Gateway {
	root := gatewaytest.NewRoot(t, nil)
	config := &tls.Config{Certificates: []tls.Certificate{root.Leaf(t, nil)}, MaxVersion: tls.VersionTLS12}
	g := gatewaytest.StartHTTP(t, config, http.NotFound)
	g.Root = root
	return g
}

// A gateway can refuse the upgrade to a WebSocket.
func TestRefusedByHTTP(t *testing.T) {
	g := gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"code":"agent_disabled","message":"Switched off."}`))
	})
	r := start(t, g, nil)
	if e := r.waitEvent(Failed, "agent_disabled"); e.Message != "Switched off." {
		t.Errorf("%+v", e)
	}
	r.waitEnd(Refused, "agent_disabled")
}

// A 503 counts as unreachable; the agent shows the gateway's message, if there is one.
func TestBusyGateway(t *testing.T) {
	for answer, want := range map[string]string{
		`{"code":"too_many_agents","message":"The gateway cannot take everybody at once."}`: "The gateway cannot take everybody at once.",
		`{"code":"too_many_agents","message":"Try\u0007 later."}`:                           "Try later.",
		`{"code":"too_many_agents"}`:                                                        "does not answer",
		`busy`:                                                                              "does not answer",
	} {
		g := gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte(answer))
		})
		r := start(t, g, nil)
		if e := r.waitEvent(Failed, "unreachable"); !strings.Contains(e.Message, want) {
			t.Errorf("%s: %q, want %q", answer, e.Message, want)
		}
		r.waitEnd(Unreachable, "unreachable")
	}
}

// A stop during the login logs out, because the gateway may just have given access.
func TestStopWhileLoggingIn(t *testing.T) {
	loggedOut := make(chan bool, 1)
	asked := make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		c.Authorize()
		close(asked)
		m := c.Read()
		_, ok := m.(*protocol.Unauthorize)
		loggedOut <- ok
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true})
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
	})
	r := start(t, g, nil)
	<-asked
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	if !<-loggedOut {
		t.Error("the agent sent no unauthorize")
	}
}

// The agent waits for the confirmation of a logout at most logoutTimeout.
func TestStopUnconfirmed(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		for c.Read() != nil {
		}
	})
	r := start(t, g, nil)
	r.waitEvent(Authorized, "")
	r.stop()
	if d := r.clock.fire(loginTimeout, silenceTimeout); d != logoutTimeout {
		t.Errorf("waited %v", d)
	}
	r.waitEnd(StoppedByUser, "logout")
}

func portText(g *gatewaytest.Gateway) string {
	_, port, _ := strings.Cut(hostPort(g.Host, g.Port), ":")
	return port
}
