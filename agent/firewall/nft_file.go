package firewall

import (
	"fmt"
	"strings"
)

// Text is the plan as a file for nft: what the table will be, and at boot the closed state before this program runs,
// because nobody is in the sets yet. Loading it over a table that is there keeps its members. It is empty for a plan
// without interfaces.
func (p Plan) Text() string {
	if p.Empty() {
		return ""
	}
	return p.over(nil)
}

// over has nft replace the rules of a table that may be there, in one step, and keep its members. The chains named in
// remove go.
func (p Plan) over(remove []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n}\nflush table inet %s\n", Table, Table)
	for _, name := range remove {
		fmt.Fprintf(&b, "delete chain inet %s %s\n", Table, name)
	}
	return b.String() + portable(p.render(nil))
}

// anew has nft make the table anew in one step, with these members by the name of their set.
func (p Plan) anew(members map[string][]string) string {
	return fmt.Sprintf("table inet %s {\n}\ndelete table inet %s\n%s", Table, Table, portable(p.render(members)))
}

// portable is text that nft of the time of Linux 5.10 needs, and newer ones take.
func portable(text string) string { return strings.ReplaceAll(text, "icmpx admin", "icmpx type admin") }

// Preview is the table that the plan makes, for people to read.
func (p Plan) Preview() string {
	if p.Empty() {
		return ""
	}
	return p.render(nil)
}
