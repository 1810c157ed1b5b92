package handlers

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/static"
	"ideco-agent/templates"
)

// TestCompression: text answers are compressed for clients that take gzip, and nothing else is.
func TestCompression(t *testing.T) {
	a := newAdministration(t)
	a.site.Downloads = portableReady{}
	for _, one := range []struct {
		path, accept, span string
		compressed         bool
	}{
		{"/admin/agent", "gzip, deflate, br", "", true},
		{"/admin/agent", "", "", false},
		{"/admin/agent", "gzip;q=0", "", false},
		{static.URL("app.css"), "gzip", "", true},
		{static.URL("app.js"), "gzip", "", true},
		{static.URL("app.css"), "gzip", "bytes=100-4999", false},
		{"/settings", "gzip", "", true},
		{"/nothing/here", "gzip", "", true},
		{"/download/IdecoAgent-policy.zip", "gzip", "", false},
		{"/download/root.crt", "gzip", "", false},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := httptest.NewRequest(method, "https://gw.example.test"+one.path, nil)
			r.RemoteAddr = fromLAN
			if one.accept != "" {
				r.Header.Set("Accept-Encoding", one.accept)
			}
			if one.span != "" {
				r.Header.Set("Range", one.span)
			}
			for _, c := range a.boss {
				r.AddCookie(c)
			}
			w := httptest.NewRecorder()
			a.h.ServeHTTP(w, r)
			if w.Code == http.StatusMethodNotAllowed || w.Code == http.StatusNotFound && method == "HEAD" {
				continue // REST has no HEAD
			}
			h, want := w.Header(), one.compressed && method == "GET" // HEAD describes the text as it is
			if compressed := h.Get("Content-Encoding") == "gzip"; compressed != want {
				t.Errorf("%s %s for %q %s: status %d, encoding %q", method, one.path, one.accept, one.span, w.Code, h.Get("Content-Encoding"))
			}
			if !strings.Contains(h.Get("Vary"), "Accept-Encoding") {
				t.Errorf("%s %s: Vary %q", method, one.path, h.Get("Vary"))
			}
			if want && h.Get("Content-Length") != "" {
				t.Errorf("%s %s: the length of the text is told: %s", method, one.path, h.Get("Content-Length"))
			}
		}
	}
}

// TestCompressionForOtherSites: what another site makes a browser ask for is not compressed.
func TestCompressionForOtherSites(t *testing.T) {
	h := newSite(t).PortalHandler()
	for from, want := range map[string]string{"": "gzip", "none": "gzip", "same-origin": "gzip", "same-site": "", "cross-site": "", "x": ""} {
		r := httptest.NewRequest("GET", "https://gw.example.test/login", nil)
		r.RemoteAddr = fromLAN
		r.Header.Set("Accept-Encoding", "gzip")
		if from != "" {
			r.Header.Set("Sec-Fetch-Site", from)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); w.Code != http.StatusOK || got != want {
			t.Errorf("from %q: status %d, encoding %q", from, w.Code, got)
		}
	}
}

// portableReady is a build with an archive that could be compressed.
type portableReady struct{ policyAlone }

func (portableReady) Policy() ZipFile { return zipFile(strings.Repeat("policy ", 1000)) }

// brokenJournal fails in the middle.
type brokenJournal struct{ Journal }

func (brokenJournal) EachEntry(_ context.Context, _ agent.JournalQuery, use func(agent.JournalEntry) error) error {
	for range 20_000 {
		if err := use(agent.JournalEntry{Login: randomToken()}); err != nil {
			return err
		}
	}
	return errors.New("the disk is gone")
}

// TestCompressedExportIsCut: an export that fails in the middle ends as a broken connection also when it is compressed.
func TestCompressedExportIsCut(t *testing.T) {
	a := newAdministration(t)
	a.site.Journal = brokenJournal{a.site.Journal}
	server := httptest.NewServer(a.h)
	defer server.Close()
	r, err := http.NewRequest("GET", server.URL+""+templates.JournalPath+".csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "gw.example.test"
	r.Header.Set("Accept-Encoding", "gzip")
	for _, c := range a.boss {
		r.AddCookie(c)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%s, %v", answer.Status, answer.Header)
	}
	text, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, text); err == nil {
		t.Errorf("%d bytes look like the whole file", n)
	}
}
