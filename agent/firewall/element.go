package firewall

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

type mac [6]byte

func (m mac) String() string { return net.HardwareAddr(m[:]).String() }

// entry is the key of an element and its set.
type entry struct {
	set  *memberSet
	name string // of the interface
	mac  mac
	addr netip.Addr
}

// ifSize is the length of an interface's name in a key, in bytes.
const ifSize = unix.IFNAMSIZ

// bytes returns the key in the kernel's format: every part begins at a multiple of 4.
func (k entry) bytes() []byte {
	b := make([]byte, 0, ifSize+8+16)
	if k.set.hasInterface {
		b = append(b, k.name...)
		b = append(b, make([]byte, ifSize-len(k.name))...)
	}
	if k.set.hasMAC {
		b = append(append(b, k.mac[:]...), 0, 0)
	}
	return append(b, k.addr.AsSlice()...)
}

// keyOf parses a key in the format of bytes.
func keyOf(set *memberSet, b []byte) (entry, bool) {
	k, want := entry{set: set}, 4
	if set.v6 {
		want = 16
	}
	if set.hasInterface {
		want += ifSize
	}
	if set.hasMAC {
		want += 8
	}
	if len(b) != want {
		return entry{}, false
	}
	if set.hasInterface {
		name, _, _ := bytes.Cut(b[:ifSize], []byte{0})
		k.name, b = string(name), b[ifSize:]
	}
	if set.hasMAC {
		copy(k.mac[:], b)
		b = b[8:]
	}
	k.addr, _ = netip.AddrFromSlice(b)
	return k, true
}

func (k entry) String() string {
	var words []string
	if k.set.hasInterface {
		words = append(words, strconv.Quote(k.name))
	}
	if k.set.hasMAC {
		words = append(words, k.mac.String())
	}
	return strings.Join(append(words, k.addr.String()), " . ")
}

// inward reports whether the element counts what the gateway receives from the person.
func (k entry) inward() bool { return k.set != back4 && k.set != back6 }

// owner is the session and user of an element. The element's comment stores it for the next process.
type owner struct {
	session string
	user    agent.UserID
}

func (o owner) String() string { return o.session + "/" + strconv.FormatInt(int64(o.user), 10) }

func parseOwner(comment string) owner {
	session, user, _ := strings.Cut(comment, "/")
	id, err := strconv.ParseInt(user, 10, 64)
	if err != nil {
		return owner{}
	}
	return owner{session, agent.UserID(id)}
}

// found is an element as the kernel has it.
type found struct {
	entry
	owner   owner
	bytes   uint64
	left    time.Duration // until it expires; 0 = it does not
	timeout time.Duration
}

// list returns the elements of the sets. A missing table has none.
func (kn *kernel) list(sets []*memberSet) ([]found, error) {
	var all []found
	for _, s := range sets {
		err := kn.dump(s, func(element []byte) {
			if f, ok := foundOf(s, element); ok {
				all = append(all, f)
			}
		})
		if err != nil && !isMissing(err) {
			return nil, fmt.Errorf("reading the set %s: %w", s.name, err)
		}
	}
	return all, nil
}

// foundOf parses an element from a dump. The kernel omits a timeout that equals the set's default. ok is false if the key
// does not fit the set.
func foundOf(set *memberSet, element []byte) (f found, ok bool) {
	f.timeout = DefaultTimeout
	for kind, v := range attributes(element) {
		switch kind {
		case unix.NFTA_SET_ELEM_KEY:
			f.entry, ok = keyOf(set, attribute(v, unix.NFTA_DATA_VALUE))
		case unix.NFTA_SET_ELEM_TIMEOUT:
			f.timeout = time.Duration(big64(v)) * time.Millisecond
		case unix.NFTA_SET_ELEM_EXPIRATION:
			f.left = time.Duration(big64(v)) * time.Millisecond
		case unix.NFTA_SET_ELEM_USERDATA:
			comment, _ := userdata.GetString(v, userdata.NFTNL_UDATA_SET_ELEM_COMMENT)
			f.owner = parseOwner(comment)
		case unix.NFTA_SET_ELEM_EXPR:
			f.bytes = big64(attribute(attribute(v, unix.NFTA_EXPR_DATA), unix.NFTA_COUNTER_BYTES))
		}
	}
	return f, ok
}

// change removes or adds an element, or both to replace it.
type change struct {
	entry
	remove, add bool
	owner       owner
	timeout     time.Duration // of the added element
}

// Limits in elements. More in one message overflow its 16-bit length, and the kernel silently ignores the rest.
const (
	perTransaction = 1000
	perMessage     = 200
)

// commit applies changes in one transaction. With ensure, elements to remove may be missing: they are added first.
func (kn *kernel) commit(changes []change, ensure bool) error {
	var err error
	c := kn.conn
	removed := func(ch change) bool { return ch.remove }
	added := func(ch change) bool { return ch.add }
	if ensure {
		err = inMessages(changes, removed, c.SetAddElements)
	}
	err = errors.Join(err, inMessages(changes, removed, c.SetDeleteElements), inMessages(changes, added, c.SetAddElements))
	if err != nil {
		return err
	}
	return kn.flush()
}

// inMessages passes the selected changes to put, by set and in parts that fit into a message.
func inMessages(changes []change, which func(change) bool, put func(*nftables.Set, []nftables.SetElement) error) error {
	bySet := map[*memberSet][]nftables.SetElement{}
	for _, ch := range changes {
		if which(ch) {
			if bySet[ch.set] == nil {
				bySet[ch.set] = make([]nftables.SetElement, 0, len(changes))
			}
			bySet[ch.set] = append(bySet[ch.set], nftables.SetElement{Key: ch.bytes(), Timeout: ch.timeout, Comment: ch.owner.String()})
		}
	}
	for _, s := range sessionSets {
		for part := range slices.Chunk(bySet[s], perMessage) {
			if err := put(s.in(tableNamed(Table)), part); err != nil {
				return err
			}
		}
	}
	return nil
}

// sortFound sorts elements by set, interface and address for printing.
func sortFound(list []found) {
	slices.SortFunc(list, func(a, b found) int {
		return cmp.Or(strings.Compare(a.set.name, b.set.name), strings.Compare(a.name, b.name), a.addr.Compare(b.addr),
			bytes.Compare(a.mac[:], b.mac[:]))
	})
}
