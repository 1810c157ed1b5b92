package templates

import (
	"strings"

	"ideco-agent/agent"
)

// fewGroups is how many groups can be looked through without a search.
const fewGroups = 15

func (d AdminGroupsData) searchable() bool { return d.Query != "" || len(d.Tree.All()) > fewGroups }

// found returns the groups whose path has the text of the search, in the order of the tree.
func (d AdminGroupsData) found() (groups []agent.Group) {
	for _, g := range d.Tree.All() {
		if strings.Contains(agent.GroupNameKey(d.Tree.FullName(g.ID)), agent.GroupNameKey(d.Query)) {
			groups = append(groups, g)
		}
	}
	return groups
}

// name is the name of a group: its path if the tree is not shown.
func (d AdminGroupsData) name(g agent.Group) string {
	if d.Query == "" {
		return g.Name
	}
	return d.Tree.FullName(g.ID)
}
