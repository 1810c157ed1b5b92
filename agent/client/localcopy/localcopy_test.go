package localcopy

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestCopy(t *testing.T) {
	dir := t.TempDir()
	program, below := filepath.Join(dir, "IdecoAgent.exe"), filepath.Join(dir, "own", "portable")
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied := func() string {
		t.Helper()
		path, err := Copy(program, below, "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := read(t, path), read(t, program); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		return path
	}
	put(program, "first")
	first := copied()
	if !regexp.MustCompile(`portable[/\\]1\.2\.3-[0-9a-f]{16}[/\\]IdecoAgent\.exe$`).MatchString(first) {
		t.Error(first)
	}
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if copied() != first {
		t.Error("two paths for the same program")
	}
	if after, err := os.Stat(first); err != nil || !os.SameFile(before, after) {
		t.Error("an existing copy was replaced")
	}
	put(first, "tampered with")
	copied()

	put(program, "second")
	if second := copied(); second == first {
		t.Error("the same path for another program")
	}
	if _, err := os.Stat(filepath.Dir(first)); !os.IsNotExist(err) {
		t.Error("the old copy was not removed")
	}
	put(filepath.Join(dir, "file"), "")
	if _, err := Copy(program, filepath.Join(dir, "file"), "1.2.3"); err == nil {
		t.Error("Copy below a file returned no error")
	}
	if _, err := Copy(filepath.Join(dir, "none.exe"), below, "1.2.3"); err == nil {
		t.Error("Copy of a missing program returned no error")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOnShareAndRoot(t *testing.T) {
	for _, c := range []struct {
		path  string
		share bool
		root  string
	}{
		{`C:\Program Files\Ideco\Agent\IdecoAgent.exe`, false, `C:\`},
		{`z:\IdecoAgent.exe`, false, `z:\`},
		{`\\server\share\IdecoAgent.exe`, true, ""},
		{`//server/share/IdecoAgent.exe`, true, ""},
		{`\\?\UNC\server\share\IdecoAgent.exe`, true, ""},
		{`\\?\unc\server\share\IdecoAgent.exe`, true, ""},
		{`\\?\C:\IdecoAgent.exe`, false, `C:\`},
		{`UNC\server\share\IdecoAgent.exe`, true, ""},
		{`IdecoAgent.exe`, false, ""},
		{``, false, ""},
	} {
		if share, r := onShare(c.path), driveRoot(c.path); share != c.share || r != c.root {
			t.Errorf("%s: %v %q", c.path, share, r)
		}
	}
}
