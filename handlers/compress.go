package handlers

import (
	"compress/gzip"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzhttp"
)

// compressedTypes are the content types that compressTexts compresses. Installers, archives and workbooks are compressed already.
var compressedTypes = []string{"text/html", "text/css", "text/javascript", "text/csv", "text/markdown", "text/plain",
	"application/json", "application/captive+json", "image/svg+xml"}

// compressor is the wrapper of gzhttp. It leaves short answers and ranges as they are.
var compressor = sync.OnceValue(func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypes(compressedTypes), gzhttp.EnableZstd(false), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		panic("handlers: options of gzhttp: " + err.Error()) // cannot happen: the options are constants
	}
	return wrap
})

// compressTexts compresses the text answers of a handler for clients that take gzip. An answer to a request that another site has caused
// stays as it is: its length would tell whether it repeats what that site chose to put into the URL (BREACH).
func compressTexts(h http.Handler) http.Handler {
	compressed := compressor()(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("Sec-Fetch-Site"); from != "" && from != "same-origin" && from != "none" {
			r.Header.Del("Accept-Encoding")
		}
		compressed(w, r)
	})
}
