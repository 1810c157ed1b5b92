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
func ConfirmAgentOff(l *locale.Localizer, sessions int, closed bool) ConfirmData {
	text := consequence(l, "confirm_agent_off_text", "confirm_agent_off_none", sessions)
	if closed {
		text += " " + l.T("confirm_agent_off_closed")
	}
	return ConfirmData{
		Title:  l.T("confirm_agent_off_title"),
		Text:   text,
		Action: "/admin/agent/state",
		Fields: []HiddenField{{"enabled", "0"}, confirmed},
		Button: l.T("confirm_agent_off_button"),
		Cancel: "/admin/agent",
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
	return confirmSave(l, "/admin/agent/settings", form.hidden(), ending)
}

// ConfirmVPN asks before saving settings of the tunnel; ending is the number of sessions that end.
func ConfirmVPN(l *locale.Localizer, form VPNForm, ending int) ConfirmData {
	return confirmSave(l, "/admin/agent/vpn", form.hidden(), ending)
}

func confirmSave(l *locale.Localizer, action string, fields []HiddenField, ending int) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_settings_title"),
		Text:   consequence(l, "confirm_settings_text", "confirm_settings_none", ending),
		Action: action,
		Fields: append(fields, confirmed),
		Button: l.T("confirm_settings_button"),
		Cancel: "/admin/agent",
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
	d := ConfirmVPNDeny(l, user, sessions)
	d.Action, d.Fields, d.Cancel = userPath(user.ID), append(form.hidden(), confirmed), userPath(user.ID)
	return d
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

// ConfirmVPNDeny asks before an account loses the right to connect from outside. Its VPN sessions end.
func ConfirmVPNDeny(l *locale.Localizer, user agent.User, sessions int) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_vpn_deny_title", locale.Args{"Name": user.Title()}),
		Text:   consequence(l, "confirm_vpn_deny_text", "confirm_vpn_deny_none", sessions),
		Action: "/admin/monitor/vpn/" + strconv.FormatInt(int64(user.ID), 10) + "/deny",
		Fields: []HiddenField{confirmed},
		Button: l.T("vpn_deny"),
		Cancel: "/admin/monitor/vpn",
	}
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
