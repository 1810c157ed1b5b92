package firewall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
)

// FlowtableError says that somebody's flowtable carries packets between our interfaces past the rules, which then cannot
// be enforced.
type FlowtableError struct {
	Table   string // with its family
	Name    string
	Devices []string // those of its devices that are ours
}

func (e *FlowtableError) Error() string {
	return fmt.Sprintf("the flowtable %s of the table %s takes packets of %s past all rules; remove it or take these interfaces out of it",
		e.Name, e.Table, strings.Join(e.Devices, ", "))
}

// checkFlowtables looks for flowtables over the interfaces of a plan. Errors: *FlowtableError.
func (w *wire) checkFlowtables(p Plan) error {
	tables, err := w.conn.ListTables()
	if err != nil {
		return fmt.Errorf("listing the tables: %w", err)
	}
	for _, t := range tables {
		list, err := w.conn.ListFlowtables(t)
		if err != nil {
			continue // a table that is gone, or a kernel that has no flowtables
		}
		if err := p.conflict(familyName(t)+" "+t.Name, list); err != nil {
			return err
		}
	}
	return nil
}

// conflict finds a flowtable that has an interface of the plan.
func (p Plan) conflict(table string, list []*nftables.Flowtable) error {
	for _, f := range list {
		var ours []string
		for _, d := range f.Devices {
			if p.Judges(d) {
				ours = append(ours, d)
			}
		}
		if len(ours) > 0 {
			slices.Sort(ours)
			return &FlowtableError{Table: table, Name: f.Name, Devices: ours}
		}
	}
	return nil
}

func familyName(t *nftables.Table) string {
	switch t.Family {
	case nftables.TableFamilyINet:
		return "inet"
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	}
	return fmt.Sprint("family ", t.Family)
}
