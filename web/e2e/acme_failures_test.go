//go:build acme

package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/web/e2e/acmelab"
)

// eabKey is a key for external account binding, in base64url.
const eabKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

// TestACMEFailures: each failure has its cause on the page and in REST, the own root serves meanwhile, and the next try after the
// cure brings the certificate.
func TestACMEFailures(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a router")) }))
	t.Cleanup(stranger.Close)
	for name, c := range map[string]struct {
		options acmelab.Options
		fields  map[string]any    // that differ from the right ones
		breaks  func(o *ordering) // before the settings are saved
		cause   string            // code
		says    string            // the page
		ca      string            // the CA's words on the page
		web     int               // challenges that the CA tried
		cures   func(o *ordering) // nil = other settings
		mended  map[string]any    // fields that differ from the right ones
	}{
		"no address": {
			breaks: func(o *ordering) { o.ca.Resolve(acmeName) },
			cause:  "not_found", says: "не нашёл portal.example.test в DNS", ca: "could not resolve", web: 1,
			cures: func(o *ordering) { o.ca.Resolve(acmeName, "127.0.0.1") },
		},
		"port closed": {
			breaks: func(o *ordering) { o.ca.Resolve(acmeName, "127.0.0.9") },
			cause:  "connection", says: "адрес 127.0.0.9", ca: "connection refused", web: 1,
			cures: func(o *ordering) { o.ca.Resolve(acmeName, "127.0.0.1") },
		},
		"another server": {
			breaks: func(o *ordering) { o.ca.HTTP.Lead(strings.TrimPrefix(stranger.URL, "http://")) },
			cause:  "wrong_answer", says: "ответил не этот шлюз", ca: "a router", web: 1,
			cures: func(o *ordering) { o.ca.HTTP.Lead(o.where.HTTP[0]) },
		},
		"EAB missing": {
			options: acmelab.Options{EAB: map[string]string{"kid-1": eabKey}},
			cause:   "eab_needed", says: "Получите у центра идентификатор и ключ EAB",
			mended: map[string]any{"eab": map[string]string{"key_id": "kid-1", "hmac_key": eabKey}},
		},
		"EAB with a wrong key": {
			options: acmelab.Options{EAB: map[string]string{"kid-1": eabKey}},
			fields:  map[string]any{"eab": map[string]string{"key_id": "kid-1", "hmac_key": strings.Repeat("A", 43)}},
			cause:   "eab_wrong", says: "не принял идентификатор или ключ EAB",
			mended: map[string]any{"eab": map[string]string{"key_id": "kid-1", "hmac_key": eabKey}},
		},
		"EAB with a wrong ID": {
			options: acmelab.Options{EAB: map[string]string{"kid-1": eabKey}},
			fields:  map[string]any{"eab": map[string]string{"key_id": "kid-7", "hmac_key": eabKey}},
			cause:   "eab_wrong", says: "не принял идентификатор или ключ EAB", ca: "not known to the ACME server",
			mended: map[string]any{"eab": map[string]string{"key_id": "kid-1", "hmac_key": eabKey}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrdering(t, acmelab.Start(t, c.options))
			if c.breaks != nil {
				c.breaks(o)
			}
			o.admin.must("PUT", acmePath, o.fields(c.fields), nil)
			o.fails(c.cause, c.says, c.ca)
			o.validated("failed", c.web, 0)

			if c.cures == nil {
				o.admin.must("PUT", acmePath, o.fields(c.mended), nil)
			} else {
				c.cures(o)
				o.admin.must("POST", retryPath, nil, nil)
			}
			o.settles("done")
			o.serves("cured", byCA)
			if log := o.log.String(); strings.Contains(log, eabKey) {
				t.Error("the log has the key of the external account binding")
			}
		})
	}
}

// fails waits until the order has failed with a cause, and checks what REST and the page say about it.
func (o *ordering) fails(cause, says, ca string) {
	o.t.Helper()
	now := o.until("failed with "+cause, func(now acmeOrder) bool { return now.State == "failed" && now.Error != nil && now.Error.Code == cause })
	if !strings.Contains(now.Error.CA, ca) || now.Error.Cure == "" {
		o.t.Fatalf("the error is %+v, want the CA's words %q", now.Error, ca)
	}
	if now.Next == nil {
		o.t.Error("no next try is planned")
	}
	page := o.visitor(netip.Addr{})
	page.signIn("boss", adminPassword)
	page.open("/admin/certificate")
	page.sees("main", says)
	page.sees("main", ca)
	page.sees("main table", "Сертификат получить не удалось")
	o.serves("failed", byOwn)
}

// TestACMETerms: nothing is ordered before an administrator accepts the terms, and the page says so.
func TestACMETerms(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{}))
	o.admin.must("PUT", acmePath, o.fields(map[string]any{"accept_terms": false}), nil)
	o.settles("off")
	page := o.visitor(netip.Addr{})
	page.signIn("boss", adminPassword)
	page.open("/admin/certificate")
	page.sees("[aria-labelledby=verdict] dd", "Условия использования центра сертификации не приняты")
	o.serves("terms refused", byOwn)
	o.validated("terms refused", 0, 0)
	o.admin.must("PUT", acmePath, map[string]any{"accept_terms": true}, nil)
	o.settles("done")
	o.serves("accepted", byCA)
}

// TestACMEDown: a CA that is down and one with an unknown root have causes of their own. A try after the CA is back brings the certificate.
func TestACMEDown(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{}))
	o.ca.HTTP.Lead("")
	o.admin.must("PUT", acmePath, o.fields(nil), nil)
	o.fails("connection", "не смог подключиться", "")

	unknown := directorylab.NewAuthority(t, "Another root")
	o.admin.must("PUT", acmePath, map[string]any{"directory_root_pem": string(unknown.PEM())}, nil)
	o.fails("untrusted_ca", "его сертификат выдан неизвестным центром API of Pebble", "")

	o.ca.Stop()
	o.admin.must("PUT", acmePath, map[string]any{"directory_root_pem": string(o.ca.RootPEM)}, nil)
	o.fails("unreachable", "Центр сертификации не отвечает", "")

	// Terms of a CA that is down cannot be accepted. What was saved stays.
	status, body := o.admin.call("PUT", acmePath, map[string]any{"directory": "https://127.0.0.1:1/dir", "accept_terms": true})
	if status == http.StatusOK || !strings.Contains(string(body), "не отвечает") {
		t.Errorf("terms of a CA that is down: %d %s", status, body)
	}
	var now struct{ Directory string }
	o.admin.must("GET", acmePath, nil, &now)
	if now.Directory != o.ca.Directory {
		t.Errorf("the directory is %s", now.Directory)
	}

	// The CA comes back without any memory, so the account must be made anew.
	o.ca.Restart()
	o.ca.HTTP.Lead(o.where.HTTP[0])
	o.admin.must("POST", retryPath, nil, nil)
	o.settles("done")
	o.serves("back", byCA)
}
