package handlers

import (
	"cmp"
	"context"
	"errors"
	"math"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/accountcsv"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// previewRows limits the new and the changed accounts that a preview shows.
const previewRows = 50

func (s *Site) adminUsersImport(c echo.Context) error {
	return s.importPage(c, http.StatusOK, templates.AdminImportData{}, "")
}

// importPage shows the page of the import, with its preview if there is one.
func (s *Site) importPage(c echo.Context, status int, d templates.AdminImportData, alert string) error {
	l := who(c).L
	d.MaxRows, d.Passwords = accountcsv.MaxRows, accountcsv.MaxPasswords
	for _, column := range accountcsv.Columns {
		d.Columns = append(d.Columns, templates.ImportColumn{Name: column.Title(l.Lang()), Help: l.T("import_column_" + string(column))})
	}
	p := s.page(c)
	p.Alert = alert
	return s.render(c, status, templates.AdminImport(p, d))
}

// adminUsersPreview reads a file and shows what it would change. It stores nothing.
func (s *Site) adminUsersPreview(c echo.Context) error {
	l := who(c).L
	refuse := func(text string) error {
		return s.importPage(c, http.StatusBadRequest, templates.AdminImportData{Error: text}, "")
	}
	header, err := c.FormFile("file")
	if err != nil || header.Filename == "" {
		return refuse(l.T("import_no_file"))
	}
	file, err := parseUpload(header)
	if wrong := accountcsv.FileError(""); errors.As(err, &wrong) {
		return refuse(l.T(string(wrong), locale.Args{"Rows": l.Whole(accountcsv.MaxRows), "Columns": strings.Join(file.Unknown, ", ")}))
	}
	if err != nil {
		return err
	}
	plan, err := s.planImport(c, file)
	if err != nil {
		return err
	}
	return s.previewPage(c, agent.Clean(header.Filename, 100), file, plan, "")
}

func parseUpload(header *multipart.FileHeader) (accountcsv.File, error) {
	content, err := header.Open()
	if err != nil {
		return accountcsv.File{}, err
	}
	defer content.Close()
	return accountcsv.Parse(content)
}

// planImport compares a file with the accounts as they are now.
func (s *Site) planImport(c echo.Context, file accountcsv.File) (accountcsv.Plan, error) {
	ctx := c.Request().Context()
	users, _, err := s.selectUsers(ctx, agent.UserFilter{Directory: agent.LocalDirectory}, math.MaxInt)
	if err != nil {
		return accountcsv.Plan{}, err
	}
	for i := range users {
		users[i].LastLogin = time.Time{} // a login is no change of the account
	}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return accountcsv.Plan{}, err
	}
	return accountcsv.NewPlan(file, accountcsv.Known{Users: users, Tree: tree, Own: who(c).User.ID}), nil
}

// previewPage shows what a file would change, and keeps it for the confirmation.
func (s *Site) previewPage(c echo.Context, name string, file accountcsv.File, plan accountcsv.Plan, alert string) error {
	l := who(c).L
	tree, err := s.Groups.GroupTree(c.Request().Context())
	if err != nil {
		return err
	}
	d := templates.ImportPreview{File: name, Unknown: file.Unknown, Total: plan.Mistakes.Total,
		NewCount: len(plan.New), Changes: len(plan.Changed), Unchanged: plan.Unchanged}
	if d.Total > 0 {
		for _, m := range plan.Mistakes.Listed {
			d.Mistakes = append(d.Mistakes, importMistake(l, m))
		}
		return s.importPage(c, http.StatusBadRequest, templates.AdminImportData{Preview: &d}, alert)
	}
	for _, one := range plan.New {
		d.Admins += becomesAdministrator(one.Before, one.After)
		if one.Password == "" {
			d.Locked++
		} else {
			d.Passwords++
		}
		if len(d.New) < previewRows {
			d.New = append(d.New, importChange(l, tree, one))
		}
	}
	afters := make([]agent.User, len(plan.Changed))
	for i, one := range plan.Changed {
		afters[i] = one.After
	}
	for _, n := range s.Sessions.EndingUnder(tree, afters) {
		d.Sessions += n
	}
	for _, one := range plan.Changed {
		d.Admins += becomesAdministrator(one.Before, one.After)
		if one.Password != "" {
			d.Passwords++
		}
		if len(d.Changed) < previewRows {
			d.Changed = append(d.Changed, importChange(l, tree, one))
		}
	}
	if d.NewCount+d.Changes > 0 {
		s.imports.dropOwn(c)
		if d.Token = s.imports.add(c, maxImports, importDraft{name, file, plan}); d.Token == "" {
			return s.importPage(c, http.StatusServiceUnavailable, templates.AdminImportData{}, l.T("import_busy"))
		}
	}
	return s.importPage(c, http.StatusOK, templates.AdminImportData{Preview: &d}, alert)
}

// importMistake returns a mistake with its text.
func importMistake(l *locale.Localizer, m accountcsv.Mistake) templates.ImportMistake {
	one := templates.ImportMistake{Line: m.Line}
	if m.Column != "" {
		one.Column = m.Column.Title(l.Lang())
	}
	one.Text = l.T(m.Code, locale.Args{"Value": m.Value, "MinPassword": agent.MinPassword, "MaxPasswords": accountcsv.MaxPasswords})
	return one
}

// importChange returns a change with its texts, without passwords.
func importChange(l *locale.Localizer, tree agent.GroupTree, one accountcsv.Change) templates.ImportChange {
	row := templates.ImportChange{Line: one.Line, Login: one.After.Login}
	for _, column := range one.Columns {
		f := templates.ImportField{Name: column.Title(l.Lang()), Before: "—", After: l.T("import_password_new")}
		if column != accountcsv.Password {
			f.Before, f.After = cmp.Or(column.Value(one.Before, l.Lang(), tree), "—"), cmp.Or(column.Value(one.After, l.Lang(), tree), "—")
		}
		if one.Before.ID == 0 || column == accountcsv.Password {
			f.Before = ""
		}
		row.Fields = append(row.Fields, f)
	}
	return row
}

// adminUsersApply stores a file that was shown, if its plan is still the same. Otherwise it shows the preview again.
func (s *Site) adminUsersApply(c echo.Context) error {
	l := who(c).L
	draft, ok := s.imports.take(c, c.FormValue("import"))
	if !ok {
		return s.importPage(c, http.StatusConflict, templates.AdminImportData{}, l.T("import_over"))
	}
	plan, err := s.planImport(c, draft.file)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(plan, draft.plan) {
		return s.previewPage(c, draft.name, draft.file, plan, l.T("import_moved"))
	}
	err = s.applyImport(c, plan)
	switch {
	case errors.Is(err, agent.ErrLastAdministrator):
		return s.previewPage(c, draft.name, draft.file, plan, l.T(locale.AlertLastAdministrator))
	case errors.Is(err, agent.ErrAccountChanged), errors.Is(err, agent.ErrLoginTaken), errors.Is(err, agent.ErrNotFound):
		if plan, err = s.planImport(c, draft.file); err != nil {
			return err
		}
		return s.previewPage(c, draft.name, draft.file, plan, l.T("import_moved"))
	case err != nil:
		return err
	}
	return done(c, locale.ToastImported, "/admin/users")
}

// applyImport stores all changes or none, and ends what they no longer permit. Errors: those of Accounts.SaveUsers.
func (s *Site) applyImport(c echo.Context, plan accountcsv.Plan) error {
	ctx := c.Request().Context()
	var users []agent.ImportedUser
	for _, one := range append(plan.New[:len(plan.New):len(plan.New)], plan.Changed...) {
		u := agent.ImportedUser{User: one.After, Before: one.Before}
		if one.Password != "" {
			var err error
			if u.Hash, err = s.Passwords.HashLater(ctx, one.Password); err != nil {
				return err
			}
		}
		users = append(users, u)
	}
	saved, err := s.Accounts.SaveUsers(ctx, users)
	if err != nil {
		return err
	}
	for i, u := range saved[len(plan.New):] {
		plan.Changed[i].After = u
	}
	s.recordImport(c, plan, saved)
	s.securityEvent(c, string(agent.ActAccountsImported), "accounts", len(users), "new", len(plan.New))
	for _, one := range plan.New {
		s.noteAdministrator(c, agent.User{}, one.After)
	}
	return s.enforceImport(c, plan)
}

// enforceImport ends the sessions that changed accounts no longer permit. Where a password was set, it voids the resume tokens and
// signs out all browsers but this one; live sessions continue.
func (s *Site) enforceImport(c echo.Context, plan accountcsv.Plan) (err error) {
	ctx := context.WithoutCancel(c.Request().Context())
	var changed []accountChange
	for _, one := range plan.Changed {
		changed = append(changed, accountChange{one.Before, one.After})
		if one.Password == "" {
			continue
		}
		id := one.After.ID
		s.securityEvent(c, "password_changed", "account", one.After.Login)
		err = errors.Join(err, s.Sessions.VoidResume(ctx, id), s.endBrowsers(ctx, id, ownBrowser(c, id)))
		s.Gate.Unlock(one.After) // the new password must work at once
	}
	return errors.Join(err, s.enforceChanges(c, changed))
}
