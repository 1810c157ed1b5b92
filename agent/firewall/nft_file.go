package firewall

import (
	"fmt"
	"strings"
)

// Text returns the plan as a file for nft. Loaded at boot, before this program runs, it denies access to all, because the
// sets are empty. Loaded over an existing table, it keeps the elements. It is empty for a plan without interfaces.
func (p Plan) Text() string {
	if p.Empty() {
		return ""
	}
	return p.replaceRules(nil)
}

// replaceRules returns nft commands that create the table or replace its rules, keep its elements, and delete the chains
// named in remove, in one transaction.
func (p Plan) replaceRules(remove []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n}\nflush table inet %s\n", Table, Table)
	for _, name := range remove {
		fmt.Fprintf(&b, "delete chain inet %s %s\n", Table, name)
	}
	return b.String() + portable(p.render(nil))
}

// recreate returns nft commands that delete the table and create it with the given elements, by name of their set, in one
// transaction.
func (p Plan) recreate(members map[string][]string) string {
	return fmt.Sprintf("table inet %s {\n}\ndelete table inet %s\n%s", Table, Table, portable(p.render(members)))
}

// portable changes printed rules to a syntax that old versions of nft (Linux 5.10) accept too.
func portable(text string) string { return strings.ReplaceAll(text, "icmpx admin", "icmpx type admin") }

// Preview returns the table of the plan as nft prints it.
func (p Plan) Preview() string {
	if p.Empty() {
		return ""
	}
	return p.render(nil)
}
