// Package static embeds the portal's style sheets, script and icons. Their URLs contain a hash of the content, so browsers
// may cache them for ever.
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

// Prefix is the path under which Handler must be mounted.
const Prefix = "/static/"

//go:embed *.css *.js *.svg
var files embed.FS

// asset is an embedded file.
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

// URL returns the path of an embedded file, for instance "/static/app.3f2a9c01d4e5.css" for "app.css". For a name that is
// not embedded it returns a path that answers 404; the tests of the pages find that.
func URL(name string) string {
	if a, ok := assets().byName[name]; ok {
		return a.url
	}
	return Prefix + name
}

// Handler serves the files under Prefix, cacheable for a year. Any other path is 404.
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

// Text returns the content of an embedded file, to inline it in a page; "" for an unknown name.
func Text(name string) string { return string(assets().byName[name].body) }
