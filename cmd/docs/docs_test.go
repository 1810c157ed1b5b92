package docs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent/needs"
)

// sample is a program with commands in commands, flags of all kinds, and texts with characters that shells and roff treat as special.
var sample = Program{
	Name:    "sample-program",
	Section: 8,
	Root: Command{
		Flags: []Flag{
			{Name: "data", Help: Text{"Directory", "Каталог"}, Value: true, Files: true},
			{Name: "lang", Help: Text{"Language: ru or en", "Язык: ru или en"}, Value: true, Values: []string{"ru", "en"}},
		},
		Commands: []Command{
			{Name: "serve", Help: Text{"Run it until [Ctrl+C]", "Запустить"}, Flags: []Flag{{Name: "verbose", Help: Text{"Print `more`, don't ask $HOME", "Больше"}}}},
			{Name: "admin", Help: Text{"Administrators", "Администраторы"}, Commands: []Command{
				{Name: "create", Help: Text{"Make one", "Создать"}, Flags: []Flag{{Name: "login", Help: Text{"Login", "Логин"}, Value: true}}},
				{Name: "reset", Help: Text{"New password", "Новый пароль"}},
			}},
			{Name: "backup", Help: Text{"Write a backup", "Записать копию"}, Files: true},
		},
	},
	Pages: map[string]Page{
		"en": {Manual: "Sample", Sections: []Section{
			{Title: "NAME", Blocks: []Block{{Text: "sample-program - a sample"}}},
			{Title: "SYNOPSIS", Blocks: []Block{{Code: true, Text: "sample-program [flags]"}}},
			{Title: "DESCRIPTION", Blocks: []Block{{Text: `.hidden and 'quoted' begin lines, C:\new has a backslash`}, {Text: "the second paragraph"}}},
			{Title: "serve", Below: true, Blocks: []Block{{Term: "--verbose", Text: "print more"}}},
		}},
		"ru": {Manual: "Пример", Sections: []Section{{Title: "ИМЯ", Blocks: []Block{{Text: "sample-program - пример"}}}}},
	},
}

var commit = time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)

// written writes the sample and returns its directory, which has the files file and directory/ beside it.
func written(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(Write(filepath.Join(dir, "docs"), sample, "1.2.3", commit), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// completions are words typed before Tab, and what the shells offer.
var completions = []struct {
	words []string
	want  []string
}{
	{[]string{""}, []string{"serve", "admin", "backup", "--data", "--lang"}},
	{[]string{"s"}, []string{"serve"}},
	{[]string{"serve", "--"}, []string{"--verbose", "--data", "--lang"}},
	{[]string{"--lang", ""}, []string{"ru", "en"}},
	{[]string{"serve", "--lang", "e"}, []string{"en"}},
	{[]string{"--data", "admin", "a"}, []string{"admin"}}, // the first admin is the directory
	{[]string{"--data", "fi"}, []string{"file"}},
	{[]string{"admin", ""}, []string{"create", "reset", "--data", "--lang"}},
	{[]string{"admin", "create", "--lo"}, []string{"--login"}},
	{[]string{"admin", "create", "--login", ""}, nil},
	{[]string{"backup", "f"}, []string{"file"}},
}

func TestBash(t *testing.T) {
	dir := written(t)
	for _, c := range append(completions, struct{ words, want []string }{[]string{"serve", "--lang", "=", "r"}, []string{"ru"}}, // typed as --lang=r
		struct{ words, want []string }{[]string{"serve", "--lang", "="}, []string{"ru", "en"}}) {
		cmd := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-c", `. docs/completion/bash/sample-program
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _sample_program; printf '%s\n' "${COMPREPLY[@]}"`, "bash", "sample-program"}, c.words...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(sorted(got), sorted(c.want)) {
			t.Errorf("%q: bash offers %q, want %q (%v)", c.words, got, c.want, err)
		}
	}
}

func TestFish(t *testing.T) {
	needs.Program(t, "fish", "fish")
	dir := written(t)
	for _, c := range completions {
		line := "sample-program " + strings.Join(c.words, " ")
		cmd := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", "source docs/completion/fish/sample-program.fish; complete -C '"+line+"'")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LC_ALL=", "LANG=en_US.UTF-8", "HOME="+dir)
		out, err := cmd.CombinedOutput()
		var got []string
		for offer := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(offer), "\t")
			got = append(got, word)
		}
		// Without a dash fish offers no flags.
		want := slices.DeleteFunc(slices.Clone(c.want), func(w string) bool {
			return strings.HasPrefix(w, "-") && !strings.HasPrefix(c.words[len(c.words)-1], "-")
		})
		if err != nil || !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%q: fish offers %q, want %q (%v)", line, got, want, err)
		}
	}
	for lang, want := range map[string]string{"en_US.UTF-8": "Print `more`, don't ask $HOME", "ru_RU.UTF-8": "Больше", "": "Больше"} {
		cmd := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", "source docs/completion/fish/sample-program.fish; complete -C 'sample-program serve --v'")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LC_ALL=", "LC_MESSAGES=", "LANG="+lang, "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "--verbose\t"+want+"\n" {
			t.Errorf("with LANG=%s fish offers %q (%v), want %q", lang, out, err, want)
		}
	}
}

// TestMan: the page has what it was made of, and mandoc has no objection to the English one. The source of the Russian one has
// long lines for it, because mandoc counts a letter as eight characters.
func TestMan(t *testing.T) {
	needs.Program(t, "mandoc", "mandoc")
	dir := written(t)
	for file, level := range map[string]string{"docs/man/man8/sample-program.8.gz": "all", "docs/man/ru/man8/sample-program.8.gz": "warning"} {
		cmd := exec.CommandContext(t.Context(), "mandoc", "-Tlint", "-W"+level, file)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	cmd := exec.CommandContext(t.Context(), "mandoc", "-Tutf8", "docs/man/man8/sample-program.8.gz")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(".\b").ReplaceAllString(string(out), "") // bold is a letter over itself
	for _, want := range []string{"SAMPLE-PROGRAM(8)", "sample-program 1.2.3", "2026-11-28", ".hidden and 'quoted' begin lines, C:\\new has a backslash\n", "--verbose", "print more"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}

// TestWriteAgain: the same program gives the same files.
func TestWriteAgain(t *testing.T) {
	first, second := contents(t, written(t)), contents(t, written(t))
	if len(first) != 6 { // two pages, three shells and the file beside them
		t.Errorf("%d files were written", len(first))
	}
	for name, content := range first {
		if !bytes.Equal(content, second[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(filepath.Join(dir, path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sorted(words []string) []string { return slices.Sorted(slices.Values(words)) }
