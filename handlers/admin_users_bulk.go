package handlers

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// maxBulk is how many accounts one bulk action may change.
const maxBulk = 20_000

// bulk is a bulk action that is planned but not carried out.
type bulk struct {
	templates.BulkQuestion
	changed []accountChange
}

// accountChange is an account before and after an action.
type accountChange struct{ before, after agent.User }

// adminUsersBulk carries out a bulk action on the checked accounts, or on all that the filter selects. It asks for confirmation first, and
// again if the number of accounts has changed since or more sessions would end.
func (s *Site) adminUsersBulk(c echo.Context) error {
	l := who(c).L
	form, list := readUserList(c, c.FormValue)
	params, err := c.FormParams()
	if err != nil {
		return err
	}
	chosen := readUserIDs(params["user"])
	again := func(alert string) error {
		d := templates.AdminUsersData{View: list, Act: c.FormValue("act"), Checked: map[agent.UserID]bool{}}
		for _, id := range chosen {
			d.Checked[id] = true
		}
		return s.usersPage(c, http.StatusBadRequest, form, d, alert)
	}
	b, alert, err := s.planBulk(c, form, list, chosen)
	if err != nil {
		return err
	}
	if alert != "" {
		return again(alert)
	}
	if c.FormValue("confirm") != "1" || c.FormValue("accounts") != strconv.Itoa(b.Concerned) ||
		moreThanConfirmed(c.FormValue("sessions"), b.Sessions) {
		return s.askBulk(c, b, "")
	}
	err = s.doBulk(c, b)
	if errors.Is(err, agent.ErrAccountChanged) {
		if b, alert, err = s.planBulk(c, form, list, chosen); err != nil {
			return err
		}
		if alert != "" {
			return again(alert)
		}
		return s.askBulk(c, b, l.T("bulk_moved"))
	}
	if errors.Is(err, agent.ErrLastAdministrator) {
		return again(l.T(locale.AlertLastAdministrator))
	}
	if errors.Is(err, agent.ErrNotFound) {
		return again(l.T("bulk_gone"))
	}
	if err != nil {
		return err
	}
	return done(c, choose(b.Act == templates.ActEnd, locale.ToastSessionsEnded, locale.ToastUsersChanged), bulkRow(b))
}

// bulkRow returns the URL of the page of the list, at the first checked account.
func bulkRow(b bulk) string {
	if b.All {
		return b.List.URL()
	}
	return templates.UserRow(b.List, b.Chosen[0])
}

func (s *Site) askBulk(c echo.Context, b bulk, alert string) error {
	p := s.page(c)
	p.Alert = alert
	return s.render(c, http.StatusOK, templates.Confirm(p, templates.ConfirmBulk(who(c).L, b.BulkQuestion)))
}

// moreThanConfirmed reports whether more sessions would end than the administrator has confirmed.
func moreThanConfirmed(confirmed string, ending int) bool {
	n, err := strconv.Atoi(confirmed)
	return err != nil || n < ending
}

func readUserIDs(texts []string) (ids []agent.UserID) {
	for _, text := range texts {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			ids = append(ids, agent.UserID(id))
		}
	}
	return ids
}

// planBulk plans the bulk action of the form. If the action is impossible or would change nothing, it returns the alert to show.
func (s *Site) planBulk(c echo.Context, form templates.UserFilterForm, list templates.TableView, chosen []agent.UserID) (b bulk, alert string, err error) {
	ctx, l := c.Request().Context(), who(c).L
	b.BulkQuestion = templates.BulkQuestion{Filter: form, List: list, Act: c.FormValue("act"), All: c.FormValue("scope") == "all"}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return b, "", err
	}
	act, ok := readAct(b.Act, tree)
	if !ok {
		return b, l.T("bulk_no_act"), nil
	}
	if id, is := strings.CutPrefix(b.Act, templates.ActGroup); is {
		group, _ := strconv.ParseInt(id, 10, 64)
		b.Group = tree.FullName(agent.GroupID(group))
	}
	var users []agent.User
	if b.All {
		filter, err := userFilter(form, list, time.Now())
		if err != nil {
			return b, whenError(l, form), nil
		}
		var total int
		if users, total, err = s.selectUsers(ctx, filter, maxBulk); err != nil {
			return b, "", err
		}
		if total > maxBulk {
			return b, l.T("bulk_too_many", locale.Args{"Max": l.Whole(maxBulk)}), nil
		}
	} else {
		if len(chosen) == 0 {
			return b, l.T("bulk_nobody"), nil
		}
		b.Chosen = chosen
		if users, err = s.usersByID(ctx, chosen); err != nil {
			return b, "", err
		}
	}
	afters := make([]agent.User, len(users))
	for i, before := range users {
		afters[i] = tree.Inherit(act(before))
	}
	ending, byRule := s.Sessions.EndingUnder(tree, afters), map[agent.UserID]bool{}
	if b.Act == templates.ActEnd {
		ending, byRule = s.sessionsToEnd()
	}
	own := who(c).User.ID
	for i, before := range users {
		after := afters[i]
		b.ByRule = b.ByRule || byRule[before.ID]
		switch {
		case before.ID == own && (ending[own] > 0 || !after.Enabled || before.Administrator() && !after.Administrator()):
			b.Own = true
		case reflect.DeepEqual(before, after) && ending[before.ID] == 0:
			b.Same++
		default:
			b.changed = append(b.changed, accountChange{before, after})
		}
	}
	if b.Act == templates.ActDisable {
		if err := s.spareLastAdministrator(ctx, &b); err != nil {
			return b, "", err
		}
	}
	b.Concerned = len(b.changed)
	for _, one := range b.changed {
		b.Admins += becomesAdministrator(one.before, one.after)
		b.Sessions += ending[one.before.ID]
	}
	if b.Concerned == 0 {
		return b, templates.BulkNothing(l, b.BulkQuestion), nil
	}
	return b, "", nil
}

// readAct returns the function by which an action changes an account. It reports false for an unknown action or group, and for a group of a
// directory.
func readAct(act string, tree agent.GroupTree) (func(agent.User) agent.User, bool) {
	remote := func(allowed, byGroups bool) func(agent.User) agent.User {
		return func(u agent.User) agent.User {
			u.RemoteAccess, u.RemoteByGroups = allowed, byGroups
			return u
		}
	}
	enable := func(on bool) func(agent.User) agent.User {
		return func(u agent.User) agent.User {
			u.Enabled = on
			return u
		}
	}
	switch act {
	case templates.ActVPNAllow:
		return remote(true, false), true
	case templates.ActVPNDeny:
		return remote(false, false), true
	case templates.ActVPNGroup:
		return remote(false, true), true // Inherit sets what the groups allow
	case templates.ActEnable:
		return enable(true), true
	case templates.ActDisable:
		return enable(false), true
	case templates.ActEnd:
		return func(u agent.User) agent.User { return u }, true
	}
	text, is := strings.CutPrefix(act, templates.ActGroup)
	id, err := strconv.ParseInt(text, 10, 64)
	if g, known := tree.Group(agent.GroupID(id)); !is || err != nil || id != 0 && (!known || !g.Local()) {
		return nil, false
	}
	return func(u agent.User) agent.User {
		u.Group = agent.GroupID(id)
		return u
	}, true
}

// usersByID returns the accounts with the IDs, each once. It skips deleted accounts.
func (s *Site) usersByID(ctx context.Context, ids []agent.UserID) (users []agent.User, err error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		u, err := s.Accounts.User(ctx, id)
		if errors.Is(err, agent.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, nil
}

// spareLastAdministrator takes one account out of b if b would disable all local administrators. Those who are administrators only by a
// group do not count.
func (s *Site) spareLastAdministrator(ctx context.Context, b *bulk) error {
	off := map[agent.UserID]bool{}
	for _, one := range b.changed {
		off[one.before.ID] = true
	}
	admins, _, err := s.selectUsers(ctx, agent.UserFilter{Directory: agent.LocalDirectory, Admin: true, State: agent.UserEnabled}, maxBulk)
	if err != nil {
		return err
	}
	admins = slices.DeleteFunc(admins, func(u agent.User) bool { return !u.Admin })
	if slices.ContainsFunc(admins, func(u agent.User) bool { return !off[u.ID] }) || len(admins) == 0 {
		return nil
	}
	spared := slices.MinFunc(admins, func(a, b agent.User) int { return int(a.ID - b.ID) })
	b.LastAdmin = spared.Login
	b.changed = slices.DeleteFunc(b.changed, func(one accountChange) bool { return one.before.ID == spared.ID })
	return nil
}

// sessionsToEnd returns how many live sessions of each account EndUser ends with ReasonAdmin, and which accounts have others, by a rule.
func (s *Site) sessionsToEnd() (counts map[agent.UserID]int, byRule map[agent.UserID]bool) {
	counts, byRule = map[agent.UserID]int{}, map[agent.UserID]bool{}
	for _, one := range s.Sessions.Sessions() {
		if one.Kind == agent.KindStatic {
			byRule[one.UserID] = true
		} else {
			counts[one.UserID]++
		}
	}
	return counts, byRule
}

// becomesAdministrator returns 1 if a change makes the account an administrator, otherwise 0.
func becomesAdministrator(before, after agent.User) int {
	if after.Administrator() && !before.Administrator() {
		return 1
	}
	return 0
}

// doBulk carries out a planned action. It stores all changes or none, and then ends the sessions that they no longer permit. Errors: those
// of Accounts.SaveUsers, and of ending browser sessions.
func (s *Site) doBulk(c echo.Context, b bulk) error {
	ctx := c.Request().Context()
	if b.Act == templates.ActEnd {
		ctx := context.WithoutCancel(ctx)
		for _, one := range b.changed {
			s.Sessions.EndUser(ctx, one.before.ID, agent.ReasonAdmin)
		}
	} else {
		users := make([]agent.ImportedUser, len(b.changed))
		for i, one := range b.changed {
			users[i] = agent.ImportedUser{User: one.after, Before: one.before}
		}
		saved, err := s.Accounts.SaveUsers(ctx, users)
		if err != nil {
			return err
		}
		for i, u := range saved {
			b.changed[i].after = u
		}
	}
	s.securityEvent(c, string(agent.ActAccountsChanged), "act", b.Act, "accounts", b.Concerned, "sessions", b.Sessions)
	if b.Act == templates.ActEnd {
		s.recordOnAccounts(c, agent.ActSessionsEnded, b.changed)
		return nil
	}
	s.recordOnAccounts(c, agent.ActAccountsChanged, b.changed)
	return s.enforceChanges(c, b.changed)
}

// enforceChanges ends the sessions that the changed accounts no longer permit, and signs out the browsers of accounts that are now refused.
// It logs which accounts become or stop being administrators by a group.
func (s *Site) enforceChanges(c echo.Context, changed []accountChange) (err error) {
	ctx := context.WithoutCancel(c.Request().Context())
	for _, one := range changed {
		s.noteAdministrator(c, one.before, one.after)
		s.Sessions.UserChanged(ctx, one.after)
		if one.after.Refusal() != "" && one.before.Refusal() == "" {
			err = errors.Join(err, s.endBrowsers(ctx, one.after.ID, ""))
		}
	}
	return err
}

// endBrowsers is EndBrowserSessions for one of many accounts. Most have no browser session; for them it writes nothing.
func (s *Site) endBrowsers(ctx context.Context, id agent.UserID, except string) error {
	list, err := s.Browsers.BrowserSessions(ctx, id)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.Browsers.EndBrowserSessions(ctx, id, except)
}
