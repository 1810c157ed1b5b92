package handlers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Backups makes, lists and restores backups.
type Backups interface {
	// State returns the stored backups, and whether the last one failed.
	State() agent.BackupState
	// Make stores a backup for the recipient of the settings. Errors: agent.Problem.
	Make(context.Context) (agent.BackupFile, error)
	// Open opens a stored backup. Errors: agent.ErrNotFound.
	Open(name string) (*os.File, error)
	// Delete removes a stored backup. Errors: agent.ErrNotFound.
	Delete(name string) error
	// Encrypt returns a backup for a passphrase, in a file that is gone when it is closed. Errors: agent.Problem.
	Encrypt(ctx context.Context, passphrase string) (*os.File, error)
	// NewKey makes a key pair of age.
	NewKey() (identity, recipient string, err error)
	// Stage decrypts and checks a backup; key is a passphrase or an identity. The backup can be restored by the returned name, until
	// another one is staged. act is recorded in the restored database. Errors: agent.Problem.
	Stage(ctx context.Context, from io.Reader, key string, act agent.Act) (name string, content agent.BackupContent, err error)
	// Restore restores a staged backup with a restart of the gateway. Errors: agent.ErrNotFound.
	Restore(name string) error
}

// adminBackups shows the tab Резервные копии (Backups) of the page Система.
func (s *Site) adminBackups(c echo.Context) error {
	return s.backupsPage(c, http.StatusOK, func(*templates.AdminBackupsData) {})
}

// backupsPage shows the tab with what change adds.
func (s *Site) backupsPage(c echo.Context, status int, change func(*templates.AdminBackupsData)) error {
	now := s.Settings.Current()
	d := templates.AdminBackupsData{State: s.Backups.State(), Form: templates.NewBackupForm(now), Daily: now.Backup.Daily,
		Recipient: now.Backup.Recipient, DataDir: s.System().DataDir, Now: time.Now()}
	change(&d)
	p := s.page(c)
	if len(d.Errors) > 0 {
		p.Alert = who(c).L.T(locale.AlertCheckFields)
	}
	p.Path, p.Query = templates.BackupsPath, "" // not those of the form, whose path may have no GET route
	return s.render(c, status, templates.AdminBackups(p, d))
}

// refuseBackup shows the tab again if err is about fields of a form.
func (s *Site) refuseBackup(c echo.Context, err error, typed func(*templates.AdminBackupsData)) error {
	problems := problemsIn(err)
	if problems == nil {
		return err
	}
	return s.backupsPage(c, http.StatusBadRequest, func(d *templates.AdminBackupsData) {
		typed(d)
		d.Errors = fieldTexts(who(c).L, problems)
	})
}

func untouched(*templates.AdminBackupsData) {}

// adminBackupsSave saves the settings of the daily backup.
func (s *Site) adminBackupsSave(c echo.Context) error {
	form := templates.BackupForm{Daily: c.FormValue("backup_daily") == "1", Recipient: strings.TrimSpace(c.FormValue("backup_recipient")),
		Numbers: map[string]string{}}
	for _, n := range agent.BackupNumbers {
		form.Numbers[n.Name] = c.FormValue(n.Name)
	}
	read := func(n *agent.Settings) (problems agent.Problems) {
		n.Backup.Daily, n.Backup.Recipient = form.Daily, form.Recipient
		for _, number := range agent.BackupNumbers {
			problems = append(problems, problemsOf(number.Parse(n, form.Numbers[number.Name]))...)
		}
		return problems
	}
	wanted := s.Settings.Current()
	problems := read(&wanted)
	problems = append(problems, withoutNoted(problems, wanted.Check())...)
	var err error = problems
	if len(problems) == 0 {
		err = s.updateSettings(c, agent.ActBackupSettingsSaved, func(n *agent.Settings) { read(n) })
	}
	if err != nil {
		return s.refuseBackup(c, err, func(d *templates.AdminBackupsData) { d.Form = form })
	}
	return done(c, locale.ToastSaved, templates.BackupsPath)
}

// adminBackupsKey shows a new key pair. Its recipient is saved when the administrator confirms that the identity is kept elsewhere; the
// gateway forgets the identity at once.
func (s *Site) adminBackupsKey(c echo.Context) error {
	identity, recipient, err := s.Backups.NewKey()
	if err != nil {
		return err
	}
	p := s.page(c)
	p.Path, p.Query = templates.BackupsPath, ""
	return s.render(c, http.StatusOK, templates.AdminBackupsKey(p, templates.BackupKeyData{Identity: identity, Recipient: recipient,
		Form: templates.NewBackupForm(s.Settings.Current())}))
}

// adminBackupsMake stores a backup now.
func (s *Site) adminBackupsMake(c echo.Context) error {
	if _, err := s.makeBackup(c); err != nil {
		return s.refuseBackup(c, err, untouched)
	}
	return done(c, locale.ToastBackupMade, templates.BackupsPath)
}

func (s *Site) makeBackup(c echo.Context) (agent.BackupFile, error) {
	made, err := s.Backups.Make(context.WithoutCancel(c.Request().Context()))
	if err == nil {
		s.act(c, agent.Act{Code: agent.ActBackupMade, Object: made.Name, Name: made.Name}, "file", made.Name)
	}
	return made, err
}

// adminBackupsDownload sends a backup that is encrypted with a passphrase.
func (s *Site) adminBackupsDownload(c echo.Context) error {
	passphrase := c.FormValue("passphrase")
	if passphrase != c.FormValue("passphrase2") {
		return s.refuseBackup(c, agent.Problem{Field: "passphrase2", Code: locale.FieldPassphraseTwice}, untouched)
	}
	leave, ok := s.exports.enter(who(c).Peer)
	if !ok {
		return tooManyDownloads(c)
	}
	defer leave()
	f, err := s.Backups.Encrypt(c.Request().Context(), passphrase)
	if err != nil {
		return s.refuseBackup(c, err, untouched)
	}
	defer f.Close()
	name := "ideco-" + time.Now().Format("20060102-150405") + ".age"
	s.act(c, agent.Act{Code: agent.ActBackupDownloaded, Name: name}, "file", name)
	return sendBackup(c, f, name)
}

// adminBackupsFile sends a stored backup.
func (s *Site) adminBackupsFile(c echo.Context) error {
	f, err := s.Backups.Open(c.Param("id"))
	if err != nil {
		return err
	}
	defer f.Close()
	leave, ok := s.exports.enter(who(c).Peer)
	if !ok {
		return tooManyDownloads(c)
	}
	defer leave()
	name := c.Param("id")
	if c.Request().Method == http.MethodGet {
		s.act(c, agent.Act{Code: agent.ActBackupDownloaded, Object: name, Name: name}, "file", name)
	}
	return sendBackup(c, f, name)
}

func sendBackup(c echo.Context, f *os.File, name string) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/octet-stream")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	http.ServeContent(newSlowDownloadCutter(c), c.Request(), "", time.Time{}, f)
	return nil
}

// adminBackupsDelete asks, then removes a stored backup.
func (s *Site) adminBackupsDelete(c echo.Context) error {
	name := c.Param("id")
	if c.FormValue("confirm") != "1" {
		f, err := s.Backups.Open(name)
		if err != nil {
			return err
		}
		_ = f.Close()
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmBackupDelete(who(c).L, name)))
	}
	if err := s.Backups.Delete(name); err != nil && !errors.Is(err, agent.ErrNotFound) {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActBackupDeleted, Object: name, Name: name}, "file", name)
	return done(c, locale.ToastBackupDeleted, templates.BackupsPath)
}
