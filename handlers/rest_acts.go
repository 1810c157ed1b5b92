package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// actJSON is an act in REST.
type actJSON struct {
	ID       string            `json:"id"`
	Time     string            `json:"time"` // RFC 3339
	By       *string           `json:"by"`   // ID of the account; null if it was none
	Login    string            `json:"login"`
	Source   agent.ActSource   `json:"source"`
	Address  string            `json:"address"`
	Inside   bool              `json:"inside"` // the address was in the LAN
	Kind     agent.ActKind     `json:"kind"`
	Code     agent.ActCode     `json:"code"`
	ObjectID string            `json:"object_id"`
	Object   string            `json:"object"` // its name
	Count    int               `json:"count"`  // of objects, if they are several
	Objects  []string          `json:"objects"`
	Changes  []agent.ActChange `json:"changes"`
}

// actsJSON is a page of acts. The names are those of the journal of authorisations.
type actsJSON struct {
	Data  []actJSON `json:"data"`
	Rows  int       `json:"rows"`
	Total int       `json:"rows_before_limit_at_least"`
}

// defaultActs is the number of acts in an answer without a limit.
const defaultActs = 100

func (s *Site) restActs(c echo.Context) error {
	q, problems := readActsRequest(c.QueryParam)
	if problems != nil {
		return problems
	}
	found, err := s.Acts.Acts(c.Request().Context(), q)
	if err != nil {
		return err
	}
	out := actsJSON{Data: []actJSON{}, Rows: len(found.Acts), Total: found.Total}
	for _, a := range found.Acts {
		one := actJSON{ID: strconv.FormatInt(a.ID, 10), Time: rfc3339(a.At), Login: a.Login, Source: a.Source, Address: addressText(a.Peer.Addr), Inside: a.Peer.Inside,
			Kind: agent.ActCodes[a.Code], Code: a.Code, ObjectID: a.Object, Object: a.Name, Count: a.Count, Objects: notNull(a.Names), Changes: a.Changes}
		if a.By != 0 {
			by := idText(a.By)
			one.By = &by
		}
		if one.Changes == nil {
			one.Changes = []agent.ActChange{}
		}
		out.Data = append(out.Data, one)
	}
	return c.JSON(http.StatusOK, out)
}

// readActsRequest reads the parameters limit, offset, search, login, source, kind, from and until.
func readActsRequest(value func(string) string) (q agent.ActQuery, problems agent.Problems) {
	refuse := func(name string) {
		problems = append(problems, agent.Problem{Field: name, Code: locale.JournalValue, Value: agent.Clean(value(name), agent.MaxName)})
	}
	number := func(name string, absent, most int) int {
		if value(name) == "" {
			return absent
		}
		n, err := strconv.Atoi(value(name))
		if err != nil || n < 0 || n > most {
			refuse(name)
		}
		return n
	}
	moment := func(name string) time.Time {
		if value(name) == "" {
			return time.Time{}
		}
		t, err := time.Parse(time.RFC3339, value(name))
		if err != nil {
			refuse(name)
		}
		return t
	}
	q = agent.ActQuery{
		Search: agent.Clean(value("search"), agent.MaxJournalText),
		Login:  agent.Clean(value("login"), agent.MaxJournalText),
		Source: agent.ActSource(value("source")),
		Kind:   agent.ActKind(value("kind")),
		From:   moment("from"),
		Until:  moment("until"),
		Limit:  number("limit", defaultActs, agent.MaxJournalPage),
		Offset: number("offset", 0, agent.MaxJournalOffset),
	}
	if q.Source != "" && !slices.Contains(agent.ActSources, q.Source) {
		refuse("source")
	}
	if q.Kind != "" && !slices.Contains(agent.ActKinds, q.Kind) {
		refuse("kind")
	}
	return q, problems
}
