package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var markdownLink = regexp.MustCompile(`\]\(([^)]+)\)`)

// TestReadme: the README stays short, and the links in it and in the texts for contributors lead somewhere.
func TestReadme(t *testing.T) {
	for _, file := range []string{"../README.md", "../.github/CONTRIBUTING.md", "../.github/SECURITY.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); filepath.Base(file) == "README.md" && lines > 100 {
			t.Errorf("%s has %d lines, more than 100", file, lines)
		}
		links := 0
		for _, link := range markdownLink.FindAllStringSubmatch(string(text), -1) {
			path, _, _ := strings.Cut(link[1], "#")
			if strings.HasPrefix(path, "https://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), path)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		if links == 0 && filepath.Base(file) == "README.md" {
			t.Errorf("%s: no links are found", file)
		}
	}
}
