package handlers

import (
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
	if err != nil {
		return err
	}
	d.Entries, d.Total, d.AtLeast = found.Entries, found.Total, found.AtLeast
	return s.render(c, http.StatusOK, templates.AdminJournal(s.page(c), d))
}
