package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// FlowtableError says that a foreign flowtable forwards packets of chosen interfaces without passing the rules.
type FlowtableError struct {
	Table   string // with its family
	Name    string
	Devices []string // its chosen interfaces, or their ports
}

func (e *FlowtableError) Error() string {
	return fmt.Sprintf("the flowtable %s of the table %s takes packets of %s past all rules; remove it or take these interfaces out of it",
		e.Name, e.Table, strings.Join(e.Devices, ", "))
}

func isFlowtable(err error) bool {
	var bypass *FlowtableError
	return errors.As(err, &bypass)
}

// checkFlowtables looks for flowtables on the interfaces of a plan. Errors: *FlowtableError.
func (kn *kernel) checkFlowtables(p Plan) error {
	tables, err := kn.conn.ListTables()
	if err != nil {
		return fmt.Errorf("listing the tables: %w", err)
	}
	var links []netlink.Link
	for _, t := range tables {
		list, err := kn.conn.ListFlowtables(t)
		if err != nil || len(list) == 0 {
			continue // the table was removed, or the kernel has no flowtables
		}
		if links == nil {
			if links, err = netlink.LinkList(); err != nil {
				return fmt.Errorf("listing the interfaces: %w", err)
			}
		}
		if err := p.conflict(familyName(t)+" "+t.Name, list, links); err != nil {
			return err
		}
	}
	return nil
}

// conflict returns a *FlowtableError for the first flowtable with an interface of the plan or a lower device of one.
func (p Plan) conflict(table string, list []*nftables.Flowtable, links []netlink.Link) error {
	under := p.under(links)
	for _, f := range list {
		var ours []string
		for _, d := range f.Devices {
			if p.Filters(d) || under[d] {
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

// under returns the lower devices of the plan's interfaces: ports of bridges and bonds, and parents of VLANs. A flowtable
// takes packets there.
func (p Plan) under(links []netlink.Link) map[string]bool {
	names, below := map[int]string{}, map[string][]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	for _, l := range links {
		a := l.Attrs()
		if over := names[a.MasterIndex]; over != "" {
			below[over] = append(below[over], a.Name)
		}
		if carrier := names[a.ParentIndex]; carrier != "" && slices.Contains([]string{"vlan", "macvlan", "ipvlan"}, l.Type()) {
			below[a.Name] = append(below[a.Name], carrier)
		}
	}
	found := map[string]bool{}
	var descend func(name string)
	descend = func(name string) {
		for _, lower := range below[name] {
			if !found[lower] {
				found[lower] = true
				descend(lower)
			}
		}
	}
	for _, name := range append(namesOf(p.LAN), namesOf(p.WAN)...) {
		descend(name)
	}
	return found
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
