package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// usersPageSize is the number of accounts on a page.
const usersPageSize = 50

func (s *Site) adminUsers(c echo.Context) error {
	number, _ := strconv.Atoi(c.QueryParam("page"))
	number = min(max(number, 1), 1_000_000)
	d := templates.AdminUsersData{Query: agent.Clean(c.QueryParam("q"), agent.MaxName), Page: number, Size: usersPageSize}
	var err error
	d.Users, d.Total, err = s.Accounts.Users(c.Request().Context(), d.Query, (number-1)*usersPageSize, usersPageSize)
	if err != nil {
		return err
	}
	if d.Alike, err = s.Accounts.LookAlikes(c.Request().Context()); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, templates.AdminUsers(s.page(c), d))
}

// userJSON is an account in REST answers. ParentID and LDAPGUID are always null: the vendor's scripts expect the fields.
type userJSON struct {
	ID           agent.UserID `json:"id"`
	Name         string       `json:"name"`
	Login        string       `json:"login"`
	ParentID     *int         `json:"parent_id"`
	Enabled      bool         `json:"enabled"`
	DomainType   string       `json:"domain_type"` // "local" or "ad"
	DomainName   *string      `json:"domain_name"`
	LDAPGUID     *string      `json:"ldap_guid"`
	PhoneNumber  string       `json:"phone_number"`
	Comment      string       `json:"comment"`
	RemoteAccess bool         `json:"remote_access"`
	Admin        bool         `json:"admin"`
	Created      string       `json:"created"` // RFC 3339
}

func jsonOfUser(u agent.User) userJSON {
	out := userJSON{ID: u.ID, Name: u.Name, Login: u.Login, Enabled: u.Enabled, DomainType: "local", PhoneNumber: u.Phone,
		Comment: u.Comment, RemoteAccess: u.RemoteAccess, Admin: u.Admin, Created: u.Created.UTC().Format(time.RFC3339)}
	if !u.Local() {
		out.DomainType, out.DomainName = "ad", &u.Directory
	}
	return out
}

// restUsersPage is the number of accounts fetched by one query.
const restUsersPage = 1000

func (s *Site) restUsers(c echo.Context) error {
	out := []userJSON{}
	for {
		users, total, err := s.Accounts.Users(c.Request().Context(), "", len(out), restUsersPage)
		if err != nil {
			return err
		}
		for _, u := range users {
			out = append(out, jsonOfUser(u))
		}
		if len(users) == 0 || len(out) >= total {
			return c.JSON(http.StatusOK, out)
		}
	}
}
