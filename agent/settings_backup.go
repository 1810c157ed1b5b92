package agent

import (
	"strings"
	"time"
)

// BackupSettings are the settings of the daily backup.
type BackupSettings struct {
	Daily     bool
	Recipient string // of age (age1…), to which daily backups are encrypted; empty if none was given
	Hour      int    // in local time
	Keep      int    // how many backups are kept
}

// BackupNumbers are the numbers of the daily backup.
var BackupNumbers = []NumberSetting{
	{Name: "backup_hour", Key: "backup_hour", Code: "field_backup_hour", Unit: 1,
		Default: 3, Min: 0, Max: 23, Field: func(s *Settings) any { return &s.Backup.Hour }},
	{Name: "backup_keep", Key: "backup_keep", Code: "field_backup_keep", Unit: 1,
		Default: 14, Min: 1, Max: 366, Field: func(s *Settings) any { return &s.Backup.Keep }},
}

// MaxBackupRecipient limits BackupSettings.Recipient, in bytes. Those that resist quantum computers are about 2000 long.
const MaxBackupRecipient = 4096

func (c *settingsCheck) backup(s Settings) {
	b := s.Backup
	c.refuse(b.Daily && b.Recipient == "", "backup_recipient", "field_backup_no_recipient", "")
	c.refuse(b.Recipient != "" && !looksLikeRecipient(b.Recipient), "backup_recipient", "field_backup_recipient", "")
	for _, n := range BackupNumbers {
		c.number(&s, n)
	}
}

// looksLikeRecipient reports whether a text has the form of a recipient. Package web checks the rest.
func looksLikeRecipient(text string) bool {
	return len(text) <= MaxBackupRecipient && strings.HasPrefix(text, "age1") && !strings.ContainsAny(text, " \t\r\n")
}

// Due returns when a daily backup was due last: the latest time at Hour that is not after now.
func (b BackupSettings) Due(now time.Time) time.Time {
	due := time.Date(now.Year(), now.Month(), now.Day(), b.Hour, 0, 0, 0, now.Location())
	if due.After(now) {
		due = time.Date(now.Year(), now.Month(), now.Day()-1, b.Hour, 0, 0, 0, now.Location())
	}
	return due
}

// BackupFile is a backup in the data directory.
type BackupFile struct {
	Name string
	Made time.Time
	Size int64 // bytes
}

// BackupContent says what is in a backup.
type BackupContent struct {
	Made     time.Time
	Version  string // of the program that made it
	Domain   string // empty if none was saved
	Accounts int
}

// BackupState is how the backups of the data directory are.
type BackupState struct {
	Files   []BackupFile // the newest first
	Failed  time.Time    // when the last one failed; zero if it did not
	Trouble BackupTrouble
}

// BackupTrouble is why a backup failed.
type BackupTrouble string

// Troubles of backups.
const (
	BackupNoSpace  BackupTrouble = "no_space"
	BackupReadOnly BackupTrouble = "read_only"
	BackupFailed   BackupTrouble = "failed" // another reason, which is in the log
)

// Code returns the code of a Problem, whose text says what to do.
func (t BackupTrouble) Code() string { return "backup_trouble_" + string(t) }

// BackupTroubles lists every BackupTrouble, for tests that look for a missing text.
var BackupTroubles = []BackupTrouble{BackupNoSpace, BackupReadOnly, BackupFailed}
