package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminJournal(c echo.Context) error {
	form := readJournalFilter(c.QueryParam)
	view := readTable(c, templates.JournalTable, c.QueryParam)
	last := agent.MaxJournalOffset / view.Size
	view.Query, view.Page, view.MaxPage = form.Pairs(), min(view.Page, last), last
	d := templates.AdminJournalData{Filter: form, View: view, Last: view.Page == last, Days: s.Settings.Current().JournalDays, Now: time.Now()}
	query, problems := journalQuery(form)
	if problems != nil {
		d.Errors = fieldTexts(who(c).L, problems)
		return s.render(c, http.StatusOK, templates.AdminJournal(s.page(c), d))
	}
	query.Sort, query.Asc = agent.JournalColumn(view.Sort), !view.Down
	query.Offset, query.Limit = view.Offset(), view.Size
	found, err := s.Journal.Entries(c.Request().Context(), query)
	var problem agent.Problem // such as a search that takes too long
	if errors.As(err, &problem) {
		p := s.page(c)
		p.Alert = who(c).L.Problem(problem)
		return s.render(c, http.StatusOK, templates.AdminJournal(p, d))
	}
	if err != nil {
		return err
	}
	d.Entries, d.View.Total, d.View.AtLeast = found.Entries, found.Total, found.AtLeast
	if d.Accounts, err = s.existingAccounts(c.Request().Context(), found.Entries); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, templates.AdminJournal(s.page(c), d))
}

// existingAccounts reports for each account of the entries whether it still exists.
func (s *Site) existingAccounts(ctx context.Context, entries []agent.JournalEntry) (map[agent.UserID]bool, error) {
	exist := map[agent.UserID]bool{0: false} // entries of unknown logins have no account
	for _, e := range entries {
		if _, known := exist[e.UserID]; known {
			continue
		}
		_, err := s.Accounts.User(ctx, e.UserID)
		if err != nil && !errors.Is(err, agent.ErrNotFound) {
			return nil, err
		}
		exist[e.UserID] = err == nil
	}
	return exist, nil
}
