package handlers

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func rightsForm(c echo.Context) templates.RightsForm {
	form := templates.RightsForm{Numbers: map[string]string{}, Forward: c.FormValue("forward"), ForwardNets: c.FormValue("forward_nets")}
	for _, n := range agent.RightsNumbers() {
		form.Numbers[n.Name] = c.FormValue(n.Name)
	}
	return form
}

// everything are the networks of rights that send all traffic into the tunnel.
var everything = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}

// readRights parses the form. The result has no RemoteAccess.
func readRights(form templates.RightsForm) (r agent.Rights, problems agent.Problems) {
	for _, n := range agent.RightsNumbers() {
		problems = append(problems, problemsOf(n.ParseRight(&r, form.Numbers[n.Name]))...)
	}
	switch form.Forward {
	case templates.ForwardInherited, "":
	case templates.ForwardAll:
		r.ForwardNets = everything
	case templates.ForwardChosen:
		nets, problem := agent.ParseNetworks("forward_nets", form.ForwardNets)
		if problem.Code == "" && len(nets) == 0 {
			problem = agent.Problem{Field: "forward_nets", Code: "field_required"}
		}
		r.ForwardNets, problems = nets, append(problems, problemsOf(problem)...)
	default:
		problems = append(problems, agent.Problem{Field: "forward", Code: "field_choice"})
	}
	return r, problems
}

// formGroup parses the value of a group in a form. An empty value is no group.
func formGroup(value string) (agent.GroupID, agent.Problem) {
	id := parentField(0)
	if value == "" {
		return 0, agent.Problem{}
	}
	if err := json.Unmarshal([]byte(value), &id); err != nil {
		return 0, agent.Problem{Field: "parent_id", Code: locale.FieldGroup}
	}
	return agent.GroupID(id), agent.Problem{}
}

// rightsFields maps the names in REST to rights but remote access. Decoding into a field changes it; null = inherited.
func rightsFields(r *agent.Rights) map[string]any {
	fields := map[string]any{"forward_nets": &netsField{r}}
	for _, n := range agent.RightsNumbers() {
		fields[n.Name] = &rightField{n, r}
	}
	return fields
}

// nullableRights are the fields of rightsFields.
var nullableRights = []string{"forward_nets", "session_hours_lan", "session_hours_vpn", "devices_per_user"}

type rightField struct {
	agent.NumberSetting
	rights *agent.Rights
}

func (f *rightField) MarshalJSON() ([]byte, error) { return json.Marshal(f.Right(*f.rights)) }

func (f *rightField) UnmarshalJSON(b []byte) error {
	if !f.Fraction {
		if err := json.Unmarshal(b, new(*int)); err != nil {
			return err
		}
	}
	var value *float64
	if err := json.Unmarshal(b, &value); err != nil {
		return err
	}
	return asError(f.SetRight(f.rights, value))
}

// netsField is null if inherited, and empty for all traffic, as in the settings.
type netsField struct{ rights *agent.Rights }

func (f *netsField) MarshalJSON() ([]byte, error) {
	switch {
	case len(f.rights.ForwardNets) == 0:
		return []byte("null"), nil
	case f.rights.Everything():
		return []byte("[]"), nil
	}
	return json.Marshal(texts(f.rights.ForwardNets))
}

func (f *netsField) UnmarshalJSON(b []byte) error {
	var typed []string
	if err := json.Unmarshal(b, &typed); err != nil {
		return err
	}
	f.rights.ForwardNets = nil
	if typed == nil {
		return nil
	}
	nets, problem := agent.NormalizeNetworks("", typed)
	f.rights.ForwardNets = nets
	if len(nets) == 0 || f.rights.Everything() {
		f.rights.ForwardNets = everything
	}
	return asError(problem)
}

// parentField is the number of a group, or null for none. Answers have it as a string; requests may have a number too.
type parentField agent.GroupID

func (f *parentField) MarshalJSON() ([]byte, error) {
	if *f == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(idText(*f))
}

func (f *parentField) UnmarshalJSON(b []byte) error {
	if text := string(b); len(text) > 2 && strings.HasPrefix(text, `"`) {
		b = []byte(strings.Trim(text, `"`))
	}
	var id *int64
	if err := json.Unmarshal(b, &id); err != nil {
		return agent.Problem{Field: "parent_id", Code: locale.FieldGroup}
	}
	*f = 0
	if id == nil {
		return nil
	}
	if *id <= 0 {
		return agent.Problem{Field: "parent_id", Code: locale.FieldGroup}
	}
	*f = parentField(*id)
	return nil
}
