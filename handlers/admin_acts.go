package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// maxActLogins is how many logins the filter offers.
const maxActLogins = 300

func (s *Site) adminActs(c echo.Context) error {
	ctx := c.Request().Context()
	form := readActsFilter(c.QueryParam)
	d := templates.AdminActsData{View: readTable(c, templates.ActsTable, c.QueryParam), Filter: form, Days: s.Settings.Current().JournalDays, Now: time.Now()}
	d.View.Query = form.Fields()
	d.View.Page = min(d.View.Page, agent.MaxJournalOffset/d.View.Size)
	query, problems := actQuery(form)
	if problems != nil {
		d.Errors = fieldTexts(who(c).L, problems)
		return s.render(c, http.StatusOK, templates.AdminActs(s.page(c), d))
	}
	var err error
	if d.Logins, err = s.Acts.ActLogins(ctx, maxActLogins); err != nil {
		return err
	}
	found, err := s.findActs(ctx, query, &d.View)
	var problem agent.Problem // such as a search that takes too long
	if errors.As(err, &problem) {
		p := s.page(c)
		p.Alert = who(c).L.Problem(problem)
		return s.render(c, http.StatusOK, templates.AdminActs(p, d))
	}
	if err != nil {
		return err
	}
	d.Acts = found.Acts
	ids := make([]agent.UserID, len(d.Acts))
	for i, a := range d.Acts {
		ids[i] = a.By
	}
	if d.Accounts, err = s.existingAccounts(ctx, ids); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, templates.AdminActs(s.page(c), d))
}

// findActs returns the acts on the page of a view, and sets how many there are. Instead of a page after the last one it is the last one.
func (s *Site) findActs(ctx context.Context, q agent.ActQuery, v *templates.TableView) (agent.ActPage, error) {
	for {
		page := v.Page
		q.Offset, q.Limit = v.Offset(), v.Size
		found, err := s.Acts.Acts(ctx, q)
		if err != nil {
			return found, err
		}
		*v = v.WithTotal(found.Total)
		v.AtLeast = found.AtLeast
		if v.Page == page {
			return found, nil
		}
	}
}

// readActsFilter reads the filter of the journal of acts from the fields of a query string. It drops values that the form does not offer.
func readActsFilter(value func(string) string) templates.ActsFilterForm {
	f := templates.ActsFilterForm{
		Query: agent.Clean(value("q"), agent.MaxJournalText),
		Who:   agent.Clean(value("who"), agent.MaxJournalText),
		Kind:  value("kind"),
		From:  agent.Clean(value("from"), 10),
		To:    agent.Clean(value("to"), 10),
	}
	if !slices.Contains(agent.ActKinds, agent.ActKind(f.Kind)) {
		f.Kind = ""
	}
	return f
}

// actQuery returns the query of a form, without Offset and Limit.
func actQuery(f templates.ActsFilterForm) (agent.ActQuery, agent.Problems) {
	q := agent.ActQuery{Search: f.Query, Kind: agent.ActKind(f.Kind)}
	switch f.Who {
	case templates.ActsByCommand:
		q.Source = agent.ActByCommand
	case templates.ActsByGateway:
		q.Source = agent.ActByGateway
	default:
		q.Login = f.Who
	}
	var problems agent.Problems
	for _, one := range []struct {
		name, text string
		to         *time.Time
		add        int
	}{{"from", f.From, &q.From, 0}, {"to", f.To, &q.Until, 1}} {
		if one.text == "" {
			continue
		}
		day, err := readDay(one.text)
		if err != nil {
			problems = append(problems, agent.Problem{Field: one.name, Code: locale.JournalDateWrong, Value: one.text})
			continue
		}
		*one.to = day.AddDate(0, 0, one.add)
	}
	if problems == nil && !q.From.IsZero() && !q.Until.IsZero() && !q.From.Before(q.Until) {
		problems = agent.Problems{{Field: "to", Code: locale.JournalDatesReversed}}
	}
	return q, problems
}
