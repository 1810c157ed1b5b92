package handlers

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// totalHeader says how many accounts a request for a part of the list selects.
const totalHeader = "X-Total-Count"

// restUsers answers with the accounts that the parameters select; without parameters with all. The answer is sent while the accounts are
// read, restUsersPage at a time, so that a long list is never whole in memory.
func (s *Site) restUsers(c echo.Context) error {
	filter, offset, limit, err := readUsersRequest(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	kinds, err := s.directoryKinds(ctx)
	if err != nil {
		return err
	}
	_, total, err := s.Accounts.Users(ctx, filter, 0, 1)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	h.Set(totalHeader, strconv.Itoa(total))
	out := bufio.NewWriterSize(c.Response(), 64<<10)
	_ = out.WriteByte('[') // Flush returns the error
	if limit > 0 {
		rows := 0
		err = s.eachUser(ctx, filter, offset, limit, func(u agent.User) error {
			text, err := json.Marshal(jsonOfUser(u, kinds))
			if err != nil {
				return err
			}
			if rows++; rows > 1 {
				_ = out.WriteByte(',')
			}
			_, err = out.Write(text)
			return err
		})
	}
	if err == nil {
		_, _ = out.WriteString("]\n")
		err = out.Flush()
	}
	if err != nil && c.Response().Committed {
		s.answerFailed(c, err)
		panic(http.ErrAbortHandler) // half a list must not look whole
	}
	return err
}

// maxUsersRequest limits limit and offset.
const maxUsersRequest = 10_000_000

// readUsersRequest reads the parameters of restUsers, which are those of the journal: limit, offset, sort and search. Errors:
// agent.Problems, badJSON.
func readUsersRequest(c echo.Context) (f agent.UserFilter, offset, limit int, err error) {
	in := restQuery{value: c.QueryParam}
	offset, limit = in.number("offset", 0, maxUsersRequest), in.number("limit", maxUsersRequest, maxUsersRequest)
	var sorts []restSort
	var searches []restSearch
	in.decode("sort", &sorts)
	in.decode("search", &searches)
	if len(sorts) > 0 { // further columns would order only accounts with equal values
		f.Sort, f.Desc = agent.UserSort(sorts[0].Field), sorts[0].Direction == "desc"
	}
	for i, one := range searches {
		f.Search = one.Text
		if i > 0 || len(one.Columns) > 0 || len(one.Text) > agent.MaxJournalText {
			in.refuse("search")
			break
		}
	}
	return f, offset, limit, in.err()
}
