//go:build browser

package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ideco-agent/agent/client/gatewaytest"
)

// crossSitePosts are the ways in which a page makes a browser send a POST to another site without asking that site first. They are
// functions of JavaScript with the parameters url and text; a form leaves the page.
var crossSitePosts = []struct{ what, script string }{
	{"fetch of a string", `fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body: text})`},
	{"fetch of parameters", `fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams(text)})`},
	{"fetch of JSON as parameters", `fetch(url, {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: text})`},
	{"fetch of a form with a file", `(f => (f.append("a", new Blob([text])), fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body: f})))(new FormData)`},
	{"fetch without a type", `fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body: new Blob([text])})`},
	{"fetch of bytes", `fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body: new TextEncoder().encode(text)})`},
	{"fetch without a body", `fetch(url, {method: "POST", mode: "no-cors", credentials: "include"})`},
	{"a beacon", `navigator.sendBeacon(url, text)`},
	{"a beacon without a type", `navigator.sendBeacon(url, new Blob([text]))`},
	{"XMLHttpRequest", `new Promise(done => { const x = new XMLHttpRequest; x.withCredentials = true; x.onloadend = done; x.open("POST", url); x.setRequestHeader("Content-Type", "text/plain"); x.send(text) })`},
	{"a form", formScript("application/x-www-form-urlencoded")},
	{"a form with a file", formScript("multipart/form-data")},
	{"a form of text", formScript("text/plain")}, // name=value is the JSON when its only "=" is in a string
}

// formScript returns a script that submits a form. The text is split at its first "=", or becomes the name of a field.
func formScript(kind string) string {
	return fmt.Sprintf(`(() => {
		const form = document.createElement("form"), field = document.createElement("input"), [name, value] = [text.split("=")[0], text.split("=").slice(1).join("=")];
		Object.assign(form, {method: "post", action: url, enctype: %q});
		Object.assign(field, {type: "hidden", name, value});
		form.append(field); document.body.append(form); form.submit();
	})()`, kind)
}

// foreign starts a web server with an empty page. It returns its port, and the pin of its certificate if it has one.
func foreign(t *testing.T, certificate *companyCert) (port, pin string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<h1>foreign</h1>")
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if certificate == nil {
		server.Start()
	} else {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: certificate.key}}}
		server.StartTLS()
		pin = gatewaytest.Pin(certificate.Certificate)
	}
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, pin
}

// traffic keeps the POSTs of a tab to a host, and the statuses of their answers, which the page itself does not see.
type traffic struct {
	mu       sync.Mutex
	host     string
	posts    map[network.RequestID]string // paths
	statuses map[network.RequestID]int
}

func (r *traffic) add(ev any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host == r.host && e.Request.Method == http.MethodPost {
			r.posts[e.RequestID] = u.Path
		}
	case *network.EventResponseReceivedExtraInfo:
		r.statuses[e.RequestID] = int(e.StatusCode)
	}
}

// answered returns how many POSTs to a path there were, and the statuses of those that are answered.
func (r *traffic) answered(path string) (sent int, statuses []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, to := range r.posts {
		if to == path {
			sent++
			if status := r.statuses[id]; status != 0 {
				statuses = append(statuses, status)
			}
		}
	}
	return sent, statuses
}

func (r *traffic) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts, r.statuses = map[network.RequestID]string{}, map[network.RequestID]int{}
}

// TestCrossSitePostsInChromium: a page of another site, and one of the same host at another port, which gets the portal's cookies, make
// the browser of a signed-in administrator send every kind of POST to pages and REST. All are refused.
func TestCrossSitePostsInChromium(t *testing.T) {
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	networks := []string{"127.0.0.0/8"}
	admin.must("PUT", settingPath, map[string]any{"local_networks": networks, "browser_sign_in_networks": networks}, nil)
	admin.user(map[string]any{"login": "anna"})
	far, _ := foreign(t, nil)
	near, pin := foreign(t, issueUnder(t, nil, "127.0.0.1", time.Hour, "foreign.test"))
	b := g.chromium(t, chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"), chromedp.Flag("ignore-certificate-errors-spki-list", g.pin()+","+pin))
	b.logsIn("boss", adminPassword)
	b.sees("h1", "Обзор")
	seen := &traffic{host: g.where.Portal[0]}
	seen.reset()
	if err := chromedp.Listen(b.ctx, seen.add); err != nil {
		t.Fatal(err)
	}

	portal := "https://" + g.where.Portal[0]
	text := func(fields map[string]any) string {
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	targets := map[string]string{ // text by path
		"/web/auth/login":       text(map[string]any{"login": "anna", "password": userPassword, "rest_path": "="}),
		"/user_backend/users":   text(map[string]any{"login": "evil", "psw": userPassword, "comment": "="}),
		"/user_backend/groups":  text(map[string]any{"name": "evil", "comment": "="}),
		"/web_authd/auth":       text(map[string]any{"login": "anna", "password": userPassword, "user_ip": "127.0.0.1", "token": "="}),
		"/web_authd/logout":     "a=b",
		"/admin/agent/state":    "enabled=0",
		"/admin/monitor/vpn":    "a=b",
		"/logout":               "a=b",
		"/auth/rules":           text(map[string]any{"enabled": true, "ip": "127.0.0.9", "mac": nil, "user_id": 2, "always_logged": true, "comment": "="}),
		"/cabinet/password":     "psw=" + userPassword,
		"/certificates/retry":   "{}",
		"/login":                "login=anna&password=" + userPassword,
		"/ad_backend/domains":   text(map[string]any{"name": "evil.test", "computer_name": "="}),
		"/web/auth/sso":         "{}",
		"/admin/users":          "login=evil&psw=" + userPassword,
		"/language":             "a=b",
		"/admin/gateway/return": "a=b",
	}
	for _, origin := range []string{"http://evil.test:" + far, "https://127.0.0.1:" + near} {
		home := func() {
			b.do("open "+origin, chromedp.Navigate(origin+"/"), chromedp.WaitReady(chromedp.CSS("h1")))
		}
		home()
		for path, text := range targets {
			for _, post := range crossSitePosts {
				form := strings.HasPrefix(post.what, "a form")
				if form && path != "/web/auth/login" && path != "/web_authd/auth" && path != "/admin/agent/state" {
					continue // a page for each form takes time
				}
				seen.reset()
				what := fmt.Sprintf("%s: %s to %s", origin, post.what, path)
				ctx, cancel := context.WithTimeout(b.ctx, patience)
				_, _ = chromedp.Run(ctx, chromedp.Evaluate[any](fmt.Sprintf("(async (url, text) => { try { await %s } catch {} return 1 })(%q, %s)", post.script, portal+path, quoted(t, text)), chromedp.EvalAwaitPromise))
				cancel()
				var sent int
				var statuses []int
				for deadline := time.Now().Add(3 * time.Second); len(statuses) == 0 && time.Now().Before(deadline); {
					select {
					case <-time.After(5 * time.Millisecond):
					case <-t.Context().Done():
					}
					sent, statuses = seen.answered(path)
				}
				if sent != 1 || len(statuses) != 1 || statuses[0] < 400 {
					t.Fatalf("%s: %d requests, answers %v", what, sent, statuses)
				}
				if form {
					home()
				}
			}
		}
	}

	var users []struct {
		Login string `json:"login"`
	}
	admin.must("GET", "/user_backend/users", nil, &users)
	var state struct{ Enabled bool }
	admin.must("GET", statePath, nil, &state)
	if len(users) != 2 || !state.Enabled || len(admin.sessions()) > 0 {
		t.Errorf("users %+v, state %+v, sessions %+v", users, state, admin.sessions())
	}
	b.open("/admin/agent")
	b.sees(".lead", "Ideco агент управляет доступом") // still signed in, and as the administrator
}

// quoted returns a string of JavaScript.
func quoted(t *testing.T, text string) string {
	t.Helper()
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
