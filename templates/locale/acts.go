package locale

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
)

// Act says what was done: «Учётная запись ivanov изменена».
func (l *Localizer) Act(a agent.Act) string {
	args := Args{"Name": a.Name, "Count": l.Whole(a.Count)}
	if a.Name == "" {
		args["Name"] = "—"
	}
	if len(a.Names) > 0 || a.Count > 0 {
		return l.N("act_"+string(a.Code), a.Count, args)
	}
	return l.T("act_"+string(a.Code), args)
}

// ActKind names what acts concern.
func (l *Localizer) ActKind(k agent.ActKind) string { return l.T("act_kind_" + string(k)) }

// ActSource names how an act was done.
func (l *Localizer) ActSource(s agent.ActSource) string { return l.T("act_source_" + string(s)) }

// ActField names a field of a change.
func (l *Localizer) ActField(k agent.ActKind, field string) string {
	if own := string(k) + "." + field; slices.Contains(agent.ActFields, own) {
		field = own
	}
	return l.T("act_field_" + strings.ReplaceAll(field, ".", "_"))
}

// inheritedFields are the fields that are inherited if they have no value. In the settings they always have one.
var inheritedFields = []string{"remote_access", "devices_per_user", "session_hours_lan", "session_hours_vpn", "forward_nets"}

// ActValue formats a value of a change. An empty one is «—».
func (l *Localizer) ActValue(field string, raw json.RawMessage) string {
	var value any
	if len(raw) > 0 && json.Unmarshal(raw, &value) != nil {
		return string(raw)
	}
	switch v := value.(type) {
	case bool:
		if v {
			return l.T("act_on")
		}
		return l.T("act_off")
	case float64:
		return l.actNumber(field, v)
	case string:
		return l.actWord(field, v)
	case []any:
		texts := make([]string, 0, len(v))
		for _, one := range v {
			text, is := one.(string)
			if !is {
				return string(raw)
			}
			texts = append(texts, text)
		}
		switch {
		case field == "forward_nets" && (len(texts) == 0 || texts[0] == "0.0.0.0/0"):
			return l.T("act_everything")
		case len(texts) > 0:
			return strings.Join(texts, ", ")
		}
	case nil:
		if slices.Contains(inheritedFields, field) {
			return l.T("act_inherited")
		}
	default:
		return string(raw)
	}
	return "—"
}

func (l *Localizer) actNumber(field string, v float64) string {
	switch {
	case strings.HasPrefix(field, "session_hours_"):
		return l.Hours(time.Duration(v * float64(time.Hour)))
	case strings.HasSuffix(field, "_seconds"):
		return l.Duration(time.Duration(v * float64(time.Second)))
	case strings.HasSuffix(field, "_minutes"):
		return l.Duration(time.Duration(v * float64(time.Minute)))
	case field == "journal_days":
		return l.N("act_days", int(v))
	case field == "journal_mb":
		return l.T("act_megabytes", Args{"N": l.Whole(int(v))})
	}
	return l.Number(v)
}

// actWord returns the text of a value that is one of a few words.
func (l *Localizer) actWord(field, v string) string {
	id := ""
	switch field {
	case "device_policy":
		id = "device_policy_" + v
	case "kind":
		id = "directory_kind_" + v
	case "password_change":
		id = "directory_password_change_" + v
	}
	if text := l.T(id); id != "" && text != id {
		return text
	}
	return v
}
