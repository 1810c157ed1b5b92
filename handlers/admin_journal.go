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
	ids := make([]agent.UserID, len(d.Entries))
	for i, e := range d.Entries {
		ids[i] = e.UserID
	}
	if d.Accounts, err = s.existingAccounts(c.Request().Context(), ids); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, templates.AdminJournal(s.page(c), d))
}

// existingAccounts reports for each of these accounts whether it still exists. An entry of an unknown login has the zero ID.
func (s *Site) existingAccounts(ctx context.Context, ids []agent.UserID) (map[agent.UserID]bool, error) {
	exist := map[agent.UserID]bool{0: false}
	for _, id := range ids {
		if _, known := exist[id]; known {
			continue
		}
		_, err := s.Accounts.User(ctx, id)
		if err != nil && !errors.Is(err, agent.ErrNotFound) {
			return nil, err
		}
		exist[id] = err == nil
	}
	return exist, nil
}
