package installer

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

func TestMSIReads(t *testing.T) {
	template := openTemplate(t, buildSmall)
	msi := makeMSI(t, template, testHost, testPin)
	want := content(t, msi)
	if msi.Size() != template.Size() || int64(len(want)) != template.Size() {
		t.Errorf("size %d, read %d, want %d", msi.Size(), len(want), template.Size())
	}
	if err := iotest.TestReader(msi.NewReader(), want); err != nil {
		t.Error(err)
	}
	for _, p := range msi.patches {
		end := p.at + int64(len(p.data))
		for _, window := range [][2]int64{{p.at - 1, p.at}, {p.at - 1, p.at + 1}, {p.at, end}, {p.at + 1, end - 1}, {end - 1, end + 1}, {end, end + 1}, {p.at - 5, end + 5}} {
			got := make([]byte, window[1]-window[0])
			if n, err := msi.ReadAt(got, window[0]); n != len(got) || err != nil {
				t.Fatalf("ReadAt %d: %d, %v", window, n, err)
			}
			if !bytes.Equal(got, want[window[0]:window[1]]) {
				t.Errorf("bytes %d differ", window)
			}
		}
	}
	if _, err := msi.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("ReadAt accepted an offset below 0")
	}
	if n, err := msi.ReadAt(make([]byte, 8), msi.Size()-3); n != 3 || err != io.EOF {
		t.Errorf("ReadAt at the end: %d, %v", n, err)
	}
}

// TestMSIServed downloads a preset as browsers do: as a whole, in ranges, and with conditions.
func TestMSIServed(t *testing.T) {
	template := openTemplate(t, buildLarge)
	msi, other := makeMSI(t, template, testHost, testPin), makeMSI(t, template, "gw2.example.com", testPin)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", msi.ETag())
		http.ServeContent(w, r, "IdecoAgent.msi", msi.ModTime(), msi.NewReader())
	}))
	defer server.Close()
	want := content(t, msi)
	first := msi.patches[0].at
	for _, c := range []struct {
		name   string
		header map[string]string
		status int
		body   []byte
	}{
		{"whole", nil, 200, want},
		{"range over a patch", map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", first-10, first+9)}, 206, want[first-10 : first+10]},
		{"the rest", map[string]string{"Range": "bytes=5000000-", "If-Range": msi.ETag()}, 206, want[5000000:]},
		{"the rest of another one", map[string]string{"Range": "bytes=5000000-", "If-Range": other.ETag()}, 200, want},
		{"known", map[string]string{"If-None-Match": msi.ETag()}, 304, nil},
		{"another one known", map[string]string{"If-None-Match": other.ETag()}, 200, want},
		{"known by date", map[string]string{"If-Modified-Since": "Mon, 23 Nov 2099 12:00:00 GMT"}, 200, want},
		{"beyond the end", map[string]string{"Range": fmt.Sprintf("bytes=%d-", len(want))}, 416, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range c.header {
				request.Header.Set(key, value)
			}
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.status {
				t.Fatalf("status %d, want %d", response.StatusCode, c.status)
			}
			if c.body != nil && !bytes.Equal(body, c.body) {
				t.Error("the body differs")
			}
		})
	}
	if tag := msi.ETag(); !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) || len(tag) < 18 {
		t.Errorf("ETag %s is not a strong one", tag)
	}
}
