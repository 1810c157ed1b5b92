package main

import (
	"context"
	"errors"
	"fmt"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/passwordline"
)

// readPasswords reads the password and, with --change-password, the new one. A terminal asks for them.
func (o *options) readPasswords(ctx context.Context, p program) (password, newPassword string, err error) {
	lines := passwordline.Lines{R: p.stdin}
	if p.terminal != nil {
		password, err = p.terminal.ask(ctx, p.stderr, p.text(locale.FieldPass)+": ")
	} else {
		password, err = lines.Next(maxPasswordLine)
	}
	if err != nil || !o.changePassword {
		return password, "", passwordProblem(err)
	}
	if p.terminal != nil {
		newPassword, err = p.askNewPassword(ctx)
	} else {
		newPassword, err = lines.Next(maxPasswordLine)
	}
	if err == nil && newPassword == "" {
		return "", "", problem{locale.NoNewPassword, ""}
	}
	return password, newPassword, passwordProblem(err)
}

// passwordProblem turns an error of reading a password into a problem.
func passwordProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, passwordline.ErrText), errors.Is(err, passwordline.ErrTooLong):
		return problem{locale.BadPassword, ""}
	}
	return problem{locale.PasswordNotRead, err.Error()}
}

// run logs in, and again after the person has chosen a new password for a refused login.
func (o *options) run(ctx context.Context, p program, cfg client.Config) int {
	result := client.Run(ctx, cfg)
	for o.asksNewPassword(p, result) {
		newPassword, err := p.askNewPassword(ctx)
		if ctx.Err() != nil {
			return exitOK
		}
		if err != nil || newPassword == "" {
			break // the login stays refused
		}
		cfg.NewPassword = newPassword
		result = client.Run(ctx, cfg)
	}
	if result.MayChangePassword && p.terminal == nil {
		fmt.Fprintln(p.stderr, p.text(locale.ChangeInTerminal))
	}
	return exitCodes[result.Outcome]
}

// asksNewPassword reports whether to ask for a new password after a refused login or a refused change.
func (o *options) asksNewPassword(p program, r client.Result) bool {
	return p.terminal != nil && !o.json && !o.sso && r.Outcome == client.Refused && (r.MayChangePassword || r.Code == string(agent.CodePasswordRejected))
}

// askNewPassword asks for a new password twice, until both are the same. Empty = the person wants no change.
func (p program) askNewPassword(ctx context.Context) (string, error) {
	for {
		first, err := p.terminal.ask(ctx, p.stderr, p.text(locale.FieldNew)+p.text(locale.OrNothing)+": ")
		if err != nil || first == "" {
			return "", err
		}
		second, err := p.terminal.ask(ctx, p.stderr, p.text(locale.FieldRepeat)+": ")
		if err != nil || first == second {
			return first, err
		}
		fmt.Fprintln(p.stderr, p.text(locale.PasswordsDiffer))
	}
}
