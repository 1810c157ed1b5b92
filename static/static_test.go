package static

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func get(path string) *http.Response {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result()
}

func TestFilesAreCachedForEver(t *testing.T) {
	for name, contentType := range map[string]string{
		"app.css":     "text/css; charset=utf-8",
		"tokens.css":  "text/css; charset=utf-8",
		"app.js":      "text/javascript; charset=utf-8",
		"favicon.svg": "image/svg+xml",
	} {
		res := get(URL(name))
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != contentType ||
			res.Header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s %v", URL(name), res.Status, res.Header)
		}
		if Text(name) == "" {
			t.Errorf("%s is empty", name)
		}
	}
}

func TestURLCarriesAHashOfTheContent(t *testing.T) {
	if !regexp.MustCompile(`^/static/app\.[0-9a-f]{12}\.css$`).MatchString(URL("app.css")) {
		t.Errorf("got %s", URL("app.css"))
	}
	if strings.TrimPrefix(URL("app.css"), "/static/app") == strings.TrimPrefix(URL("tokens.css"), "/static/tokens") {
		t.Error("two files with one hash")
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	for _, path := range []string{"/static/", "/static/app.css", "/static/app.000000000000.css", "/static/../static.go",
		"/static/static.go", "/", URL("no-such-file.css")} {
		if res := get(path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

// TestStyleSheets: style sheets load no other files, only tokens.css has colours, and it defines all custom properties in use.
func TestStyleSheets(t *testing.T) {
	for _, name := range []string{"app.css", "tokens.css", "welcome.css"} {
		if strings.Contains(Text(name), "url(") || strings.Contains(Text(name), "@import") {
			t.Errorf("%s loads another file", name)
		}
	}
	for _, name := range []string{"app.css", "welcome.css"} {
		if found := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgb\(`).FindString(Text(name)); found != "" {
			t.Errorf("%s: the colour %s belongs into tokens.css", name, found)
		}
	}
	used := regexp.MustCompile(`var\((--[a-z-]+)\)`).FindAllStringSubmatch(Text("app.css")+Text("welcome.css")+Text("tokens.css"), -1)
	light := tokens(t, ":root {")
	for _, match := range used {
		if light[match[1]] == "" {
			t.Errorf("tokens.css does not define %s", match[1])
		}
	}
}

// tokens returns the custom properties of the block that begins with start.
func tokens(t *testing.T, start string) map[string]string {
	t.Helper()
	_, block, ok := strings.Cut(Text("tokens.css"), start)
	if !ok {
		t.Fatalf("tokens.css has no block %q", start)
	}
	block, _, _ = strings.Cut(block, "}")
	all := map[string]string{}
	for _, match := range regexp.MustCompile(`(--[a-z-]+|color-scheme):\s*([^;]+);`).FindAllStringSubmatch(block, -1) {
		all[match[1]] = match[2]
	}
	return all
}

// TestDarkThemes: the dark theme is the same by the system's setting and by the person's choice, and replaces every light value.
func TestDarkThemes(t *testing.T) {
	bySystem, byChoice := tokens(t, `:root:not([data-theme="light"]) {`), tokens(t, `:root[data-theme="dark"] {`)
	if !maps.Equal(bySystem, byChoice) {
		t.Errorf("by system %v\nby choice %v", bySystem, byChoice)
	}
	for name := range tokens(t, ":root {") {
		if byChoice[name] == "" {
			t.Errorf("%s has no dark value", name)
		}
	}
}

func TestContrast(t *testing.T) {
	for theme, start := range map[string]string{"light": ":root {", "dark": `:root[data-theme="dark"] {`} {
		colours := tokens(t, start)
		check := func(text, ground string, least float64) {
			t.Helper()
			if ratio := contrast(t, colours["--"+text], colours["--"+ground]); ratio < least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, needs %.1f", theme, text, ground, ratio, least)
			}
		}
		for _, text := range []string{"text", "muted", "link", "ok", "warn", "bad"} {
			check(text, "ground", 4.5)
			check(text, "surface", 4.5)
		}
		for _, text := range []string{"text", "muted", "link", "bad"} {
			check(text, "hover", 4.5) // the background of buttons and sections under the pointer
		}
		check("on-accent", "accent", 4.5)
		check("on-accent", "accent-hover", 4.5)
		check("on-bad", "bad", 4.5)
		check("edge", "surface", 3)
		check("edge", "ground", 3)
	}
}

// contrast returns the contrast ratio as WCAG 2 defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 24)
	if err != nil || len(colour) != 7 {
		t.Fatal(fmt.Errorf("colour %q: %v", colour, err))
	}
	linear := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}
