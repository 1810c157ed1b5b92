package web

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
)

// dataFile is a file of the data directory.
type dataFile struct {
	name   string // pattern of path.Match; empty = the data directory itself
	dir    bool   // a directory; the files in it are protected by its mode
	public bool   // others may read it
	backup bool   // it is in a backup, with all that is in it if it is a directory
	change string // how to replace the secret if others could read it
}

// dataFiles are the files in the data directory that the gateway or nft reads.
var dataFiles = []dataFile{
	{name: "root.key", backup: true, change: "remove root.key and root.pem and start again; every installed agent then needs a new installer"},
	{name: "root-next.key", backup: true, change: "cancel the change of the root certificate and announce it again"},
	{name: "wireguard.key", backup: true, change: "remove it and start again; agents learn the new key at their next login"},
	{name: secretKeyFile, backup: true, change: "give the search accounts of the directories new passwords in the domains and type them here, and replace the uploaded certificates and the key of the external account binding"},
	{name: ".*.tmp", change: "as for root.key, wireguard.key and secret.key, which may have been in it"},
	{name: "wireguard.key.*", change: "as for wireguard.key, which may have been in it"},
	{name: databaseName, backup: true, change: changeDatabase},
	{name: databaseName + "-*", change: changeDatabase},
	{name: scratchDir, dir: true, change: changeDatabase},
	{name: stagedDir, dir: true, change: changeDatabase},
	{name: readyPrefix + "*", dir: true, change: changeDatabase},
	{name: applyPrefix + "*", dir: true, change: changeDatabase},
	{name: asidePrefix + "*", dir: true, change: changeDatabase},
	{name: backupsDir, dir: true, change: "nothing else: backups are encrypted"},
	{name: "acme", backup: true, dir: true, change: "remove it and start again; the certificates are ordered again"},
	{name: setupLinkFile, change: "make the first administrator now, or start again, which makes another link"},
	{name: "root.pem", backup: true, public: true},
	{name: "root-next.pem", backup: true, public: true},
	{name: outwardFile, public: true},
	{name: planFile, public: true},
	{name: bootFile, public: true},
	{name: startFile, public: true},
	{name: lockFile, public: true},
}

// secretKeyFile has the key with which the secrets in the database are encrypted: passwords and keytabs of directories, keys of
// uploaded certificates, the key of the external account binding.
const secretKeyFile = "secret.key"

const changeDatabase = "give all accounts new passwords"

// checkData checks the owner and mode of the data directory and its files. A secret that other users can read gets mode
// 0600, with a warning: somebody may have copied it. A file that others can change, or that another user owns, is an error:
// its content cannot be trusted. This holds for root too.
func checkData(dir string, log *slog.Logger) error {
	const secrets = "change the secrets in it that others could read"
	if err := checkFile(dir, dataFile{dir: true, change: secrets}, os.Stat, log); err != nil { // the directory itself may be a symbolic link
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the data directory: %w", err)
	}
	var errs []error
	for _, e := range entries {
		for _, k := range dataFiles {
			if ours, _ := path.Match(k.name, e.Name()); ours {
				errs = append(errs, checkFile(filepath.Join(dir, e.Name()), k, os.Lstat, log))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// checkFile checks one file, or the data directory if k has no name. A missing file is fine.
func checkFile(file string, k dataFile, stat func(string) (fs.FileInfo, error), log *slog.Logger) error {
	info, err := stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check who may read %s: %w", file, err)
	}
	open, err := checkMode(file, k, info.Mode(), ownerOf(info), os.Geteuid())
	if err != nil || !open {
		return err
	}
	if err := os.Chmod(file, k.mode()); err != nil {
		return fmt.Errorf("close %s to others: %w", file, err)
	}
	if after, err := stat(file); err != nil || after.Mode().Perm()&0o077 != 0 {
		return message("%s stays open to others after chmod: put the data directory on a file system that keeps modes", file)
	}
	log.Warn("other users could read this file; now they cannot. If somebody may have copied it, replace it",
		"file", file, "mode", octal(info.Mode()), "change", k.change)
	return nil
}

// fileFault is why a file of the data directory cannot be trusted, or is not safe.
type fileFault int

const (
	faultNone           fileFault = iota
	faultReadable                 // others can read a secret
	faultWritable                 // others can change it
	faultOwner                    // another user owns it
	faultLink                     // it is a symbolic link
	faultNoDirectory              // the data directory is none
	faultNoSubdirectory           // a directory in it is none
	faultNoFile                   // it is neither a file nor a directory
)

// fault judges a file by its mode and owner; self is the user of the gateway.
func (k dataFile) fault(mode fs.FileMode, owner, self int) fileFault {
	switch {
	case k.name == "" && !mode.IsDir():
		return faultNoDirectory
	case k.name != "" && mode.Type() == fs.ModeSymlink:
		return faultLink
	case k.name != "" && k.dir && !mode.IsDir():
		return faultNoSubdirectory
	case k.name != "" && !k.dir && !mode.IsRegular():
		return faultNoFile
	case owner != self:
		return faultOwner
	case mode.Perm()&0o022 != 0:
		return faultWritable
	case !k.public && mode.Perm()&0o077 != 0:
		return faultReadable
	}
	return faultNone
}

// checkMode reports whether other users can read a secret. An error says why the file cannot be trusted.
func checkMode(file string, k dataFile, mode fs.FileMode, owner, self int) (open bool, err error) {
	switch k.fault(mode, owner, self) {
	case faultNoDirectory:
		return false, message("%s is not a directory; choose another one with --data", file)
	case faultLink:
		return false, message("%s is a symbolic link: put the file itself there; to keep all on another disk link the whole directory", file)
	case faultNoSubdirectory:
		return false, message("%s is not a directory: move it away, or restore the directory from a backup", file)
	case faultNoFile:
		return false, message("%s is not a file (%s): move it away, or restore the file from a backup", file, mode.Type())
	case faultOwner:
		return false, message("%s belongs to %s and this program runs as %s: run it as %[2]s, or run «%[4]s»",
			file, userName(owner), userName(self), k.chown(self, file))
	case faultWritable:
		return false, message("%s can be changed by others (mode %s): make sure that nobody has, and run «chmod %o %[1]s»",
			file, octal(mode), k.mode())
	case faultReadable:
		return true, nil
	}
	return false, nil
}

// mode returns the mode with which the gateway creates the file.
func (k dataFile) mode() fs.FileMode {
	switch {
	case k.dir:
		return 0o700
	case k.name == "root.pem", k.name == "root-next.pem":
		return 0o644
	}
	return 0o600
}

func (k dataFile) chown(self int, file string) string {
	if k.dir {
		return "chown -R " + userName(self) + " " + file
	}
	return "chown " + userName(self) + " " + file
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%04o", mode.Perm()) }
