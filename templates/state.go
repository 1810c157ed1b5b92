package templates

import (
	"strings"

	"ideco-agent/agent"
)

// State fills [stateWithSteps].
type State struct {
	Conditions []agent.Condition
	Steps      []FirstStep // empty once an agent has connected
}

// FirstStep is a step from the installation of the gateway to the first connected agent.
type FirstStep struct {
	Step    string
	Done    bool
	Current bool // the first one that is not done
}

// First steps in their order. The last one is done when there are no steps any more.
const (
	StepAddress    = "address"
	StepInterfaces = "interfaces"
	StepDNS        = "dns"
	StepPeople     = "people"
	StepInstaller  = "installer"
)

// firstSteps has each step's page and the conditions that it stands for while it is not done.
var firstSteps = []struct {
	step, href string
	conditions []agent.ConditionCode
}{
	{StepAddress, "/admin/agent#auth_domain", []agent.ConditionCode{agent.ConditionAgentOff, agent.ConditionDomain}},
	{StepInterfaces, "/admin/gateway#interfaces-title", []agent.ConditionCode{agent.ConditionInterfaces}},
	{StepDNS, "/admin/gateway#open_before_login", []agent.ConditionCode{agent.ConditionDNS}},
	{StepPeople, "/admin/users", nil},
	{StepInstaller, "/admin/agent#auth_domain", []agent.ConditionCode{agent.ConditionInstaller}},
}

// FirstSteps returns the list with the steps that are done.
func FirstSteps(done map[string]bool) []FirstStep {
	list := make([]FirstStep, len(firstSteps))
	found := false
	for i, one := range firstSteps {
		list[i] = FirstStep{Step: one.step, Done: done[one.step], Current: !found && !done[one.step]}
		found = found || list[i].Current
	}
	return list
}

// href returns the step's page.
func (f FirstStep) href() string {
	for _, one := range firstSteps {
		if one.step == f.Step {
			return one.href
		}
	}
	return ""
}

// condition returns the condition that the step stands for, or nil.
func (f FirstStep) condition(conditions []agent.Condition) *agent.Condition {
	for _, one := range firstSteps {
		for i := range conditions {
			if one.step == f.Step && !f.Done && agent.Contains(one.conditions, conditions[i].Code) {
				return &conditions[i]
			}
		}
	}
	return nil
}

// besides returns the conditions for which no step stands.
func (s State) besides() (list []agent.Condition) {
	for _, c := range s.Conditions {
		stands := false
		for _, step := range s.Steps {
			stands = stands || step.condition([]agent.Condition{c}) != nil
		}
		if !stands {
			list = append(list, c)
		}
	}
	return list
}

// cure is an act against a condition: a link, or a button that sends a form without fields.
type cure struct{ href, action, label string }

// cures has the acts by condition. Those of a directory lead to its page.
var cures = map[agent.ConditionCode][]cure{
	agent.ConditionAgentOff:       {{href: "/admin/agent", label: "cure_agent"}},
	agent.ConditionDomain:         {{href: "/admin/agent#auth_domain", label: "cure_domain"}},
	agent.ConditionInterfaces:     {{href: "/admin/gateway#interfaces-title", label: "cure_interfaces"}},
	agent.ConditionForwarding:     {{action: "/admin/gateway/forwarding", label: "forwarding_enable"}},
	agent.ConditionDNS:            {{action: "/admin/gateway/dns", label: "cure_dns"}, {href: "/admin/gateway#open_before_login", label: "cure_dns_other"}},
	agent.ConditionGone:           {{href: "/admin/gateway#interfaces-title", label: "cure_interfaces"}},
	agent.ConditionDown:           {{href: "/admin/gateway#interfaces-title", label: "cure_interfaces_down"}},
	agent.ConditionReplaced:       {{href: "/admin/gateway#interfaces-title", label: "cure_interfaces"}},
	agent.ConditionUplinks:        {{href: "/admin/gateway#interfaces-title", label: "cure_interfaces"}},
	agent.ConditionVLANs:          {{href: "/admin/gateway#interfaces-title", label: "cure_interfaces"}},
	agent.ConditionNotLocal:       {{href: "/admin/agent/access#local_networks", label: "cure_networks"}},
	agent.ConditionNetworksUnseen: {{href: "/admin/agent/access#local_networks", label: "cure_networks"}},
	agent.ConditionDirectory:      {{href: "/admin/directories/{ID}", label: "cure_directory"}},
	agent.ConditionPasswordLost:   {{href: "/admin/directories/{ID}", label: "cure_directory"}},
	agent.ConditionWithheld:       {{href: "/admin/directories", label: "cure_withheld"}},
	agent.ConditionInstaller:      {{href: "/admin/agent/rollout#installer-absent", label: "cure_installer"}},
	agent.ConditionEnforcement:    {{href: "/guide/firewall#modes", label: "cure_guide"}},
	agent.ConditionRestored:       {{href: "/guide/firewall#others", label: "cure_guide"}},
	agent.ConditionBoot:           {{href: "/guide/operating#data", label: "cure_guide"}},
	agent.ConditionStore:          {{href: "/guide/operating#data", label: "cure_guide"}},
	agent.ConditionVPN:            {{href: "/guide/operating#vpn", label: "cure_guide"}},
	agent.ConditionVPNLacks:       {{href: "/guide/operating#vpn", label: "cure_guide"}},
	agent.ConditionBackup:         {{href: "/admin/system/backups", label: "cure_backup"}},
	agent.ConditionCertificate:    {{href: "/admin/certificate", label: "certificate_open"}},
}

// curesOf returns the acts against a condition. The button that opens DNS servers needs some.
func curesOf(c agent.Condition) (list []cure) {
	for _, one := range cures[c.Code] {
		if one.action != "" && c.Code == agent.ConditionDNS && c.Args["Servers"] == "" {
			continue
		}
		one.href = strings.ReplaceAll(one.href, "{ID}", c.Args["ID"])
		list = append(list, one)
	}
	return list
}

// showingState returns the page without the banners of conditions that the card shows.
func (p Page) showingState() Page {
	p.StoreTrouble, p.Ending = "", nil
	return p
}
