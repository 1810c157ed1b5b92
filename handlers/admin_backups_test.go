package handlers

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

const storedBackup = templates.BackupsPath + "/files/ideco-20261128-030000.age"

func (a administration) backups() *fakeBackups { return a.site.Backups.(*fakeBackups) }

// backupActs returns the acts on backups, the newest first.
func (a administration) backupActs() (codes []agent.ActCode) {
	a.t.Helper()
	list, err := a.site.Acts.Acts(a.t.Context(), agent.ActQuery{Kind: agent.ActsOnBackups, Limit: 100})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, act := range list.Acts {
		codes = append(codes, act.Code)
	}
	return codes
}

// TestBackupSettings: a daily backup needs a recipient, and the values come back with their errors.
func TestBackupSettings(t *testing.T) {
	a := newAdministration(t)
	if w := a.post(templates.BackupsPath, url.Values{"backup_daily": {"1"}, "backup_hour": {"24"}, "backup_keep": {"7"}}); w.Code != http.StatusBadRequest ||
		strings.Count(w.Body.String(), `class="note bad"`) != 2 || !strings.Contains(w.Body.String(), `value="24"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := a.post(templates.BackupsPath, url.Values{"backup_daily": {"1"}, "backup_recipient": {" age1fake "}, "backup_hour": {"4"}, "backup_keep": {"7"}}); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	want := agent.BackupSettings{Daily: true, Recipient: "age1fake", Hour: 4, Keep: 7}
	if got := a.site.Settings.Current().Backup; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := a.backupActs(); !slices.Equal(got, []agent.ActCode{agent.ActBackupSettingsSaved}) {
		t.Errorf("acts %v", got)
	}
}

// TestBackupKey: a new identity is shown once, with its file, and is not stored.
func TestBackupKey(t *testing.T) {
	a := newAdministration(t)
	w := a.post(templates.BackupsPath+"/key", nil)
	doc, err := goquery.NewDocumentFromReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	link, _ := doc.Find("a[download]").Attr("href")
	file, err := url.PathUnescape(strings.TrimPrefix(link, "data:text/plain;charset=utf-8,"))
	if err != nil || file != "# public key: age1fake\nAGE-SECRET-KEY-1FAKE\n" {
		t.Errorf("%q, %v", file, err)
	}
	if text := doc.Find("#backup-identity").Text(); text != "AGE-SECRET-KEY-1FAKE" {
		t.Errorf("identity %q", text)
	}
	if value, _ := doc.Find(`form input[name="backup_recipient"]`).Attr("value"); value != "age1fake" || doc.Find(`form input[value*="SECRET"]`).Length() > 0 {
		t.Errorf("recipient %q", value)
	}
	if a.site.Settings.Current().Backup.Recipient != "" || strings.Contains(a.get(templates.BackupsPath), "SECRET-KEY-1FAKE") {
		t.Error("it is stored before the administrator has kept the identity")
	}
}

// TestStoredBackups: backups are made, listed, downloaded and deleted after a question.
func TestStoredBackups(t *testing.T) {
	a := newAdministration(t)
	if w := ask(a.h, "GET", storedBackup, page, inLAN, a.boss); w.Code != http.StatusNotFound {
		t.Errorf("before: %d", w.Code)
	}
	if w := a.post(templates.BackupsPath+"/make", nil); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if body := a.get(templates.BackupsPath); !strings.Contains(body, `href="`+storedBackup+`"`) {
		t.Error("it is not listed")
	}
	w := ask(a.h, "GET", storedBackup, page, inLAN, a.boss)
	if w.Body.String() != "stored" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	if w := a.post(storedBackup+"/delete", nil); w.Code != http.StatusOK || len(a.backups().state.Files) != 1 {
		t.Errorf("the question: %d", w.Code)
	}
	if w := a.post(storedBackup+"/delete", url.Values{"confirm": {"1"}}); w.Code != http.StatusSeeOther || len(a.backups().state.Files) != 0 {
		t.Errorf("%d", w.Code)
	}
	if got := a.backupActs(); !slices.Equal(got, []agent.ActCode{agent.ActBackupDeleted, agent.ActBackupDownloaded, agent.ActBackupMade}) {
		t.Errorf("acts %v", got)
	}
}

// TestBackupWithPassphrase: the same passphrase must be typed twice.
func TestBackupWithPassphrase(t *testing.T) {
	a := newAdministration(t)
	for _, c := range []struct {
		first, second string
		status        int
	}{{"correct horse", "correct hors", 400}, {"short", "short", 400}, {"correct horse", "correct horse", 200}} {
		w := a.post(templates.BackupsPath+"/download", url.Values{"passphrase": {c.first}, "passphrase2": {c.second}})
		if w.Code != c.status || c.status == 200 && w.Body.String() != "encrypted" || strings.Contains(w.Body.String(), c.first) {
			t.Errorf("%s, %s: %d %s", c.first, c.second, w.Code, w.Body)
		}
	}
}

// TestRestorePage: an uploaded backup is checked, and restored only after the question, once.
func TestRestorePage(t *testing.T) {
	a := newAdministration(t)
	upload := func(key string) *http.Response {
		return a.postFiles(restorePath, url.Values{"key": {key}}, "file", "x.age", "content").Result()
	}
	if r := upload("a wrong key"); r.StatusCode != http.StatusBadRequest || a.backups().staged != "" {
		t.Errorf("with a wrong key: %d", r.StatusCode)
	}
	r := upload("the right key")
	doc, err := goquery.NewDocumentFromReader(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || a.backups().staged != "content" || a.backups().act.Login != "boss" {
		t.Fatalf("%d, %v, staged %q by %q", r.StatusCode, err, a.backups().staged, a.backups().act.Login)
	}
	if text := doc.Find(".question").Text(); !strings.Contains(text, "gw.company.ru") || !strings.Contains(text, "60") || a.backups().restored {
		t.Errorf("the question %q", text)
	}
	token, _ := doc.Find(`input[name="restore"]`).Attr("value")
	for _, c := range []struct {
		token  string
		status int
	}{{"", 400}, {"another", 400}, {token, 200}, {token, 400}} {
		if w := a.post(templates.BackupsPath+"/restore/apply", url.Values{"restore": {c.token}}); w.Code != c.status {
			t.Errorf("%q: %d", c.token, w.Code)
		}
	}
	acts, err := a.site.Acts.Acts(t.Context(), agent.ActQuery{Kind: agent.ActsOnBackups, Limit: 10})
	if err != nil || len(acts.Acts) != 1 || acts.Acts[0].Code != agent.ActBackupRestored || !a.backups().restored {
		t.Errorf("restored %v, acts %+v, %v", a.backups().restored, acts.Acts, err)
	}
}

// TestRestoreForged: an upload without the form token as its first part is refused before the file is read.
func TestRestoreForged(t *testing.T) {
	a := newAdministration(t)
	for what, body := range map[string]string{
		"no token":    "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nthe right key\r\n",
		"wrong token": "--b\r\nContent-Disposition: form-data; name=\"" + templates.CSRFField + "\"\r\n\r\nanother\r\n",
		"late token": "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nthe right key\r\n--b\r\nContent-Disposition: form-data; name=\"" +
			templates.CSRFField + "\"\r\n\r\ntoken\r\n",
		"a long field": "--b\r\nContent-Disposition: form-data; name=\"" + templates.CSRFField + "\"\r\n\r\n" + strings.Repeat("x", maxSmallPart+1) + "\r\n",
	} {
		body += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\ncontent\r\n--b--\r\n"
		if w := a.send(restorePath, "multipart/form-data; boundary=b", strings.NewReader(body)); w.Code != http.StatusForbidden || a.backups().staged != "" {
			t.Errorf("%s: %d, staged %q", what, w.Code, a.backups().staged)
		}
	}
}

// TestBackupCondition: a failed daily backup is shown on the overview, with a way to the page.
func TestBackupCondition(t *testing.T) {
	a := newAdministration(t)
	a.backups().state.Trouble = agent.BackupNoSpace
	shown := func() bool {
		var answer struct{ Conditions []agent.Condition }
		if err := json.Unmarshal(ask(a.h, "GET", "/conditions", rest, inLAN, a.boss).Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		return agent.HasCondition(answer.Conditions, agent.ConditionBackup)
	}
	if shown() {
		t.Error("it is shown although the daily backup is off")
	}
	if err := a.site.Settings.Update(t.Context(), func(n *agent.Settings) error {
		n.Backup.Daily, n.Backup.Recipient = true, "age1fake"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !shown() {
		t.Error("it is not shown")
	}
	if !strings.Contains(a.get(templates.BackupsPath), "banner bad") {
		t.Error("the page does not say so")
	}
}

// TestRESTBackups: backups are made and listed.
func TestRESTBackups(t *testing.T) {
	a := newAdministration(t)
	if w := ask(a.h, "POST", "/backups", rest, inLAN, a.boss); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"id":"ideco-20261128-030000.age"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	want := `{"backups":[{"id":"ideco-20261128-030000.age","made":"2026-11-28T03:00:00Z","size":6}],"trouble":""}`
	if w := ask(a.h, "GET", "/backups", rest, inLAN, a.boss); strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	a.backups().state.Trouble = agent.BackupNoSpace
	if w := ask(a.h, "POST", "/backups", rest, inLAN, a.boss); w.Code != 542 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := os.Stat(filepath.Join(a.backups().dir, "ideco-20261128-030000.age")); err != nil {
		t.Error(err)
	}
}
