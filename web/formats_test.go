package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var verb = regexp.MustCompile(`%%|%[-+# 0]*(\[\d+\])?[*\d.]*(\[\d+\])?[a-zA-Z]`)

// implicitVerb finds a verb without an index after one with an index. fmt counts on from that index, which prints the wrong
// value as soon as somebody reorders the words; go vet does not notice.
func implicitVerb(format string) (found string) {
	indexed := false
	for _, v := range verb.FindAllString(format, -1) {
		switch {
		case v == "%%":
		case strings.Contains(v, "["):
			indexed = true
		case indexed:
			return v
		}
	}
	return ""
}

// joined returns the value of a string literal or of a concatenation of literals.
func joined(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.BinaryExpr:
		return joined(e.X) + joined(e.Y)
	}
	return ""
}

func TestImplicitVerb(t *testing.T) {
	for format, want := range map[string]string{
		"%s %[1]s":         "",
		"%[1]s %s":         "%s",
		"%[2]q 100%% %-5d": "%-5d",
		"%[1]*[2]d %[1]v":  "",
		"%d %s":            "",
	} {
		if got := implicitVerb(format); got != want {
			t.Errorf("%q: %q, want %q", format, got, want)
		}
	}
}

// TestFormats: a format with explicit indexes has an index for every verb.
func TestFormats(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || path == filepath.Join("..", "web", "formats_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			e, is := n.(ast.Expr)
			if !is {
				return true
			}
			text := joined(e)
			if v := implicitVerb(text); v != "" {
				t.Errorf("%s: %s stands after a verb with an index: give it one too: %q", set.Position(n.Pos()), v, text)
			}
			return text == ""
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
