//go:build gateway

package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"ideco-agent/agent/netlab"
)

// verdict is what a system concludes about a network from a probe.
type verdict string

const (
	online  verdict = "online"
	captive verdict = "captive portal" // the system asks the person to sign in
	limited verdict = "limited"        // no Internet; the system does not ask
)

// answer is an HTTP answer.
type answer struct {
	status int
	header http.Header
	body   string
}

// probe is a captive portal probe of a system.
type probe struct {
	system string
	url    string
	real   answer // of the system's own server
	judge  func(got, real answer) verdict
	agents verdict // before the login, in a network whose people log in with the agent
}

// android is CaptivePortalProbeResult and NetworkMonitor of Android's module NetworkStack, which follow no redirect.
func android(got, _ answer) verdict {
	switch {
	case got.status == http.StatusNoContent:
		return online
	case got.status == http.StatusOK && len(got.body) <= 4:
		return limited
	case got.status >= 200 && got.status <= 399:
		return captive
	}
	return limited
}

// apple is the Captive Network Assistant of iOS and macOS: every answer but the page "Success" opens its window.
func apple(got, real answer) verdict {
	if got.status == http.StatusOK && got.body == real.body {
		return online
	}
	return captive
}

// windows is the Network Connectivity Status Indicator: a redirect and another text mean a hotspot, whose page it opens.
func windows(got, real answer) verdict {
	switch {
	case got.status == http.StatusOK && got.body == real.body:
		return online
	case got.status >= 200 && got.status <= 399:
		return captive
	}
	return limited
}

// firefox is toolkit/components/captivedetect/CaptiveDetect.sys.mjs, which follows no redirect.
func firefox(got, real answer) verdict {
	switch {
	case got.status == http.StatusOK && got.body == real.body:
		return online
	case got.status >= 200 && got.status <= 399 || got.status == http.StatusNetworkAuthenticationRequired:
		return captive
	}
	return limited
}

// networkManager is nm-connectivity.c, which follows no redirect. With a server that answers 204 it expects an empty body.
func networkManager(got, real answer) verdict {
	empty := real.body == "" && (got.status == http.StatusNoContent || got.status == http.StatusOK && got.body == "")
	if got.header.Get("X-NetworkManager-Status") == "online" || empty || real.body != "" && strings.HasPrefix(got.body, real.body) {
		return online
	}
	return captive
}

// chrome is components/captive_portal/core/captive_portal_detector.cc of Chromium, after a failed TLS connection.
func chrome(got, _ answer) verdict {
	switch {
	case got.status == http.StatusNetworkAuthenticationRequired:
		return captive
	case got.status >= 400:
		return limited
	case got.status == http.StatusNoContent || got.status == http.StatusOK && got.body == "":
		return online
	}
	return captive
}

func says(body string) answer { return answer{status: http.StatusOK, body: body} }

var nothing = answer{status: http.StatusNoContent}

const firefoxPage = `<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>`

// probes of systems and browsers. After the verdict limited a system shows nothing, so networks with browser sign-in redirect its probes.
var probes = []probe{
	{"Android", "http://connectivitycheck.gstatic.com/generate_204", nothing, android, limited},
	{"Android, second server", "http://www.google.com/gen_204", nothing, android, limited},
	{"Android of another maker", "http://connect.rom.miui.com/generate_204", nothing, android, limited},
	{"iOS and macOS", "http://captive.apple.com/hotspot-detect.html", says("<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>\n"), apple, captive},
	{"Windows 10 and 11", "http://www.msftconnecttest.com/connecttest.txt", says("Microsoft Connect Test"), windows, online},
	{"Windows 10 and 11 over IPv6", "http://ipv6.msftconnecttest.com/connecttest.txt", says("Microsoft Connect Test"), windows, online},
	{"Windows 8", "http://www.msftncsi.com/ncsi.txt", says("Microsoft NCSI"), windows, online},
	{"Firefox", "http://detectportal.firefox.com/canonical.html", says(firefoxPage), firefox, captive},
	{"Firefox, its second probe", "http://detectportal.firefox.com/success.txt?ipv4", says("success\n"), firefox, captive},
	{"NetworkManager of Debian", "http://network-test.debian.org/nm", says("NetworkManager is online\n"), networkManager, captive},
	{"NetworkManager of Ubuntu", "http://connectivity-check.ubuntu.com/", nothing, networkManager, captive},
	{"NetworkManager of GNOME", "http://nmcheck.gnome.org/check_network_status.txt", says("NetworkManager is online\n"), networkManager, captive},
	{"Chrome", "http://www.gstatic.com/generate_204", nothing, chrome, captive},
	{"Edge", "http://edge-http.microsoft.com/captiveportal/generate_204", nothing, chrome, captive},
}

// serveProbes starts one server that answers as those of all systems do.
func (w lab) serveProbes(t *testing.T) {
	t.Helper()
	w.handle(t, inNet, netip.AddrPortFrom(server, 80), http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for _, p := range probes {
			if p.url == "http://"+r.Host+r.URL.RequestURI() {
				rw.WriteHeader(p.real.status)
				fmt.Fprint(rw, p.real.body)
				return
			}
		}
		fmt.Fprint(rw, "a page")
	}))
}

// verdict sends a probe and returns the verdict of its system.
func (w lab) verdict(t *testing.T, p probe, place string, from netip.Addr) (verdict, answer) {
	t.Helper()
	got := w.get(t, w.webClient(t, place, from, nil), p.url)
	return p.judge(got, p.real), got
}

// TestFirewallProbes: in a network with browser sign-in the probes of all systems lead to the sign-in page of the gateway. In a
// network whose people log in with the agent, Windows opens no browser by itself. After the login all systems are online.
func TestFirewallProbes(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		g.person("boris")
		w.serveProbes(t)
		secure := w.Serve(t, inNet, netip.AddrPortFrom(server, 443), netlab.Says("TLS"))

		for _, p := range probes {
			is, got := w.verdict(t, p, inOne, one)
			if is != captive {
				t.Errorf("%s in a network with browser sign-in takes it for %s: %d %q", p.system, is, got.status, got.body)
			}
			if got.status < 400 {
				w.leadsToPlainPage(t, p.system, inOne, one, got)
			}
			if is, got := w.verdict(t, p, inFar, far); is != p.agents {
				t.Errorf("%s in a network with agents takes it for %s instead of %s: %d %q", p.system, is, p.agents, got.status, got.body)
			}
		}
		for _, theirs := range []string{"http://www.msftconnecttest.com/redirect", "http://elsewhere.example/connecttest.txt", "http://msftconnecttest.com.example/connecttest.txt", "http://www.msftncsi.com/connecttest.txt"} {
			if got := w.get(t, w.webClient(t, inFar, far, nil), theirs); got.status != http.StatusNetworkAuthenticationRequired {
				t.Errorf("%s in a network with agents: %d %q", theirs, got.status, got.body)
			}
		}
		w.refused(t, "Android's TLS probe before sign-in", inOne, one, secure)

		g.signsIn(inOne, one, "anna")
		g.loggedIn(inFar, "boris")
		for _, p := range probes {
			for place, from := range map[string]netip.Addr{inOne: one, inFar: far} {
				if is, got := w.verdict(t, p, place, from); is != online {
					t.Errorf("%s at %s after sign-in takes the network for %s: %d %q", p.system, place, is, got.status, got.body)
				}
			}
		}
		w.open(t, "Android's TLS probe after sign-in", inOne, one, secure)

		if is, got := w.verdict(t, probes[0], inTwo, two); is != captive {
			t.Errorf("Android on another host takes the network for %s: %d %q", is, got.status, got.body)
		}
	})
}

// leadsToPlainPage fails the test unless a redirect leads to a page that a computer without the gateway's root can show: at the
// gateway's address, over plain HTTP, without a form, the installer or the root.
func (w lab) leadsToPlainPage(t *testing.T, system, place string, from netip.Addr, redirect answer) {
	t.Helper()
	to, err := url.Parse(redirect.header.Get("Location"))
	if err != nil || redirect.status != http.StatusFound || to.Scheme != "http" || to.Hostname() != "10.77.1.1" {
		t.Errorf("%s is redirected by %d to %q, %v", system, redirect.status, redirect.header.Get("Location"), err)
		return
	}
	page := w.get(t, w.webClient(t, place, from, nil), to.String())
	if page.status != http.StatusOK || !strings.Contains(page.body, "https://10.77.1.1:"+portalPort) && !strings.Contains(page.body, "https://"+domain+":"+portalPort) {
		t.Errorf("%s gets %d without the gateway's address: %s", system, page.status, page.body)
	}
	for _, forbidden := range []string{"<input", "<form", ".msi", "root.crt", "root.pem"} {
		if strings.Contains(page.body, forbidden) {
			t.Errorf("%s: the page over plain HTTP has %s: %s", system, forbidden, page.body)
		}
	}
}

// TestFirewallProbesWithPublicCertificate: with a publicly trusted certificate, the redirects of a probe end at the sign-in form without
// a warning, and the API of RFC 8908 gives the rest of the session.
func TestFirewallProbesWithPublicCertificate(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		public := w.standInCA(t)
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		w.serveProbes(t)
		api := "https://" + domain + ":" + portalPort + "/captive-portal/api"
		own := &tls.Config{RootCAs: g.roots()}
		g.findsItsName()
		if got := w.get(t, w.webClient(t, inOne, one, own), api); got.status != http.StatusNotFound {
			t.Errorf("the API with a certificate of the own root: %d %s", got.status, got.body)
		}
		g.uploads(public)
		trusted := public.trust()
		netlab.Eventually(t, "the API is there", func() bool {
			response, err := w.webClient(t, inOne, one, trusted).Get(api)
			if err != nil {
				return false
			}
			response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
		before := w.captiveState(t, inOne, one, trusted, api)
		if !before.Captive || before.Remaining != nil || !strings.HasPrefix(before.Portal, "https://"+domain+":"+portalPort+"/") {
			t.Errorf("before sign-in: %+v", before)
		}
		for _, start := range []string{before.Portal, probes[0].url, probes[4].url} {
			client := w.webClient(t, inOne, one, trusted)
			client.CheckRedirect = nil // follow
			page := w.get(t, client, start)
			if page.status != http.StatusOK || !strings.Contains(page.body, `type="password"`) {
				t.Errorf("%s ends at %d %s", start, page.status, page.body)
			}
		}
		g.signsInTrusting(inOne, one, "anna", trusted)
		after := w.captiveState(t, inOne, one, trusted, api)
		if after.Captive || after.Remaining == nil || *after.Remaining < 11*3600 || *after.Remaining > 12*3600 {
			t.Errorf("after sign-in: %+v", after)
		}
		if other := w.captiveState(t, inTwo, two, trusted, api); !other.Captive {
			t.Errorf("another host: %+v", other)
		}
	})
}
