package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// runVariable is an environment variable. When it is set, the test binary runs main instead of the tests.
const runVariable = "IDECO_PORTAL_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runVariable) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLanguageOf(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		args []string
		want language
	}{
		{nil, nil, "ru"},
		{map[string]string{"LANG": "en_US.UTF-8"}, nil, "en"},
		{map[string]string{"LANG": "ru_RU.UTF-8"}, nil, "ru"},
		{map[string]string{"LANG": "C.UTF-8"}, nil, "ru"},
		{map[string]string{"LANG": "en", "LC_MESSAGES": "ru_RU"}, nil, "ru"},
		{map[string]string{"LC_MESSAGES": "ru_RU", "LC_ALL": "en@quot"}, nil, "en"},
		{map[string]string{"LANG": "en"}, []string{"--lang", "ru", "version"}, "ru"},
		{map[string]string{"LANG": "ru"}, []string{"version", "--lang=en"}, "en"},
		{map[string]string{"LANG": "en"}, []string{"--lang"}, "en"},
	} {
		if got := languageOf(c.args, func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v %q: %s, want %s", c.env, c.args, got, c.want)
		}
	}
}

// TestTranslations: every English text has a Russian one with the same verbs, and there are no others.
func TestTranslations(t *testing.T) {
	english := map[string]bool{}
	var addHelp func(n *kong.Node)
	addHelp = func(n *kong.Node) {
		english[n.Help] = true
		for _, f := range n.Flags {
			english[f.OrigHelp] = true
		}
		for _, a := range n.Positional {
			english[a.Help] = true
		}
		for _, child := range n.Children {
			addHelp(child)
		}
	}
	addHelp(newParser(new(commands), "en").Model.Node)
	addMessages(t, "../../web", regexp.MustCompile(`^message$`), english)
	addMessages(t, ".", regexp.MustCompile(`^(sprintf|translate|report)$`), english)

	verbs := regexp.MustCompile(`%(\[\d\])?[a-z]|\$\{enum\}`)
	for text := range english {
		ru, ok := russian[text]
		if !ok {
			t.Errorf("no Russian text for %q", text)
		} else if want, got := verbs.FindAllString(text, -1), verbs.FindAllString(ru, -1); !slices.Equal(got, want) {
			t.Errorf("%q has %q, its translation %q", text, want, got)
		}
	}
	for text := range maps.Keys(russian) {
		if !english[text] {
			t.Errorf("no text %q in the program", text)
		}
	}
}

// addMessages adds to texts the string literals in calls of the functions, in the Go files of a directory.
func addMessages(t *testing.T, dir string, functions *regexp.Regexp, texts map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			function, _ := call.Fun.(*ast.Ident)
			if s, ok := call.Fun.(*ast.SelectorExpr); ok {
				function = s.Sel
			}
			if function == nil || !functions.MatchString(function.Name) {
				return true
			}
			for _, arg := range call.Args {
				if text, ok := arg.(*ast.BasicLit); ok && text.Kind == token.STRING {
					s, _ := strconv.Unquote(text.Value)
					texts[s] = true
				}
			}
			return true
		})
	}
}

// TestLanguageOfCommands: help, errors and results are in the language of the locale, but errors of serve in English.
func TestLanguageOfCommands(t *testing.T) {
	for locale, want := range map[string]struct{ help, kong, made, taken, open string }{
		"ru_RU.UTF-8": {"Показать версию.", "ideco-portal: не хватает ключей: --login", "администратор boss создан", `логин "boss" занят`, "могут менять другие (права 0777)"},
		"en_US.UTF-8": {"Print the version.", "ideco-portal: missing flags: --login", "administrator boss was created", `the login "boss" is taken`, "can be changed by others (mode 0777)"},
	} {
		dir, open := t.TempDir(), t.TempDir()
		if err := errors.Join(os.Chmod(dir, 0o700), os.Chmod(open, 0o777)); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			want string
			args []string
		}{
			{want.help, []string{"--help"}},
			{want.kong, []string{"admin", "create"}},
			{want.made, []string{"--data", dir, "admin", "create", "--login", "boss"}},
			{want.taken, []string{"--data", dir, "admin", "create", "--login", "boss"}},
			{want.open, []string{"--data", open, "admin", "create", "--login", "boss"}},
			{"can be changed by others", []string{"--data", open, "serve"}},
		} {
			cmd := exec.Command(os.Args[0], c.args...)
			cmd.Env = []string{runVariable + "=1", "LANG=" + locale}
			cmd.Stdin = strings.NewReader("correct horse battery\n")
			if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), c.want) {
				t.Errorf("%s %q: %q is not in\n%s", locale, c.args, c.want, out)
			}
		}
	}
}
