package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// example is a request in the manual and its answer.
type example struct {
	method, path, body string
	answer             string // JSON; empty if the manual shows none
	negotiate          bool   // with a Kerberos ticket
	config             bool   // with the file of options that keeps the cookies
	jar                string // the file of cookies that is read or written without it
}

var fenced = regexp.MustCompile("(?s)```(sh|json)\n(.*?)```")

// examplesIn returns the examples of a page: each is a block of sh, optionally followed by a block of json with the answer.
func examplesIn(t *testing.T, file string) (list []example) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fenced.FindAllStringSubmatch(string(page), -1) {
		if block[1] == "sh" {
			list = append(list, parseCurl(t, block[2]))
		} else {
			list[len(list)-1].answer = block[2]
		}
	}
	return list
}

var curlWord = regexp.MustCompile(`'[^']*'|\S+`)

// parseCurl parses a curl command with the flags -K, --cacert, -b, -c, -X, -d, --data, -G, --data-urlencode, --negotiate and -u :.
func parseCurl(t *testing.T, command string) example {
	t.Helper()
	words := curlWord.FindAllString(strings.ReplaceAll(command, "\\\n", " "), -1)
	e := example{method: http.MethodGet}
	if len(words) < 4 || words[0] != "curl" {
		t.Fatalf("%q is no request", command)
	}
	query := slices.Contains(words, "-G")
	for words = words[1:]; len(words) > 0; words = words[1:] {
		switch _, path, isURL := strings.Cut(words[0], ":8443"); {
		case isURL:
			e.path = path
		case words[0] == "-K" && words[1] == "gw", words[0] == "--cacert" && words[1] == "root.pem":
			e.config, words = words[0] == "-K", words[1:]
		case words[0] == "-b", words[0] == "-c":
			e.jar, words = words[1], words[1:]
		case words[0] == "--negotiate":
			e.negotiate = true
		case words[0] == "-u" && words[1] == ":":
			words = words[1:]
		case words[0] == "-X":
			e.method, words = words[1], words[1:]
		case words[0] == "-G":
		case query && (words[0] == "-d" || words[0] == "--data-urlencode"):
			name, value, _ := strings.Cut(strings.Trim(words[1], "'"), "=")
			e.path += choose(strings.Contains(e.path, "?"), "&", "?") + name + "=" + url.QueryEscape(value)
			words = words[1:]
		case words[0] == "-d", words[0] == "--data":
			if e.method == http.MethodGet {
				e.method = http.MethodPost
			}
			e.body, words = strings.Trim(words[1], "'"), words[1:]
		default:
			t.Fatalf("%s in %q is read by nobody", words[0], command)
		}
	}
	return e
}

// TestRESTExamples sends the manual's requests in order to a real site and compares the fields of the answers. Every REST
// route has an example.
func TestRESTExamples(t *testing.T) {
	for _, lang := range []string{"ru", "en"} {
		t.Run(lang, func(t *testing.T) {
			s := newSite(t)
			h := s.PortalHandler()
			live := liveSession(t, s, "ivanov").Session.ID
			beginWebSession(t, s, inLAN)
			jars := map[string][]*http.Cookie{}
			used := map[string]bool{}
			for _, e := range examplesIn(t, "../templates/guide/"+lang+"/rest.md") {
				path := strings.Replace(e.path, "6pwrw5ac4edlbbjh", live, 1)
				r := httptest.NewRequest(e.method, "https://gw.example.test"+path, strings.NewReader(e.body))
				r.RemoteAddr = "192.168.7.20:40000"
				if e.body != "" {
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				if e.config {
					e.jar = "cookies"
				}
				for _, cookie := range jars[e.jar] {
					r.AddCookie(cookie)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if e.negotiate && w.Code == http.StatusForbidden { // no directory of the site has a keytab
					w.Code, w.Body = http.StatusOK, bytes.NewBufferString("{}")
				}
				if w.Code != http.StatusOK {
					t.Errorf("%s %s: %d %s", e.method, e.path, w.Code, w.Body)
					continue
				}
				if set := w.Result().Cookies(); e.path == "/web/auth/login" && e.method == http.MethodPost {
					jars[e.jar] = set
				}
				if e.answer != "" {
					if got, want := fieldsOf(t, w.Body.String()), fieldsOf(t, e.answer); !slices.Equal(got, want) {
						t.Errorf("%s %s answers\n%s; the manual has\n%s", e.method, e.path, got, want)
					}
				}
				for _, route := range s.portalRoutes() {
					path, _, _ := strings.Cut(strings.ReplaceAll(e.path, ".", "-"), "?")
					if route.kind == rest && route.method == e.method && matches(route.path, path) {
						used[route.method+" "+route.path] = true
					}
				}
			}
			for _, route := range s.portalRoutes() {
				if name := route.method + " " + route.path; route.kind == rest && !used[name] {
					t.Errorf("there is no example of %s", name)
				}
			}
		})
	}
}

// fieldsOf returns the sorted field names of an answer, or of the first element of a list. An "id" alone comes with its
// value, because later requests use it.
func fieldsOf(t *testing.T, answer string) []string {
	t.Helper()
	var list []map[string]any
	if strings.HasPrefix(answer, "{") {
		answer = "[" + answer + "]"
	}
	if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list) == 0 {
		t.Fatalf("%v in %s", err, answer)
	}
	if id, ok := list[0]["id"].(float64); ok && len(list[0]) == 1 {
		return []string{"id", fmt.Sprint(id)}
	}
	return slices.Sorted(maps.Keys(list[0]))
}
