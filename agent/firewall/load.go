package firewall

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

func tableNamed(name string) *nftables.Table {
	return &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
}

// in makes the set as it stands in a table.
func (s *memberSet) in(table *nftables.Table) *nftables.Set {
	set := &nftables.Set{Table: table, Name: s.name, HasTimeout: true, Timeout: DefaultTimeout}
	set.KeyType = nftables.MustConcatSetType(s.types()...)
	if s.dynamic {
		set.Dynamic, set.Size, set.Timeout = true, dnsHosts, dnsMemory
	} else {
		set.Counter = true
	}
	return set
}

// load puts a plan into a transaction. What the table has in its sets stays; rules are replaced, so that no packet meets
// half of them.
func (p Plan) load(c *nftables.Conn, name string) error {
	table := c.AddTable(tableNamed(name))
	for _, s := range allSets {
		if err := c.AddSet(s.in(table), nil); err != nil {
			return err
		}
	}
	chains := p.chains()
	made := make([]*nftables.Chain, len(chains))
	for i, ch := range chains {
		made[i] = c.AddChain(ch.in(table))
	}
	c.FlushTable(table)
	for i, ch := range chains {
		for _, r := range ch.rules {
			if err := r.load(c, table, made[i]); err != nil {
				return fmt.Errorf("rule %q: %w", r, err)
			}
		}
	}
	return nil
}

func (c *chain) in(table *nftables.Table) *nftables.Chain {
	made := &nftables.Chain{Table: table, Name: c.name}
	if c.hook != nil {
		policy := nftables.ChainPolicyAccept
		made.Type, made.Hooknum, made.Priority, made.Policy = c.hook.kind, c.hook.point, c.hook.priority, &policy
	}
	return made
}

func (r rule) load(c *nftables.Conn, table *nftables.Table, ch *nftables.Chain) error {
	exprs, err := r.exprsOf(func(a *anonymous) (string, uint32, error) {
		set := &nftables.Set{Table: table, Anonymous: true, Constant: true, Interval: a.interval, KeyType: a.key}
		err := c.AddSet(set, a.elements)
		return set.Name, set.ID, err
	})
	if err != nil {
		return err
	}
	made := &nftables.Rule{Table: table, Chain: ch, Exprs: exprs}
	if r.comment != "" {
		made.UserData = userdata.AppendString(nil, userdata.TypeComment, r.comment)
	}
	c.AddRule(made)
	return nil
}

// remove takes a table away with all that it holds. One that is not there is no error.
func (w *wire) remove(name string) error {
	w.conn.DelTable(w.conn.AddTable(tableNamed(name))) // because what is not there cannot be deleted
	return w.flush()
}

// replace makes a table anew, without anybody in it.
func (p Plan) replace(c *nftables.Conn, name string) error {
	c.DelTable(c.AddTable(tableNamed(name)))
	return p.load(c, name)
}

// try has the kernel build everything that a plan can ask for, under another name and in a transaction that takes it away
// again, so that nobody ever sees it.
func (w *wire) try(name string) error {
	if err := everything.load(w.conn, name); err != nil {
		return err
	}
	w.conn.DelTable(tableNamed(name))
	return w.flush()
}

// reasonOf puts an operator's cure to what try found.
func reasonOf(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("changing nftables takes root or CAP_NET_ADMIN in the machine's own network namespace (%w); "+
			"run this program as root or give its unit AmbientCapabilities=CAP_NET_ADMIN, or go without with --firewall off", err)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("this kernel has not all of nftables that is needed (%w); use a kernel with nf_tables, nft_ct, nft_nat, "+
			"nft_redir, nft_masq, nft_fib_inet and nft_reject_inet, 5.10 or newer, or go without with --firewall off", err)
	}
	return fmt.Errorf("nftables does not work here: %w; go without with --firewall off", err)
}
