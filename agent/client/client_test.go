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

// patience is how long a test waits for something that should happen at once.
const patience = 20 * time.Second

// run is one Run under test.
type run struct {
	t      *testing.T
	client *client
	clock  *handClock
	events chan event
	result chan Result
	stop   context.CancelFunc
	log    chan string
}

// event is what Config.Events is told, with the notice in place of the state's code and message when there is one.
type event struct {
	Status
	Notice bool
}

func eventOf(s Status, news *Notice) event {
	if news == nil {
		return event{s, false}
	}
	s.Code, s.Message = news.Code, news.Message
	return event{s, true}
}

// start runs the agent against the gateway. Time stands still unless the test moves it.
func start(t *testing.T, g *gatewaytest.Gateway, change func(*Config)) *run {
	r := &run{t: t, clock: newHandClock(t), events: make(chan event, 4096), result: make(chan Result, 1), log: make(chan string, 4096)}
	cfg := Config{Host: g.Host, Port: g.Port, Login: "ivanov", Password: "secret", Lang: locale.English,
		Device: agent.Device{ID: "d1", Name: "pc", OS: "linux"}, Roots: g.Root.Pool(), Clock: r.clock,
		Events: func(s Status, news *Notice) { r.events <- eventOf(s, news) }, Log: func(s string) { r.log <- s }}
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

// event waits for an event in the state and with the code.
func (r *run) event(state State, code string) event {
	r.t.Helper()
	var seen []event
	deadline := time.After(patience)
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

// end waits for the end of the run.
func (r *run) end(kind Outcome, code string) Result {
	r.t.Helper()
	select {
	case result := <-r.result:
		if result.Outcome != kind || result.Code != code {
			r.t.Fatalf("ended with %+v, want kind %d, code %q", result, kind, code)
		}
		return result
	case <-time.After(patience):
		r.t.Fatal("it does not end")
		return Result{}
	}
}

func TestLoginAndLogout(t *testing.T) {
	bye := make(chan bool, 1)
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
		bye <- c.Goodbye()
	})
	r := start(t, g, nil)
	if e := r.event(Connecting, ""); e.Message != "Connecting to gateway "+net.JoinHostPort(g.Host, portText(g))+"…" {
		t.Errorf("%+v", e)
	}
	if e := r.event(Connecting, CodeUpdate); !strings.Contains(e.Message, "9.1.2") {
		t.Errorf("%+v", e)
	}
	if e := r.event(Authorized, ""); e.Mode != ModeLAN || e.Address != "10.0.0.5[31m" {
		t.Errorf("%+v", e)
	}
	if e := r.event(Authorized, "whatever"); e.Message != "The gateway says[2J something." {
		t.Errorf("%+v", e)
	}
	r.stop()
	r.event(Ended, "logout")
	r.end(StoppedByUser, "logout")
	if !<-bye {
		t.Error("the gateway was not told")
	}
}

func TestEmptyPasswordIsSent(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Hello()
		if a := c.Authorize(); a == nil || a.Password != "" {
			t.Errorf("authorize: %+v", a)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "bad_credentials", Message: "Wrong login or password."})
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.Password = "" })
	if e := r.event(Failed, "bad_credentials"); e.Message != "Wrong login or password." {
		t.Errorf("%+v", e)
	}
	r.end(Refused, "bad_credentials")
}

// The first answer decides: no refusal is retried, not even one that may pass.
func TestFirstAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*gatewaytest.Conn)
		kind   Outcome
		state  State
		code   string
		says   string
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
			c.Hello()
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
		"connection lost": {func(c *gatewaytest.Conn) { c.Hello(); c.Authorize(); c.Drop() },
			Unreachable, Failed, "unreachable", "does not answer"},
		"going down": {func(c *gatewaytest.Conn) { c.Hello(); c.End("shutdown", "Back soon.") },
			Unreachable, Ended, "shutdown", "Back soon."},
		"ended": {func(c *gatewaytest.Conn) { c.Hello(); c.Authorize(); c.End("disabled", "") },
			EndedByGateway, Ended, "disabled", "switched access off"},
		"needs a tunnel": {func(c *gatewaytest.Conn) {
			c.Hello()
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true})
			if !c.Goodbye() {
				t.Error("the session was not given back")
			}
		}, Refused, Failed, "vpn_unavailable", "Access from outside"},
	} {
		answer := c.answer
		c := c
		t.Run(name, func(t *testing.T) {
			g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { answer(c); c.Wait() })
			r := start(t, g, nil)
			if e := r.event(c.state, c.code); !strings.Contains(e.Message, c.says) {
				t.Errorf("message %q", e.Message)
			}
			r.end(c.kind, c.code)
			if n := g.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestSilentGateway(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Hello(); c.Authorize(); c.Wait() })
	r := start(t, g, nil)
	version := <-r.clock.timers // answered in time
	if version.d != loginTimeout {
		t.Fatalf("timer of %v", version.d)
	}
	r.clock.fire()
	r.end(Unreachable, "unreachable")
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // nobody listens there now
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
		t.Run(name, func(t *testing.T) { start(t, g, nil).end(Unreachable, "unreachable") })
	}
	t.Run("connection refused", func(t *testing.T) {
		g := gatewaytest.New(t, nil)
		r := start(t, g, func(c *Config) { c.Port = uint16(listener.Addr().(*net.TCPAddr).Port) })
		r.end(Unreachable, "unreachable")
	})
}

func oldTLS(t *testing.T) *gatewaytest.Gateway {
	root := gatewaytest.NewRoot(t, nil)
	config := &tls.Config{Certificates: []tls.Certificate{root.Leaf(t, nil)}, MaxVersion: tls.VersionTLS12}
	g := gatewaytest.StartHTTP(t, config, http.NotFound)
	g.Root = root
	return g
}

// A gateway may refuse before there is a WebSocket.
func TestRefusedByHTTP(t *testing.T) {
	g := gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"code":"agent_disabled","message":"Switched off."}`))
	})
	r := start(t, g, nil)
	if e := r.event(Failed, "agent_disabled"); e.Message != "Switched off." {
		t.Errorf("%+v", e)
	}
	r.end(Refused, "agent_disabled")
}

// A gateway that takes nobody now says so in its own words, and the agent goes on as if it did not answer.
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
		if e := r.event(Failed, "unreachable"); !strings.Contains(e.Message, want) {
			t.Errorf("%s: %q, want %q", answer, e.Message, want)
		}
		r.end(Unreachable, "unreachable")
	}
}

// A person may stop the program at any time; the gateway must not be left with a session that nobody wants.
func TestStopWhileLoggingIn(t *testing.T) {
	bye := make(chan bool, 1)
	asked := make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Hello()
		c.Authorize()
		close(asked)
		m := c.Read()
		_, ok := m.(*protocol.Unauthorize)
		bye <- ok
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true})
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
	})
	r := start(t, g, nil)
	<-asked
	r.stop()
	r.end(StoppedByUser, "logout")
	if !<-bye {
		t.Error("the gateway was not told")
	}
}

// A gateway that does not confirm the end is not waited for.
func TestStopUnconfirmed(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		for c.Read() != nil {
		}
	})
	r := start(t, g, nil)
	r.event(Authorized, "")
	r.stop()
	if d := r.clock.fire(loginTimeout, silenceTimeout); d != logoutTimeout {
		t.Errorf("waited %v", d)
	}
	r.end(StoppedByUser, "logout")
}

func portText(g *gatewaytest.Gateway) string {
	_, port, _ := strings.Cut(newClient(Config{Host: g.Host, Port: g.Port}).hostPort(), ":")
	return port
}
