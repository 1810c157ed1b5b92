package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"ideco-agent/agent/passwordline"
	"ideco-agent/web"
)

type backupCommand struct {
	File           string   `arg:"" help:"File of the backup; - writes it to standard output." placeholder:"FILE"`
	Recipient      []string `help:"Encrypt to this recipient of age (age1…) and not with a passphrase; repeatable." placeholder:"RECIPIENT"`
	RecipientsFile string   `help:"Encrypt to the recipients in a file, one per line." placeholder:"FILE" type:"existingfile"`
}

func (b *backupCommand) Run(ctx context.Context, c *commands, lang language) error {
	if b.File == "-" && term.IsTerminal(int(os.Stdout.Fd())) {
		return errors.New(lang.translate("a backup is not for a terminal; redirect the output to a file"))
	}
	key := web.BackupKey{Recipients: strings.Join(b.Recipient, "\n"), Passphrase: func() (string, error) { return lang.passphrase(true) }}
	if b.RecipientsFile != "" {
		text, err := readKeys(b.RecipientsFile)
		if err != nil {
			return err
		}
		key.Recipients += "\n" + text
	}
	made, err := web.BackUp(ctx, c.Data, b.File, os.Stdout, key)
	return lang.report(err, "backup of %s (%d accounts) written to %s", c.Data, made.Accounts, b.File)
}

type restoreCommand struct {
	File     string `arg:"" help:"File of the backup; - reads it from standard input, with --identity only." placeholder:"FILE"`
	Identity string `help:"File with the identity of age (AGE-SECRET-KEY-…) that decrypts the backup. Without it the passphrase is read." placeholder:"FILE" type:"existingfile"`
	Replace  bool   `help:"Restore also where there is data of a gateway. It is kept in a directory before-restore-TIME inside the data directory."`
}

func (r *restoreCommand) Run(ctx context.Context, c *commands, lang language) error {
	key := web.RestoreKey{Passphrase: func() (string, error) { return lang.passphrase(false) }}
	var err error
	switch {
	case r.Identity != "":
		key.Identities, err = readKeys(r.Identity)
	case r.File == "-":
		return errors.New(lang.translate("a backup from standard input takes --identity"))
	}
	if err != nil {
		return err
	}
	from := os.Stdin
	if r.File != "-" {
		if from, err = os.Open(r.File); err != nil {
			return err
		}
		defer from.Close()
	}
	restored, err := web.Restore(ctx, c.Data, from, key, r.Replace)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, lang.sprintf("%s has the data of the backup of %s: domain %q, %d accounts. All sessions have ended; people log in once.",
		c.Data, restored.Made.Local().Format("2006-01-02 15:04"), restored.Domain, restored.Accounts))
	if restored.Aside != "" {
		fmt.Fprintln(os.Stderr, lang.sprintf("The former data is in %s; remove it when you no longer need it.", restored.Aside))
	}
	return nil
}

// maxKeyFile limits a file with recipients or identities.
const maxKeyFile = 64 << 10 // bytes

func readKeys(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err == nil && strings.TrimSpace(string(text)) == "" {
		err = io.EOF
	}
	return string(text), err
}

// passphrase reads a passphrase from standard input: the first line, or at a terminal without echo, a new one twice.
func (l language) passphrase(isNew bool) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return passwordline.Read(os.Stdin, maxPasswordLine)
	}
	read := func() ([]byte, error) { return term.ReadPassword(fd) }
	if isNew {
		return l.askTwice(os.Stderr, l.sprintf("Passphrase (at least %d characters): ", web.MinPassphrase), read)
	}
	return l.ask(os.Stderr, l.translate("Passphrase: "), read)
}
