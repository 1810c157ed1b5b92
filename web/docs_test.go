package web

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPackagesAreDocumented: every package has a package comment.
func TestPackagesAreDocumented(t *testing.T) {
	for _, p := range goList(t, "./...") {
		dir := filepath.Join("..", strings.TrimPrefix(p.ImportPath, module))
		fset := token.NewFileSet()
		documented := false
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && path != dir {
				if d != nil && d.IsDir() {
					return fs.SkipDir
				}
				return err
			}
			if !strings.HasSuffix(path, ".go") {
				return nil
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(fset, path, src, parser.ParseComments|parser.PackageClauseOnly)
			if err == nil && f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != "" {
				documented = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !documented {
			t.Errorf("package %s has no comment", p.ImportPath)
		}
	}
}

// TestDocsNameFiles: each Go file that a document for contributors names is there.
func TestDocsNameFiles(t *testing.T) {
	docs, err := filepath.Glob("../.github/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatal("no documents: ", err)
	}
	named := regexp.MustCompile("`([a-z0-9_/-]+\\.go)`")
	for _, doc := range append(docs, "../README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s names %s: %v", filepath.Base(doc), m[1], err)
			}
		}
	}
}
