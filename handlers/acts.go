package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/accountcsv"
)

// Acts is the journal of acts.
type Acts interface {
	// AddActs records acts, all or none.
	AddActs(context.Context, ...agent.Act) error
	// Acts returns a page, the newest act first. Long lists of names are cut. Errors: agent.Problem if the query is invalid.
	Acts(context.Context, agent.ActQuery) (agent.ActPage, error)
	// EachAct calls do for all acts that a query selects, ignoring its Offset and Limit. Writers do not wait for it.
	EachAct(ctx context.Context, q agent.ActQuery, do func(agent.Act) error) error
	// ActLogins returns the distinct logins that acts have, at most limit.
	ActLogins(ctx context.Context, limit int) ([]string, error)
}

// act logs an act of this visitor as a security event with these attributes, and records it in the journal of acts. It comes after the
// change, in a transaction of its own, because a change is often more than one transaction. If the act cannot be recorded, the change
// stays and that is logged.
func (s *Site) act(c echo.Context, a agent.Act, attrs ...any) {
	s.securityEvent(c, string(a.Code), attrs...)
	s.record(c, a)
}

// record records acts of this visitor in the journal of acts.
func (s *Site) record(c echo.Context, acts ...agent.Act) {
	v, now := who(c), time.Now()
	for i := range acts {
		acts[i].At, acts[i].Peer, acts[i].Source = now, v.Peer, agent.ActByPage
		acts[i].Names = acts[i].Names[:min(len(acts[i].Names), agent.MaxActNames)]
		if isREST(c) {
			acts[i].Source = agent.ActByREST
		}
		if v.User != nil {
			acts[i].By, acts[i].Login = v.User.ID, v.User.FullLogin()
		}
	}
	s.addActs(c.Request().Context(), acts...)
}

// addActsAtOnce is how many acts one transaction records, so that no login waits long for it.
const addActsAtOnce = 500

// addActs records acts, also if the peer has disconnected.
func (s *Site) addActs(ctx context.Context, acts ...agent.Act) {
	ctx = context.WithoutCancel(ctx)
	for part := range slices.Chunk(acts, addActsAtOnce) {
		if err := s.Acts.AddActs(ctx, part...); err != nil {
			last := part[len(part)-1]
			s.Log.Error("the audit log lacks acts", "event", string(last.Code), "acts", len(part), "by", last.Login, "objects", objectsOf(part), "error", err)
		}
	}
}

// objectsOf returns the names of the objects of acts, each once.
func objectsOf(acts []agent.Act) (names []string) {
	for _, a := range acts {
		names = append(append(names, a.Names...), cmp.Or(a.Name, a.Object))
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// actOn returns an act on an object with a number.
func actOn[ID ~int64](code agent.ActCode, id ID, name string, changes ...agent.ActChange) agent.Act {
	return agent.Act{Code: code, Object: idText(id), Name: name, Changes: changes}
}

func actOnAccount(code agent.ActCode, u agent.User, changes ...agent.ActChange) agent.Act {
	return actOn(code, u.ID, u.FullLogin(), changes...)
}

// recordOnAccounts records a bulk action. It is one act with all logins. Where the accounts did not have the same values before, each
// also gets an act of its own, because an act has only one value before.
func (s *Site) recordOnAccounts(c echo.Context, code agent.ActCode, changed []accountChange) {
	tree := s.treeForActs(c)
	each := make([]agent.Act, len(changed))
	for i, one := range changed {
		each[i] = actOnAccount(agent.ActAccountChanged, one.after, accountChanges(tree, one.before, one.after)...)
	}
	same := !slices.ContainsFunc(each, func(a agent.Act) bool { return !slices.EqualFunc(a.Changes, each[0].Changes, agent.ActChange.Equal) })
	summary := summaryOf(code, each)
	if same && len(each) > 0 {
		summary.Changes = each[0].Changes
		each = nil
	}
	s.record(c, append(each, summary)...) // the last one is the newest
}

// recordImport records an import: one act with all logins, and one for each account, because each changes in another way.
func (s *Site) recordImport(c echo.Context, plan accountcsv.Plan, saved []agent.User) {
	tree := s.treeForActs(c)
	var each []agent.Act
	for i, one := range slices.Concat(plan.New, plan.Changed) {
		code := agent.ActAccountChanged
		if one.Before.ID == 0 {
			code = agent.ActAccountCreated
		}
		changes := accountChanges(tree, one.Before, saved[i])
		if one.Password != "" {
			changes = append(changes, hiddenChange("psw"))
		}
		each = append(each, actOnAccount(code, saved[i], changes...))
	}
	s.record(c, append(each, summaryOf(agent.ActAccountsImported, each))...)
}

// summaryOf returns an act on all objects of other acts.
func summaryOf(code agent.ActCode, each []agent.Act) agent.Act {
	a := agent.Act{Code: code, Count: len(each)}
	for _, one := range each {
		a.Names = append(a.Names, one.Name)
	}
	return a
}

// loginsOf returns the logins of accounts, with their directories.
func loginsOf(users []agent.User) (logins []string) {
	for _, u := range users {
		logins = append(logins, u.FullLogin())
	}
	return logins
}

// hiddenChange is the change of a field whose values are not recorded.
func hiddenChange(field string) agent.ActChange { return agent.ActChange{Field: field, Hidden: true} }

// treeForActs returns the tree of groups, for their names. It is empty if it cannot be read.
func (s *Site) treeForActs(c echo.Context) agent.GroupTree {
	tree, err := s.Groups.GroupTree(c.Request().Context())
	if err != nil {
		s.Log.Error("the audit log lacks the names of groups", "error", err)
	}
	return tree
}

func (s *Site) accountChanges(c echo.Context, before, after agent.User) []agent.ActChange {
	return accountChanges(s.treeForActs(c), before, after)
}

// accountChanges returns the changes of an account. The ID zero means that there is none before, or after.
func accountChanges(tree agent.GroupTree, before, after agent.User) []agent.ActChange {
	return difference(accountValues(tree, before), accountValues(tree, after))
}

// accountValues are the fields of an account in REST that an administrator changes; nil without an ID.
func accountValues(tree agent.GroupTree, u agent.User) actValues {
	if u.ID == 0 {
		return nil
	}
	v := encodeValues(jsonOfUser(u, nil))
	for _, derived := range []string{"id", "created", "last_login", "domain_type", "ldap_guid", "refused"} {
		delete(v, derived)
	}
	v.set("parent_id", tree.FullName(u.Group))
	return v
}

// groupChanges returns the changes of a group. The ID zero means that there is none before, or after.
func (s *Site) groupChanges(c echo.Context, before, after agent.Group) []agent.ActChange {
	tree := s.treeForActs(c)
	values := func(g agent.Group) actValues {
		if g.ID == 0 {
			return nil
		}
		v := encodeValues(groupFields(&g, &g.Member.Name))
		v.set("parent_id", tree.FullName(g.Parent))
		if g.Position == 0 { // the store chooses it
			delete(v, "position")
		}
		return v
	}
	return difference(values(before), values(after))
}

// ruleChanges returns the changes of a rule. The ID zero means that there is none before, or after.
func (s *Site) ruleChanges(c echo.Context, before, after agent.AuthRule) []agent.ActChange {
	values := func(r agent.AuthRule) actValues {
		if r.ID == 0 {
			return nil
		}
		v := encodeValues(ruleFields(&r))
		delete(v, "id")
		if u, err := s.Accounts.User(c.Request().Context(), r.UserID); err == nil {
			v.set("user_id", u.FullLogin())
		}
		return v
	}
	return difference(values(before), values(after))
}

// ruleName names a rule by its address or its MAC.
func ruleName(r agent.AuthRule) string { return cmp.Or(addressText(r.Address), r.MAC) }

// settingsValues are all settings but those for ordering certificates.
func settingsValues(n agent.Settings) actValues {
	fields := settingsFields(&n)
	fields["enabled"] = &n.Enabled
	return encodeValues(fields)
}

// ExpiredTrial is the act of the gateway when it restores the settings before a trial that nobody has confirmed.
func ExpiredTrial(before, after agent.Settings, at time.Time) agent.Act {
	return agent.Act{At: at, Source: agent.ActByGateway, Code: agent.ActGatewayExpired, Changes: difference(settingsValues(before), settingsValues(after))}
}

// CommandAct is an act on an administrator's account on the command line, which always sets a password.
func CommandAct(code agent.ActCode, before, after agent.User) agent.Act {
	a := actOnAccount(code, after, append(accountChanges(agent.GroupTree{}, before, after), hiddenChange("psw"))...)
	a.At, a.Source = time.Now(), agent.ActByCommand
	return a
}

// savedDirectory returns a directory as it is stored, only with its ID if it cannot be read. The ID zero gives the zero value.
func (s *Site) savedDirectory(c echo.Context, id agent.DirectoryID) agent.DirectorySettings {
	if id == 0 {
		return agent.DirectorySettings{}
	}
	d, err := s.Directories.Get(c.Request().Context(), id)
	if err != nil {
		return agent.DirectorySettings{ID: id}
	}
	return d
}

// directoryValues are the fields of a directory without secrets and certificates; nil without an ID.
func directoryValues(d agent.DirectorySettings) actValues {
	if d.ID == 0 {
		return nil
	}
	v := encodeValues(directoryFields(&d))
	delete(v, "ca_pem")
	return v
}

// directoryChanges returns the changes of a directory. sent is what the administrator sent; it has a new password or keytab if there is one.
func directoryChanges(before, after, sent agent.DirectorySettings) []agent.ActChange {
	changes := difference(directoryValues(before), directoryValues(after))
	for _, hidden := range []struct {
		field   string
		changed bool
	}{{"ca_pem", before.CA != after.CA}, {"password", sent.Password != ""}, {"keytab", len(sent.Keytab) > 0}} {
		if hidden.changed {
			changes = append(changes, hiddenChange(hidden.field))
		}
	}
	return changes
}

// acmeChanges returns the changes of the settings for ordering certificates. sent may have a new key.
func acmeChanges(before, after agent.ACMESettings, sent agent.ACMEChange) []agent.ActChange {
	values := func(a agent.ACMESettings) actValues {
		return encodeValues(map[string]any{"directory": a.Directory, "email": a.Email, "eab_key_id": a.EABKeyID, "terms": a.Terms})
	}
	changes := difference(values(before), values(after))
	if before.RootPEM != after.RootPEM {
		changes = append(changes, hiddenChange("directory_root_pem"))
	}
	if sent.EABKey != "" {
		changes = append(changes, hiddenChange("eab_hmac_key"))
	}
	return changes
}

// sessionName names a session by its login and address.
func sessionName(live agent.LiveSession) string {
	return agent.User{Login: live.Login, Directory: live.Directory}.FullLogin() + ", " + addressText(live.Address)
}

// actValues are fields by their names in REST, without null and empty texts.
type actValues map[string]json.RawMessage

// encodeValues encodes an object of REST. Long values are cut.
func encodeValues(object any) actValues {
	b, err := json.Marshal(object)
	all := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return actValues{}
	}
	v := actValues{}
	for name, value := range all {
		v.set(name, value)
	}
	return v
}

// set sets a field. A value of nil and an empty text remove it.
func (v actValues) set(name string, value any) {
	switch is := value.(type) {
	case nil:
		delete(v, name)
		return
	case string:
		if is == "" {
			delete(v, name)
			return
		}
		value = cutText(is)
	case []any:
		list := make([]any, 0, min(len(is), agent.MaxActList+1))
		for _, one := range is[:min(len(is), agent.MaxActList)] {
			if text, isText := one.(string); isText {
				one = cutText(text)
			}
			list = append(list, one)
		}
		if len(is) > agent.MaxActList {
			list = append(list, "…")
		}
		value = list
	}
	v[name], _ = json.Marshal(value) // cannot fail: texts, lists and what came from JSON
}

func cutText(text string) string {
	if runes := []rune(text); len(runes) > agent.MaxActText {
		return strings.TrimSpace(string(runes[:agent.MaxActText])) + "…"
	}
	return text
}

// difference returns the fields that differ, ordered by name. nil means that the object does not exist; then false and empty lists are no
// values, either.
func difference(before, after actValues) (changes []agent.ActChange) {
	names := maps.Clone(before)
	if names == nil {
		names = actValues{}
	}
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		change := agent.ActChange{Field: name, Before: before[name], After: after[name]}
		if value := string(names[name]); bytes.Equal(change.Before, change.After) || (before == nil || after == nil) && (value == "false" || value == "[]") {
			continue
		}
		changes = append(changes, change)
	}
	return changes
}
