package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// userJSON is an account as REST answers it. The vendor's tree of groups and its link to LDAP objects do not exist
// here; their fields are there for scripts that expect them.
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

// userChange is a POST or PUT of an account; what a PUT leaves out stays. The last four fields are the vendor's and
// change nothing.
type userChange struct {
	Name         optional[string] `json:"name"`
	Login        optional[string] `json:"login"`
	Psw          optional[string] `json:"psw"` // POST only
	Enabled      optional[bool]   `json:"enabled"`
	PhoneNumber  optional[string] `json:"phone_number"`
	Comment      optional[string] `json:"comment"`
	RemoteAccess optional[bool]   `json:"remote_access"`
	Admin        optional[bool]   `json:"admin"`

	ParentID   any `json:"parent_id"`
	DomainType any `json:"domain_type"`
	DomainName any `json:"domain_name"`
	LDAPGUID   any `json:"ldap_guid"`
}

// nullableUserFields are the vendor's that the answer has as null.
var nullableUserFields = []string{"parent_id", "domain_name", "ldap_guid"}

func (b userChange) apply(u agent.User) agent.User {
	if u.Local() {
		b.Login.into(&u.Login)
		b.Name.into(&u.Name)
		b.PhoneNumber.into(&u.Phone)
		b.Admin.into(&u.Admin)
	}
	b.Enabled.into(&u.Enabled)
	b.Comment.into(&u.Comment)
	b.RemoteAccess.into(&u.RemoteAccess)
	return cleanUser(u)
}

// restUsersPage is how many accounts one query of the list fetches.
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

func (s *Site) restUserCreate(c echo.Context) error {
	var body userChange
	if err := decode(c, &body, nullableUserFields...); err != nil {
		return err
	}
	if t, ok := body.DomainType.(string); ok && t != "local" {
		return agent.Problems{{Field: "domain_type", Code: "field_domain_type"}}
	}
	psw := ""
	body.Psw.into(&psw)
	id, err := s.createUser(c, body.apply(agent.User{Directory: agent.LocalDirectory, Enabled: true}), psw)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]agent.UserID{"id": id})
}

func (s *Site) restUserChange(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	var body userChange
	if err := decode(c, &body, nullableUserFields...); err != nil {
		return err
	}
	if body.Psw.Set { // not changed here, and must not look so
		return agent.Problems{{Field: "psw", Code: "field_password_elsewhere"}}
	}
	if u, err = s.changeUser(c, u.ID, body.apply); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, jsonOfUser(u))
}

func (s *Site) restUserDelete(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if err := s.deleteUser(c, u); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

func (s *Site) restUserPassword(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	var body struct {
		Psw string `json:"psw"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	if err := s.changePassword(c, u, body.Psw); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

func (s *Site) restUserDisableVPN(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if err := s.denyVPN(c, u); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}
