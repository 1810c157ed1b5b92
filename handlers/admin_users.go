package handlers

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminUsers(c echo.Context) error {
	form, list := readUserList(c, c.QueryParam)
	return s.usersPage(c, http.StatusOK, form, templates.AdminUsersData{View: list}, "")
}

// readUserList reads a page of the list of accounts from the fields of a query string or of a form.
func readUserList(c echo.Context, value func(string) string) (templates.UserFilterForm, templates.TableView) {
	form, list := readUserFilter(value), readTable(c, templates.UsersTable, value)
	list.Query = form.Pairs()
	return form, list
}

// maxListField limits the field templates.ListField.
const maxListField = 2048

// userList returns the page of the list from which an account was opened.
func userList(c echo.Context) templates.TableView {
	_, list := readListField(c)
	return list
}

// readListField is readUserList for the page of the list from which an account was opened.
func readListField(c echo.Context) (templates.UserFilterForm, templates.TableView) {
	field := c.FormValue(templates.ListField)
	if len(field) > maxListField {
		field = ""
	}
	values, _ := url.ParseQuery(field)
	return readUserList(c, values.Get)
}

// usersPage shows a page of the list of accounts. d has the position in the list, the checked accounts and the chosen act.
func (s *Site) usersPage(c echo.Context, status int, form templates.UserFilterForm, d templates.AdminUsersData, alert string) error {
	ctx := c.Request().Context()
	d.Filter, d.Now = form, time.Now()
	filter, err := userFilter(form, d.View, d.Now)
	if err != nil {
		d.WhenError = whenError(who(c).L, form)
		filter.Since, filter.Before = time.Time{}, time.Time{}
	}
	page := func() (total int, err error) {
		d.Users, total, err = s.Accounts.Users(ctx, filter, d.View.Offset(), d.View.Size)
		return total, err
	}
	total, err := page()
	if err != nil {
		return err
	}
	if d.View = d.View.WithTotal(total); len(d.Users) == 0 && total > 0 { // the page was after the last one
		if _, err := page(); err != nil {
			return err
		}
	}
	if d.Alike, err = s.Accounts.LookAlikes(ctx); err != nil {
		return err
	}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return err
	}
	directories, err := s.Directories.List(ctx)
	if err != nil {
		return err
	}
	for _, one := range directories {
		d.Directories = append(d.Directories, one.Name)
	}
	d.Groups, d.Paths = groupChoices(tree), groupPaths(tree, d.Users)
	p := s.page(c)
	p.Alert = alert
	return s.render(c, status, templates.AdminUsers(p, d))
}

// userJSON is an account in REST answers. As in the vendor's lists, numbers of accounts and groups are strings.
type userJSON struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Login        string       `json:"login"`
	ParentID     *parentField `json:"parent_id"` // the local group; null if there is none
	Enabled      bool         `json:"enabled"`
	MustChange   bool         `json:"must_change"`
	DomainType   string       `json:"domain_type"` // "local", "ad", "ald" (FreeIPA too) or "openldap"
	DomainName   *string      `json:"domain_name"` // null for a local account
	LDAPGUID     *string      `json:"ldap_guid"`   // null for a local account
	PhoneNumber  string       `json:"phone_number"`
	Comment      string       `json:"comment"`
	RemoteAccess bool         `json:"remote_access"`
	ByGroups     bool         `json:"remote_by_groups"` // remote_access follows the groups
	Refused      *agent.Code  `json:"refused"`          // why the directory refuses the account; null if it does not
	Admin        bool         `json:"admin"`
	AdminByGroup bool         `json:"admin_by_group"`
	Devices      any          `json:"devices_per_user"` // these four as in rightsFields
	SessionLAN   any          `json:"session_hours_lan"`
	SessionVPN   any          `json:"session_hours_vpn"`
	ForwardNets  any          `json:"forward_nets"`
	Created      string       `json:"created"`    // RFC 3339
	LastLogin    *string      `json:"last_login"` // RFC 3339; null if there was none
}

// domainTypes are the values of domain_type; the first two are the vendor's.
var domainTypes = map[agent.DirectoryKind]string{agent.DirectoryAD: "ad", agent.DirectoryFreeIPA: "ald", agent.DirectoryOpenLDAP: "openldap"}

// domainType is the domain_type of an account of a directory.
func domainType(kinds map[string]agent.DirectoryKind, directory string) string {
	if directory == agent.LocalDirectory || directory == "" {
		return agent.LocalDirectory
	}
	return cmp.Or(domainTypes[kinds[directory]], "ad")
}

func jsonOfUser(u agent.User, kinds map[string]agent.DirectoryKind) userJSON {
	rights := rightsFields(&u.Rights)
	out := userJSON{
		ID:           idText(u.ID),
		Name:         u.Name,
		Login:        u.Login,
		ParentID:     (*parentField)(&u.Group),
		Enabled:      u.Enabled,
		MustChange:   u.MustChange,
		DomainType:   agent.LocalDirectory,
		PhoneNumber:  u.Phone,
		Comment:      u.Comment,
		RemoteAccess: u.RemoteAccess,
		ByGroups:     u.RemoteByGroups,
		Admin:        u.Admin,
		AdminByGroup: u.AdminByGroups,
		Devices:      rights["devices_per_user"],
		SessionLAN:   rights["session_hours_lan"],
		SessionVPN:   rights["session_hours_vpn"],
		ForwardNets:  rights["forward_nets"],
		Created:      rfc3339(u.Created),
		LastLogin:    timeOrNull(u.LastLogin),
	}
	if !u.Local() {
		out.DomainType, out.DomainName, out.LDAPGUID = domainType(kinds, u.Directory), &u.Directory, &u.GUID
	}
	if u.Refused != "" {
		out.Refused = &u.Refused
	}
	return out
}

// idText formats the number of an account, a group or a rule.
func idText[ID ~int64](id ID) string { return strconv.FormatInt(int64(id), 10) }

// pathID parses the number in the path's parameter id. Errors: agent.ErrNotFound, also for "+1" and "01".
func pathID[ID ~int64](c echo.Context) (ID, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || idText(ID(id)) != c.Param("id") {
		return 0, agent.ErrNotFound
	}
	return ID(id), nil
}

// restUsersPage is the number of accounts fetched by one query.
const restUsersPage = 1000

// allUsers returns all accounts.
func (s *Site) allUsers(ctx context.Context) ([]agent.User, error) {
	all, _, err := s.selectUsers(ctx, agent.UserFilter{}, math.MaxInt)
	return all, err
}

// directoryKinds returns the kinds of the directories by name.
func (s *Site) directoryKinds(ctx context.Context) (map[string]agent.DirectoryKind, error) {
	all, err := s.Directories.List(ctx)
	kinds := map[string]agent.DirectoryKind{}
	for _, d := range all {
		kinds[d.Name] = d.Kind
	}
	return kinds, err
}
