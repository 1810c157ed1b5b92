//go:build browser

package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestBackupsInChromium makes a key and a backup on the page, and restores the backup there, for which the gateway restarts.
func TestBackupsInChromium(t *testing.T) {
	g := startGateway(t)
	admin := g.administrator()
	g.kill(syscall.SIGTERM)
	g.startAgain() // with ports that stay
	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("nav", "Учётные записи")
	b.open("/admin/system/backups")
	b.sees("main", "Ежедневная копия выключена")
	b.pictures("backups-off")
	b.click(`form[action="/admin/system/backups/key"] button`)
	b.sees("#backup-identity", "AGE-SECRET-KEY-")
	b.pictures("backups-key")
	identity := evaluate[string](b, `document.querySelector("#backup-identity").textContent`)
	b.click(`form[action="/admin/system/backups"] button.primary`)
	b.sees("main", "Ежедневная копия включена")
	b.click(`form[action="/admin/system/backups/make"] button`)
	b.sees(".toast", "Копия сделана")
	b.sees("#content .things", "ideco-")
	b.pictures("backups")
	files, err := filepath.Glob(filepath.Join(g.data, "backups", "*.age"))
	if err != nil || len(files) == 0 {
		t.Fatalf("stored %v, %v", files, err)
	}
	admin.user(map[string]any{"login": "later"})

	file := func(key string) {
		t.Helper()
		b.types("key", key)
		b.do("choose a file", chromedp.SetUploadFiles(chromedp.CSS("#file"), files[:1]))
		b.click(`form[action="/admin/system/backups/restore"] button[type=submit]`)
	}
	file("not the passphrase")
	b.sees("#key-note", "не подходит к копии")
	b.pictures("backups-refused")
	file(strings.TrimSpace(identity))
	b.sees("main", "Копия цела")
	b.pictures("backups-restore")
	b.click(`main form[action$="/apply"] button`)
	b.sees("main", "Шлюз перезапускается")

	for deadline := time.After(patience); ; {
		request, err := http.NewRequest("GET", "https://"+g.where.Portal[0]+settingPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := admin.Do(request) // an error while the gateway restarts
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusUnauthorized { // no longer signed in: it has the data of the backup
				break
			}
		}
		select {
		case <-deadline:
			t.Fatalf("the gateway does not come back:\n%s", g.log)
		case <-time.After(100 * time.Millisecond):
		}
	}
	var users []struct{ Login string }
	g.rest("boss", adminPassword).must("GET", "/user_backend/users", nil, &users)
	for _, u := range users {
		if u.Login == "later" {
			t.Error("the account from after the backup is there")
		}
	}
}
