package web

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// newestAct returns the newest act in a database as JSON without its time, and how many there are.
func newestAct(t *testing.T, db *store.Store) (act string, n int) {
	t.Helper()
	page, err := db.Acts(t.Context(), agent.ActQuery{Limit: 1})
	if err != nil || len(page.Acts) == 0 {
		t.Fatal(page, err)
	}
	a := page.Acts[0]
	b, err := json.Marshal(struct {
		Code    agent.ActCode
		Source  agent.ActSource
		Login   string
		Name    string
		Changes []agent.ActChange
	}{a.Code, a.Source, a.Login, a.Name, a.Changes})
	if err != nil {
		t.Fatal(err)
	}
	return string(b), page.Total
}

// TestCommandsAreActs: an administrator who is created or gets a new password on the command line is in the journal of acts.
func TestCommandsAreActs(t *testing.T) {
	dir := t.TempDir()
	password := func() (string, error) { return "correct horse battery", nil }
	for i, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return CreateAdministrator(t.Context(), dir, "boss", password) },
			`{"Code":"account_created","Source":"command","Login":"","Name":"boss","Changes":[{"field":"admin","after":true},{"field":"enabled","after":true},{"field":"login","after":"boss"},{"field":"psw","hidden":true}]}`},
		{func() error { return CreateAdministrator(t.Context(), dir, "second", password) },
			`{"Code":"account_created","Source":"command","Login":"","Name":"second","Changes":[{"field":"admin","after":true},{"field":"enabled","after":true},{"field":"login","after":"second"},{"field":"psw","hidden":true}]}`},
		{func() error { return ResetAdministrator(t.Context(), dir, "second", password) },
			`{"Code":"administrator_reset","Source":"command","Login":"","Name":"second","Changes":[{"field":"psw","hidden":true}]}`},
		{func() error { return recordCleared(dir) }, `{"Code":"firewall_cleared","Source":"command","Login":"","Name":"","Changes":null}`},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(t.Context(), databaseIn(dir))
		if err != nil {
			t.Fatal(err)
		}
		if got, n := newestAct(t, db); got != step.want || n != i+1 {
			t.Errorf("step %d: %d acts, %s\ninstead of %s", i, n, got, step.want)
		}
		db.Close()
	}
	if err := recordCleared(t.TempDir()); err != nil {
		t.Errorf("a directory without a database: %v", err)
	}
}

// TestCommandsWithoutActs: a command whose act cannot be recorded fails and says that the rest is done.
func TestCommandsWithoutActs(t *testing.T) {
	dir := t.TempDir()
	password := func() (string, error) { return "correct horse battery", nil }
	if err := CreateAdministrator(t.Context(), dir, "boss", password); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", databaseIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TRIGGER none BEFORE INSERT ON acts BEGIN SELECT RAISE(ABORT, 'no acts'); END`); err != nil {
		t.Fatal(err)
	}
	for done, do := range map[string]func() error{
		"administrator second is made, ":           func() error { return CreateAdministrator(t.Context(), dir, "second", password) },
		"administrator boss has the new password,": func() error { return ResetAdministrator(t.Context(), dir, "boss", password) },
		"the table is removed,":                    func() error { return recordCleared(dir) },
	} {
		if err := do(); err == nil || !strings.HasPrefix(err.Error(), done) || !strings.Contains(err.Error(), "no acts") {
			t.Errorf("%s: %v", done, err)
		}
	}
}
