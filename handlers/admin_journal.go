package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// journalPageSize is the number of entries on a page.
const journalPageSize = 50

func (s *Site) adminJournal(c echo.Context) error {
	form := readJournalFilter(c.QueryParam)
	number, _ := strconv.Atoi(c.QueryParam("page"))
	number = min(max(number, 1), agent.MaxJournalOffset/journalPageSize)
	d := templates.AdminJournalData{
		Filter: form, Page: number, Size: journalPageSize, Last: number == agent.MaxJournalOffset/journalPageSize,
		Days: s.Settings.Current().JournalDays, Now: time.Now(),
	}
	query, problems := journalQuery(form)
	if problems != nil {
		d.Errors = fieldTexts(who(c).L, problems)
		return s.render(c, http.StatusOK, templates.AdminJournal(s.page(c), d))
	}
	query.Offset, query.Limit = (number-1)*journalPageSize, journalPageSize
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
	d.Entries, d.Total, d.AtLeast = found.Entries, found.Total, found.AtLeast
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
