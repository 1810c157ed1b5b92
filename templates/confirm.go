package templates

import (
	"strconv"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// confirmed is the field of a confirmed form.
var confirmed = HiddenField{"confirm", "1"}

// ConfirmAgentOff asks before the agent is switched off. sessions is the number of live sessions, which end. If closed, the
// firewall then lets nobody through.
func ConfirmAgentOff(l *locale.Localizer, tab AgentTab, sessions int, closed bool) ConfirmData {
	text := consequence(l, "confirm_agent_off_text", "confirm_agent_off_none", sessions)
	if closed {
		text += " " + l.T("confirm_agent_off_closed")
	}
	return ConfirmData{
		Title:  l.T("confirm_agent_off_title"),
		Text:   text,
		Action: "/admin/agent/state",
		Fields: []HiddenField{{"enabled", "0"}, {"tab", string(tab)}, confirmed},
		Button: l.T("confirm_agent_off_button"),
		Cancel: string(tab),
	}
}

// ConfirmDomain asks before the gateway's domain or address is replaced.
func ConfirmDomain(l *locale.Localizer, change DomainChange) ConfirmData {
	names := locale.Args{"From": change.From, "To": change.To}
	text := consequence(l, "confirm_domain_text", "confirm_domain_none", change.Agents, names)
	if change.NewRoot {
		text += " " + l.T("confirm_domain_root", names)
	}
	return ConfirmData{
		Title:  l.T("confirm_domain_title", names),
		Text:   text,
		Action: "/admin/agent/domain",
		Fields: []HiddenField{{"auth_domain", change.Typed}, confirmed},
		Button: l.T("confirm_domain_button"),
		Cancel: "/admin/agent",
	}
}

// ConfirmDomainForget asks before a former domain is no longer served.
func ConfirmDomainForget(l *locale.Localizer, former FormerDomain) ConfirmData {
	name := locale.Args{"Name": former.Shown}
	return ConfirmData{
		Title:  l.T("confirm_forget_title", name),
		Text:   consequence(l, "confirm_forget_text", "confirm_forget_none", former.Agents, name),
		Action: "/admin/agent/domain/forget",
		Fields: []HiddenField{{"name", former.Name}, confirmed},
		Button: l.T("confirm_forget_button"),
		Cancel: "/admin/agent",
	}
}

// ConfirmSettings asks before saving settings; ending is the number of sessions that end.
func ConfirmSettings(l *locale.Localizer, form SettingsForm, ending int) ConfirmData {
	return confirmSave(l, AgentAccess, "/admin/agent/settings", form.hidden(), ending)
}

// ConfirmBrowserSignIn asks before saving other networks for signing in by a browser; ending is the number of sessions that end.
func ConfirmBrowserSignIn(l *locale.Localizer, networks string, ending int) ConfirmData {
	return confirmSave(l, AgentAccess, "/admin/agent/browser", []HiddenField{{"browser_sign_in_networks", networks}}, ending)
}

// ConfirmVPN asks before saving settings of the tunnel; ending is the number of sessions that end.
func ConfirmVPN(l *locale.Localizer, form VPNForm, ending int) ConfirmData {
	return confirmSave(l, AgentVPN, "/admin/agent/vpn", form.hidden(), ending)
}

func confirmSave(l *locale.Localizer, tab AgentTab, action string, fields []HiddenField, ending int) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_settings_title"),
		Text:   consequence(l, "confirm_settings_text", "confirm_settings_none", ending),
		Action: action,
		Fields: append(fields, confirmed),
		Button: l.T("confirm_settings_button"),
		Cancel: string(tab),
	}
}

// ConfirmUserOff asks before an account with live sessions is disabled. The form includes the other changes.
func ConfirmUserOff(l *locale.Localizer, id agent.UserID, form UserForm, sessions int) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_user_off_title", locale.Args{"Login": form.Login}),
		Text:   consequence(l, "confirm_user_off_text", "confirm_user_off_none", sessions),
		Action: userPath(id),
		Fields: append(form.hidden(), confirmed),
		Button: l.T("confirm_user_off_button"),
		Cancel: userPath(id),
	}
}

// ConfirmUserVPN asks before an account with VPN sessions loses the right to them. The form includes the other changes.
func ConfirmUserVPN(l *locale.Localizer, user agent.User, form UserForm, sessions int) ConfirmData {
	d := ConfirmVPNDeny(l, user, sessions, TableView{Table: VPNTable})
	d.Action, d.Fields, d.Cancel = userPath(user.ID), append(form.hidden(), confirmed), userPath(user.ID)
	return d
}

// ConfirmUserSessions asks before a change of an account that ends some of its sessions. The form includes the other changes.
func ConfirmUserSessions(l *locale.Localizer, user agent.User, form UserForm, sessions int) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_user_sessions_title", locale.Args{"Name": user.Title()}),
		Text:   l.N("confirm_user_sessions_text", sessions),
		Action: userPath(user.ID),
		Fields: append(form.hidden(), confirmed),
		Button: l.T("confirm_settings_button"),
		Cancel: userPath(user.ID),
	}
}

// ConfirmUserDelete asks before an account is deleted.
func ConfirmUserDelete(l *locale.Localizer, user agent.User, sessions int) ConfirmData {
	text := consequence(l, "confirm_user_delete_text", "confirm_user_delete_none", sessions)
	if !user.Local() {
		text = l.T("confirm_directory_user_delete", locale.Args{"Directory": user.Directory})
		if sessions > 0 {
			text = l.N("confirm_directory_sessions", sessions) + " " + text
		}
	}
	return ConfirmData{
		Title:  l.T("confirm_user_delete_title", locale.Args{"Login": user.Login}),
		Text:   text,
		Action: userPath(user.ID) + "/delete",
		Fields: []HiddenField{confirmed},
		Button: l.T("confirm_user_delete_button"),
		Cancel: userPath(user.ID),
	}
}

// ConfirmRuleDelete asks before a rule of an account is deleted.
func ConfirmRuleDelete(l *locale.Localizer, user agent.User, rule UserRule) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_rule_delete_title", locale.Args{"Target": rule.target()}),
		Text:   l.T(choose(rule.State == RuleOpen, "confirm_rule_delete_open", "confirm_rule_delete_text")),
		Action: rule.path(user.ID) + "/delete",
		Fields: []HiddenField{confirmed},
		Button: l.T("rule_delete"),
		Cancel: userPath(user.ID) + "#rules",
	}
}

// ConfirmVPNDeny asks before an account loses the right to connect from outside. Its VPN sessions end. The form carries the page of the
// table from which it came.
func ConfirmVPNDeny(l *locale.Localizer, user agent.User, sessions int, from TableView) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_vpn_deny_title", locale.Args{"Name": user.Title()}),
		Text:   consequence(l, "confirm_vpn_deny_text", "confirm_vpn_deny_none", sessions),
		Action: "/admin/monitor/vpn/" + strconv.FormatInt(int64(user.ID), 10) + "/deny",
		Fields: append(from.Fields(), confirmed),
		Button: l.T("vpn_deny"),
		Cancel: from.URL(),
	}
}

// ConfirmUserAdmin asks before an account becomes an administrator by its group. The form includes the other changes.
func ConfirmUserAdmin(l *locale.Localizer, user agent.User, form UserForm, group string) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_user_admin_title", locale.Args{"Name": user.Title()}),
		Text:   l.T("confirm_user_admin_text", locale.Args{"Group": group}),
		Action: userPath(user.ID),
		Fields: append(form.hidden(), confirmed),
		Button: l.T("confirm_settings_button"),
		Cancel: userPath(user.ID),
	}
}

// ConfirmGroup asks before a changed group is saved. id is zero for a new group, to which no account belongs yet.
func ConfirmGroup(l *locale.Localizer, id agent.GroupID, form GroupForm, impact GroupImpact, newAdmin bool) ConfirmData {
	text := impact.text(l)
	if newAdmin {
		text = strings.TrimSpace(consequence(l, "confirm_group_admins", "confirm_group_admins_none", impact.GainAdmin) + " " + impact.losses(l))
		if form.Directory != "" {
			text += " " + l.T("group_admin_directory", locale.Args{"Directory": form.Directory})
		}
	}
	d := ConfirmData{
		Title:  l.T(choose(newAdmin, "confirm_group_admin_title", "confirm_group_title"), locale.Args{"Name": form.Name}),
		Text:   text,
		Action: AdminGroupData{ID: id}.path(),
		Fields: append(form.hidden(), confirmed),
		Button: l.T("confirm_settings_button"),
		Cancel: GroupPath(id),
	}
	if id == 0 {
		d.Cancel = "/admin/groups"
	}
	return d
}

// ConfirmGroupDelete asks before a group is deleted. to is the name of the group that takes its accounts and subgroups; empty for none.
func ConfirmGroupDelete(l *locale.Localizer, g agent.Group, impact GroupImpact, to string) ConfirmData {
	text := l.T("confirm_group_delete_directory")
	switch {
	case !g.Local():
	case to != "":
		text = consequence(l, "confirm_group_delete_moves", "confirm_group_delete_empty", impact.Accounts, locale.Args{"To": to})
	default:
		text = consequence(l, "confirm_group_delete_text", "confirm_group_delete_empty", impact.Accounts)
	}
	return ConfirmData{
		Title:  l.T("confirm_group_delete_title", locale.Args{"Name": g.Name}),
		Text:   strings.TrimSpace(text + " " + impact.text(l)),
		Action: GroupPath(g.ID) + "/delete",
		Fields: []HiddenField{confirmed},
		Button: l.T("group_delete"),
		Cancel: GroupPath(g.ID),
	}
}

// text says what happens to the accounts.
func (i GroupImpact) text(l *locale.Localizer) string {
	text := i.losses(l)
	if i.GainAdmin > 0 {
		text = l.N("confirm_group_admins", i.GainAdmin) + " " + text
	}
	return strings.TrimSpace(text)
}

func (i GroupImpact) losses(l *locale.Localizer) string {
	var parts []string
	for _, one := range []struct {
		id string
		n  int
	}{{"impact_remote", i.LoseRemote}, {"confirm_bulk_sessions", i.Sessions}, {"impact_admin", i.LoseAdmin}, {"impact_other", i.Other}} {
		if one.n > 0 {
			parts = append(parts, l.N(one.id, one.n))
		}
	}
	return strings.Join(parts, " ")
}

// ConfirmDirectoryDelete asks before a directory is deleted with its accounts.
func ConfirmDirectoryDelete(l *locale.Localizer, d agent.DirectorySettings, accounts, sessions int) ConfirmData {
	return ConfirmData{
		Title: l.T("confirm_directory_title", locale.Args{"Name": d.Name}),
		Text: consequence(l, "confirm_directory_accounts", "confirm_directory_no_accounts", accounts) + " " +
			consequence(l, "confirm_directory_sessions", "confirm_directory_no_sessions", sessions),
		Action: DirectoryPath(d.ID) + "/delete",
		Fields: []HiddenField{confirmed},
		Button: l.T("directory_delete"),
		Cancel: DirectoryPath(d.ID),
	}
}

// ConfirmCheck asks before a withheld check of a directory's accounts ends its sessions.
func ConfirmCheck(l *locale.Localizer, d agent.DirectorySettings, check agent.WithheldCheck) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_check_title", locale.Args{"Name": d.Name}),
		Text:   withheldText(l, d.Name, check) + " " + l.T("confirm_check_text"),
		Action: DirectoryPath(d.ID) + "/confirm",
		Fields: []HiddenField{confirmed, {"sessions", strconv.Itoa(check.Sessions)}},
		Button: l.T("confirm_check_button"),
		Cancel: "/admin/directories",
	}
}

// ConfirmKeytabRemove asks before the keytab of a directory is removed.
func ConfirmKeytabRemove(l *locale.Localizer, d agent.DirectorySettings) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_keytab_title", locale.Args{"Name": d.Name}),
		Text:   l.T("confirm_keytab_text"),
		Action: DirectoryPath(d.ID) + "/keytab/remove",
		Fields: []HiddenField{confirmed},
		Button: l.T("keytab_remove"),
		Cancel: DirectoryPath(d.ID),
	}
}

// ConfirmConvert asks before local accounts become those of a directory.
func ConfirmConvert(l *locale.Localizer, d agent.DirectorySettings, users []agent.User) ConfirmData {
	fields := []HiddenField{confirmed}
	logins := make([]string, len(users))
	for i, u := range users {
		logins[i] = u.Login
		fields = append(fields, HiddenField{"user", strconv.FormatInt(int64(u.ID), 10)})
	}
	name := locale.Args{"Name": d.Name, "Logins": strings.Join(logins, ", ")}
	return ConfirmData{
		Title:  l.N("confirm_convert_title", len(users), name),
		Text:   l.T("confirm_convert_text", name),
		Action: DirectoryPath(d.ID) + "/convert",
		Fields: fields,
		Button: l.T("confirm_convert_button"),
		Cancel: DirectoryPath(d.ID),
	}
}

func userPath(id agent.UserID) string { return "/admin/users/" + strconv.FormatInt(int64(id), 10) }

// consequence returns the text some for a number of sessions or agents, or the text none.
func consequence(l *locale.Localizer, some, none string, n int, args ...locale.Args) string {
	if n == 0 {
		return l.T(none, args...)
	}
	return l.N(some, n, args...)
}
