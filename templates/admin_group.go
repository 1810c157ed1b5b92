package templates

import (
	"strconv"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// GroupPath returns the path of a group's page; the zero ID is a new local group.
func GroupPath(id agent.GroupID) string {
	if id == 0 {
		return "/admin/groups/new"
	}
	return "/admin/groups/" + strconv.FormatInt(int64(id), 10)
}

// NewGroupForm fills the form with a group.
func NewGroupForm(g agent.Group) GroupForm {
	f := GroupForm{Name: g.Name, Parent: groupValue(g.Parent), Comment: g.Comment, Admin: g.Admin, Remote: RemoteByGroups, RightsForm: NewRightsForm(g.Rights)}
	if g.Rights.RemoteAccess != nil {
		f.Remote = choose(*g.Rights.RemoteAccess, "1", "0")
	}
	if !g.Local() {
		f.Directory, f.Member, f.MemberName = g.Directory, g.Member.ID, g.Member.Name
	}
	return f
}

// NewRightsForm fills the form with rights.
func NewRightsForm(r agent.Rights) RightsForm {
	f := RightsForm{Numbers: map[string]string{}, Forward: ForwardInherited, ForwardNets: joined(r.ForwardNets, "\n")}
	for _, n := range agent.RightsNumbers() {
		f.Numbers[n.Name] = n.RightText(r)
	}
	if r.Everything() {
		f.Forward, f.ForwardNets = ForwardAll, ""
	} else if len(r.ForwardNets) > 0 {
		f.Forward = ForwardChosen
	}
	return f
}

func (f RightsForm) hidden() []HiddenField {
	fields := []HiddenField{{"forward", f.Forward}, {"forward_nets", f.ForwardNets}}
	for _, n := range agent.RightsNumbers() {
		fields = append(fields, HiddenField{n.Name, f.Numbers[n.Name]})
	}
	return fields
}

func (f GroupForm) hidden() []HiddenField {
	fields := append(f.RightsForm.hidden(), HiddenField{"name", f.Name}, HiddenField{"parent_id", f.Parent}, HiddenField{"comment", f.Comment},
		HiddenField{"remote_access", f.Remote}, HiddenField{"directory", f.Directory}, HiddenField{"member", f.Member}, HiddenField{"member_name", f.MemberName})
	return append(fields, ticked("admin", f.Admin)...)
}

func (d AdminGroupData) heading(l *locale.Localizer) string {
	switch {
	case d.ID != 0:
		return d.Name
	case d.Form.Directory != "":
		return l.T("group_new_directory_title")
	}
	return l.T("group_new_title")
}

// path is the action of the group's form.
func (d AdminGroupData) path() string {
	if d.ID == 0 {
		return "/admin/groups"
	}
	return GroupPath(d.ID)
}

// groupValue is the value of a group in a form; no group is empty.
func groupValue(id agent.GroupID) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(int64(id), 10)
}

// parents are the groups that can be the parent of a group.
func (d AdminGroupData) parents(l *locale.Localizer) []option {
	list := []option{{"", l.T("group_top")}}
	for _, g := range d.Tree.All() {
		path := d.Tree.Path(g.ID)
		below := false
		for _, above := range path {
			below = below || d.ID != 0 && above.ID == d.ID
		}
		if !below && len(path) < agent.MaxGroupDepth {
			list = append(list, option{groupValue(g.ID), d.Tree.FullName(g.ID)})
		}
	}
	return list
}

// localGroups are the groups that an account can be put into, and its present one.
func localGroups(l *locale.Localizer, t agent.GroupTree, now agent.GroupID) []option {
	list := []option{{"", l.T("group_none")}}
	for _, g := range t.All() {
		if g.Local() || g.ID == now {
			list = append(list, option{groupValue(g.ID), t.FullName(g.ID)})
		}
	}
	return list
}

// rightsWords are the rights that a group sets, each in a few words.
func rightsWords(l *locale.Localizer, r agent.Rights) (words []string) {
	if r.RemoteAccess != nil {
		words = append(words, l.T(choose(*r.RemoteAccess, "rights_remote_yes", "rights_remote_no")))
	}
	if r.Devices > 0 {
		words = append(words, l.N("rights_devices", r.Devices))
	}
	if r.SessionLAN > 0 {
		words = append(words, l.T("rights_session_lan", locale.Args{"Hours": l.Hours(r.SessionLAN)}))
	}
	if r.SessionVPN > 0 {
		words = append(words, l.T("rights_session_vpn", locale.Args{"Hours": l.Hours(r.SessionVPN)}))
	}
	switch {
	case r.Everything():
		words = append(words, l.T("rights_everything"))
	case len(r.ForwardNets) > 0:
		words = append(words, l.N("rights_nets", len(r.ForwardNets)))
	}
	return words
}

// appliedRow is one right in the table «Что действует».
type appliedRow struct {
	Right, Value string
	From         agent.Source
	Nobody       string // message ID of the text in place of From, if nothing sets it
}

// appliedRows are the rights that apply, in the order of the form.
func appliedRows(l *locale.Localizer, r agent.AppliedRights) []appliedRow {
	return []appliedRow{
		{l.T("remote_legend"), remoteWord(l, r), r.From.RemoteAccess, choose(nobodyAllows(r), "source_nowhere", "")},
		{l.T("devices_per_user"), strconv.Itoa(r.Devices), r.From.Devices, ""},
		{l.T("applied_session_lan"), l.Hours(r.SessionLAN), r.From.SessionLAN, ""},
		{l.T("applied_session_vpn"), l.Hours(r.SessionVPN), r.From.SessionVPN, ""},
		{l.T("forward"), netsWord(l, r), r.From.ForwardNets, ""},
		{l.T("user_admin"), l.T(choose(r.Admin, "yes", "no")), r.From.Admin, choose(r.Admin, "", "source_not_admin")},
	}
}

// nobodyAllows reports whether neither the account nor a group nor a directory sets remote access.
func nobodyAllows(r agent.AppliedRights) bool {
	return r.From.RemoteAccess.Kind == agent.SourceSettings
}

func remoteWord(l *locale.Localizer, r agent.AppliedRights) string {
	return l.T(choose(r.RemoteAccess, "applied_allowed", "applied_denied"))
}

func netsWord(l *locale.Localizer, r agent.AppliedRights) string {
	return or(joined(r.ForwardNets, ", "), l.T("applied_everything"))
}

// sourceText names a source in plain text.
func sourceText(l *locale.Localizer, t agent.GroupTree, s agent.Source) string {
	if s.Kind == agent.SourceGroup {
		return l.T("source_group", locale.Args{"Name": t.FullName(s.Group.ID)})
	}
	return l.T("source_" + string(s.Kind))
}

// Inherited is what applies where a form sets nothing, with its sources.
type Inherited struct {
	Tree   agent.GroupTree
	Rights agent.AppliedRights
}

func (i Inherited) help(l *locale.Localizer, value string, from agent.Source) string {
	return l.T("inherited_help", locale.Args{"Value": value, "From": sourceText(l, i.Tree, from)})
}

// remote is the label of «as above» for remote access.
func (i Inherited) remote(l *locale.Localizer, id string) string {
	if i.Rights.From.RemoteAccess.Kind == "" {
		return l.T(id)
	}
	if id == "as_above" && i.Rights.From.RemoteAccess.Kind == agent.SourceDirectory { // differs from person to person
		return l.T("inherited_directory", locale.Args{"Choice": l.T(id)})
	}
	from := sourceText(l, i.Tree, i.Rights.From.RemoteAccess)
	if nobodyAllows(i.Rights) {
		from = l.T("source_nowhere")
	}
	return l.T("inherited_choice", locale.Args{"Choice": l.T(id), "Value": remoteWord(l, i.Rights), "From": from})
}

func (i Inherited) nets(l *locale.Localizer, id string) string {
	return l.T("inherited_choice", locale.Args{"Choice": l.T(id), "Value": netsWord(l, i.Rights), "From": sourceText(l, i.Tree, i.Rights.From.ForwardNets)})
}

// number returns the inherited value of a number and its source.
func (i Inherited) number(l *locale.Localizer, name string) string {
	switch r := i.Rights; name {
	case "devices_per_user":
		return i.help(l, strconv.Itoa(r.Devices), r.From.Devices)
	case "session_hours_lan":
		return i.help(l, l.Hours(r.SessionLAN), r.From.SessionLAN)
	default:
		return i.help(l, l.Hours(r.SessionVPN), r.From.SessionVPN)
	}
}

func plainOptions(values []string) []option {
	list := make([]option, len(values))
	for i, v := range values {
		list[i] = option{v, v}
	}
	return list
}
