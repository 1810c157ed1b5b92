package agent

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestCodes: each code is in one of the lists, from which other tests find missing texts.
func TestCodes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "refusal_codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		code, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if found++; !Contains(Codes, Code(code)) && !Contains(AgentCodes, Code(code)) {
			t.Errorf("%s is in no list", spec.Names[0].Name)
		}
		return true
	})
	if want := len(Codes) + len(AgentCodes); found != want {
		t.Errorf("%d constants, %d codes in the lists", found, want)
	}
}

// TestAccountKey: the key of an account is stable, and no local account shares it with one of a directory.
func TestAccountKey(t *testing.T) {
	local := User{ID: 12, Login: "ivan", Directory: LocalDirectory}
	remote := User{ID: 12, Login: "ivan", Directory: "corp.test", GUID: "4f9a"}
	if local.AccountKey() != "local/12" || remote.AccountKey() != "corp.test/4f9a" {
		t.Errorf("%q, %q", local.AccountKey(), remote.AccountKey())
	}
	remote.ID, remote.Login = 13, "renamed"
	if remote.AccountKey() != "corp.test/4f9a" {
		t.Errorf("after a rename: %q", remote.AccountKey())
	}
}
