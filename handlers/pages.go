package handlers

import "strings"

// Pages are the paths of what people open in a browser, as patterns of the routes. Some of them are files to download.
type Pages struct {
	Portal, HTTP, Tunnel []string
}

// Pages returns the paths of all pages, so that a check of all of them needs no list of its own.
func (s *Site) Pages() Pages {
	return Pages{pagesIn(s.portalRoutes()), pagesIn(s.httpRoutes()), pagesIn(s.tunnelRoutes())}
}

func pagesIn(routes []route) (paths []string) {
	for _, r := range routes {
		if r.method == "GET" && r.kind != rest && !strings.HasSuffix(r.path, "*") {
			paths = append(paths, r.path)
		}
	}
	return paths
}
