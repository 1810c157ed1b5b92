// Package static holds the portal's style sheet, script and icons. They are embedded in the binary and served under
// URLs that carry a hash of their content, so that browsers may keep them for ever.
package static

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// Prefix is where Handler expects to be mounted.
const Prefix = "/static/"

//go:embed *.css *.js *.svg
var files embed.FS

// asset is one embedded file under its hashed name.
type asset struct {
	url         string
	contentType string
	body        []byte
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// index finds assets by file name and by URL.
type index struct{ byName, byURL map[string]asset }

var assets = sync.OnceValue(func() index {
	all := index{byName: map[string]asset{}, byURL: map[string]asset{}}
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(fmt.Sprintf("static: list embedded files: %v", err)) // cannot happen: the pattern is a constant
	}
	for _, name := range names {
		body, err := files.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("static: read embedded %s: %v", name, err)) // cannot happen: it was just listed
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(name)
		a := asset{
			url:         Prefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext,
			contentType: contentTypes[ext],
			body:        body,
		}
		all.byName[name], all.byURL[a.url] = a, a
	}
	return all
})

// URL is the address of an embedded file, for instance "/static/app.3f2a9c01d4e5.css" for "app.css". A name that is
// not embedded is a mistake in the program, found by the tests of the pages; it gives an address that answers 404.
func URL(name string) string {
	if a, ok := assets().byName[name]; ok {
		return a.url
	}
	return Prefix + name
}

// Handler serves the files under Prefix; browsers keep them for a year. Any other path is 404.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets().byURL[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", a.contentType)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
	})
}

// Text is the content of an embedded file, for a page that has to stand alone; "" for a name that is not embedded.
func Text(name string) string { return string(assets().byName[name].body) }
