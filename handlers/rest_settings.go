package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func (s *Site) restSettings(c echo.Context) error {
	now := s.Settings.Current()
	return c.JSON(http.StatusOK, settingsFields(&now))
}

// restSetSettings changes settings at once. REST does not ask before sessions end.
func (s *Site) restSetSettings(c echo.Context) error {
	_, body, err := readObject(c)
	if err != nil {
		return err
	}
	if err := s.changeSettings(c, agent.ActSettingsSaved, func(n *agent.Settings) error { return changeSettings(n, body) }); err != nil {
		return err
	}
	return s.restSettings(c)
}

// changeSettings applies a PUT to the settings; absent fields keep their values. Only the domain may be null. Errors:
// agent.Problems if a value is invalid, badJSON.
func changeSettings(n *agent.Settings, body map[string]json.RawMessage) error {
	if err := decodeFields(settingsFields(n), body, "auth_domain"); err != nil {
		return err
	}
	for name := range gatewayFields(n) {
		if _, is := body[name]; is {
			n.ConfirmGateway() // a script's change is not on trial
		}
	}
	_, seen := body["local_networks"]
	n.NetworksSeen = n.NetworksSeen || seen
	return nil
}

// decodeFields decodes a body into the fields by name. Only the nullable ones may be null. Errors: agent.Problems if a value is
// invalid, badJSON.
func decodeFields(fields map[string]any, body map[string]json.RawMessage, nullable ...string) error {
	var problems agent.Problems
	for _, name := range slices.Sorted(maps.Keys(body)) {
		field, known := fields[name]
		if !known {
			return badJSON{id: locale.JSONUnknown, field: name}
		}
		if !slices.Contains(nullable, name) && hasNull(body[name]) {
			problems = append(problems, agent.Problem{Field: name, Code: "field_required"})
			continue
		}
		err := json.Unmarshal(body[name], field)
		var problem agent.Problem
		if errors.As(err, &problem) {
			problems = append(problems, agent.Problem{Field: name, Code: problem.Code, Value: problem.Value})
		} else if err != nil {
			return readBadJSON(err, body[name], name)
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

// settingsFields maps the names in REST to the settings. Decoding into a field changes the setting.
func settingsFields(s *agent.Settings) map[string]any {
	fields := map[string]any{
		"auth_domain":    (*domainField)(&s.Domain),
		"former_domains": &formerField{s, s.Domains()},
		"local_tunnel":   &s.LocalTunnel,
		"local_networks": listOf(&s.LocalNetworks, agent.NormalizeNetworks),
		"vpn_network":    (*networkField)(&s.VPNNetwork),
		"forward_nets":   listOf(&s.ForwardNets, agent.NormalizeNetworks),
		"dns":            listOf(&s.DNS, parseAddresses),
		"dns_suffix":     listOf(&s.DNSSuffixes, agent.ParseSuffixes),
		"device_policy":  &s.DevicePolicy,

		"backup_daily":     &s.Backup.Daily,
		"backup_recipient": &s.Backup.Recipient,

		"browser_sign_in_networks": listOf(&s.BrowserSignIn, agent.NormalizeNetworks),
	}
	for _, n := range append(agent.AgentNumbers(), agent.BackupNumbers...) {
		fields[n.Name] = &numberField{n, s}
	}
	maps.Copy(fields, gatewayFields(s))
	return fields
}

// gatewayFields are the fields of the page «Шлюз» (Gateway).
func gatewayFields(s *agent.Settings) map[string]any {
	return map[string]any{
		"lan_interfaces":           listOf(&s.LANInterfaces, asTheyAre),
		"wan_interfaces":           listOf(&s.WANInterfaces, asTheyAre),
		"masquerade":               &s.Masquerade,
		"open_before_login":        listOf(&s.OpenBeforeLogin, agent.NormalizeOpen),
		"dns_in_lan":               &s.DNSInLAN,
		"vpn_peers_may_talk":       &s.VPNPeersMayTalk,
		agent.FirewallTimeout.Name: &numberField{agent.FirewallTimeout, s},
	}
}

// domainField is null if there is no domain.
type domainField string

func (d *domainField) MarshalJSON() ([]byte, error) {
	if *d == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(*d))
}

// pastedPort finds a port in what agent.ParseDomain removed.
var pastedPort = regexp.MustCompile(`:[0-9]`)

func (d *domainField) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil || text == nil {
		*d = ""
		return err
	}
	domain, removed, problem := agent.ParseDomain(*text)
	if removed != "" { // the page removes it with a notice; REST refuses it
		problem = agent.Problem{Code: "field_domain", Value: removed}
		if pastedPort.MatchString(removed) {
			problem.Code = "field_domain_port"
		}
	}
	*d = domainField(domain)
	return asError(problem)
}

// formerField lists the former domains. A PUT can only remove some: what it leaves out is removed.
type formerField struct {
	settings *agent.Settings
	was      []string // the domain and the former ones before the PUT
}

func (f *formerField) MarshalJSON() ([]byte, error) {
	return json.Marshal(texts(f.settings.FormerDomains))
}

func (f *formerField) UnmarshalJSON(b []byte) error {
	var typed []string
	if err := json.Unmarshal(b, &typed); err != nil {
		return err
	}
	var stay []string
	for _, text := range typed {
		name, _, problem := agent.ParseDomain(text)
		if problem.Code != "" {
			name = text // an earlier version may have allowed it
		}
		if !slices.Contains(f.was, name) {
			return agent.Problem{Code: "field_former_domain", Value: agent.Clean(text, 80)}
		}
		stay = append(stay, name)
	}
	f.settings.FormerDomains = slices.DeleteFunc(slices.Clone(f.was), func(name string) bool { return !slices.Contains(stay, name) })
	return nil
}

type networkField netip.Prefix

func (n *networkField) MarshalJSON() ([]byte, error) { return json.Marshal(netip.Prefix(*n).String()) }

func (n *networkField) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	network, problem := parseNetwork("", text)
	*n = networkField(network)
	return asError(problem)
}

type numberField struct {
	agent.NumberSetting
	settings *agent.Settings
}

func (n *numberField) MarshalJSON() ([]byte, error) { return json.Marshal(n.Get(n.settings)) }

func (n *numberField) UnmarshalJSON(b []byte) error {
	if !n.Fraction {
		if err := json.Unmarshal(b, new(int)); err != nil {
			return err
		}
	}
	var value float64
	err := json.Unmarshal(b, &value)
	n.Set(n.settings, value)
	return err
}

// listField is a list of strings in REST.
type listField[T any] struct {
	list  *[]T
	parse func(field string, texts []string) ([]T, agent.Problem)
}

func listOf[T any](list *[]T, parse func(string, []string) ([]T, agent.Problem)) *listField[T] {
	return &listField[T]{list, parse}
}

func asTheyAre(_ string, texts []string) ([]string, agent.Problem) { return texts, agent.Problem{} }

func (l *listField[T]) MarshalJSON() ([]byte, error) {
	return json.Marshal(texts(*l.list))
}

func (l *listField[T]) UnmarshalJSON(b []byte) error {
	var texts []string
	if err := json.Unmarshal(b, &texts); err != nil {
		return err
	}
	list, problem := l.parse("", texts)
	*l.list = list
	return asError(problem)
}

func texts[T any](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// asError returns nil for an empty problem.
func asError(p agent.Problem) error {
	if p.Code == "" {
		return nil
	}
	return p
}
