package templates

import (
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// BackupsPath is the path of the tab Резервные копии (Backups) of the page Система.
const BackupsPath = "/admin/system/backups"

// AdminBackupsData fills [AdminBackups].
type AdminBackupsData struct {
	State     agent.BackupState
	Form      BackupForm
	Daily     bool   // as saved
	Recipient string // as saved
	DataDir   string
	Now       time.Time
	Errors    map[string]string
}

// BackupForm has the settings of the daily backup as they were typed.
type BackupForm struct {
	Daily     bool
	Recipient string
	Numbers   map[string]string
}

// NewBackupForm returns the form with the settings.
func NewBackupForm(s agent.Settings) BackupForm {
	f := BackupForm{Daily: s.Backup.Daily, Recipient: s.Backup.Recipient, Numbers: map[string]string{}}
	for _, n := range agent.BackupNumbers {
		f.Numbers[n.Name] = n.Text(&s)
	}
	return f
}

// BackupKeyData fills [AdminBackupsKey].
type BackupKeyData struct {
	Identity  string
	Recipient string
	Form      BackupForm
}

// file is the content of the file with the identity, in the form of age-keygen.
func (d BackupKeyData) file() string {
	return "# public key: " + d.Recipient + "\n" + d.Identity + "\n"
}

// link is a URL with the content of the file, so that no request has the identity.
func (d BackupKeyData) link() string {
	return "data:text/plain;charset=utf-8," + strings.NewReplacer("#", "%23", " ", "%20", "\n", "%0A").Replace(d.file())
}

// verdict says how the daily backup is.
func (d AdminBackupsData) verdict(l *locale.Localizer) (class, text string) {
	switch {
	case d.State.Trouble != "":
		return "bad", l.Condition(agent.Condition{Code: agent.ConditionBackup, Detail: string(d.State.Trouble),
			Args: map[string]string{"Time": d.State.Failed.Format(time.RFC3339)}})
	case !d.Daily:
		return "warn", l.T("backup_verdict_off")
	case len(d.State.Files) == 0:
		return "info", l.T("backup_verdict_soon")
	}
	return "ok", l.T("backup_verdict_ok", locale.Args{"Time": l.Time(d.State.Files[0].Made)})
}

// restoreCommand is the command that restores a backup.
func (d AdminBackupsData) restoreCommand() string {
	return "systemctl stop ideco-agent-backend\nideco-portal --data " + d.DataDir + " restore FILE --replace\nsystemctl start ideco-agent-backend"
}

func backupSize(l *locale.Localizer, f agent.BackupFile) string {
	size := uint64(f.Size)
	return l.Bytes(&size)
}

func backupFilePath(name, action string) string {
	path := BackupsPath + "/files/" + name
	if action != "" {
		path += "/" + action
	}
	return path
}

// ConfirmBackupDelete asks before a stored backup is removed.
func ConfirmBackupDelete(l *locale.Localizer, name string) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_backup_delete_title", locale.Args{"Name": name}),
		Text:   l.T("confirm_backup_delete_text"),
		Action: backupFilePath(name, "delete"),
		Fields: []HiddenField{confirmed},
		Button: l.T("backup_delete"),
		Cancel: BackupsPath,
	}
}

// ConfirmRestore asks before a checked backup is restored. sessions is the number of live sessions, which end.
func ConfirmRestore(l *locale.Localizer, token string, content agent.BackupContent, sessions int) ConfirmData {
	return ConfirmData{
		Title: l.T("confirm_restore_title", locale.Args{"Time": l.Time(content.Made)}),
		Text: l.T("confirm_restore_content", locale.Args{"Domain": or(content.Domain, "—"), "Accounts": l.Whole(content.Accounts), "Version": content.Version}) + " " +
			consequence(l, "confirm_restore_text", "confirm_restore_none", sessions),
		Action: BackupsPath + "/restore/apply",
		Fields: []HiddenField{{"restore", token}},
		Button: l.T("confirm_restore_button"),
		Cancel: BackupsPath,
	}
}
