package handlers

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
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
	q, err := readActsRequest(c.QueryParam)
	if err != nil {
		return err
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

// readActsRequest reads the parameters limit, offset, search, login, source, kind, from and until. Errors: agent.Problems.
func readActsRequest(value func(string) string) (agent.ActQuery, error) {
	in := restQuery{value: value}
	q := agent.ActQuery{
		Search: agent.Clean(value("search"), agent.MaxJournalText),
		Login:  agent.Clean(value("login"), agent.MaxJournalText),
		Source: agent.ActSource(value("source")),
		Kind:   agent.ActKind(value("kind")),
		From:   in.moment("from"),
		Until:  in.moment("until"),
		Limit:  in.number("limit", defaultActs, agent.MaxJournalPage),
		Offset: in.number("offset", 0, agent.MaxJournalOffset),
	}
	if q.Source != "" && !slices.Contains(agent.ActSources, q.Source) {
		in.refuse("source")
	}
	if q.Kind != "" && !slices.Contains(agent.ActKinds, q.Kind) {
		in.refuse("kind")
	}
	return q, in.err()
}
