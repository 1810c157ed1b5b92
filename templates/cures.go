package templates

import (
	"ideco-agent/agent"
	"ideco-agent/templates/guide"
	"ideco-agent/templates/locale"
)

// Cure is an act against what a check has found: a page of the portal and what to do there.
type Cure struct{ Label, Path string }

// CuresOf returns the pages for the result of a check, the best one first. The page of a button is the one that shows it.
func CuresOf(l *locale.Localizer, c agent.Check) (list []Cure) {
	if c.State == agent.StepOK {
		return nil
	}
	if c.Condition == nil {
		if page, ok := checkPages[c.Group]; ok {
			list = append(list, Cure{l.T(page.label), page.href})
		}
		return append(list, Cure{l.T("cure_guide"), guide.Path("troubleshooting", "check-"+string(c.Group))})
	}
	for _, one := range curesOf(*c.Condition) {
		href := one.href
		if one.action != "" {
			href = "/admin/gateway#state"
		}
		list = append(list, Cure{l.T(one.label, locale.Args{"Servers": c.Args["Servers"]}), href})
	}
	return list
}

// checkPages has the page on which an administrator changes what a group is about, where there is one.
var checkPages = map[agent.CheckGroup]cure{
	agent.ChecksName:        {href: "/admin/agent#auth_domain", label: "cure_domain"},
	agent.ChecksCertificate: {href: "/admin/certificate", label: "certificate_open"},
	agent.ChecksDirectories: {href: "/admin/directories", label: "cure_directory"},
}
