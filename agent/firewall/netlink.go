package firewall

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/google/nftables"
	sockets "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// isMissing reports whether the requested object does not exist in the kernel.
func isMissing(err error) bool { return errors.Is(err, unix.ENOENT) }

// kernel has the netlink sockets. They stay open, because closing one takes several milliseconds after a removal.
type kernel struct {
	conn     *nftables.Conn           // for transactions
	requests map[int]*nl.SocketHandle // for requests that only read, by protocol
	routes   *netlink.Handle
}

// socketBuffer fits the largest transaction and its answers, in bytes. The kernel drops answers that do not fit.
const socketBuffer = 4 << 20

func dial() (*kernel, error) {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *sockets.Conn) error {
		return errors.Join(c.SetReadBuffer(socketBuffer), c.SetWriteBuffer(socketBuffer))
	}))
	if err != nil {
		return nil, fmt.Errorf("opening a socket for nftables: %w", err)
	}
	kn := &kernel{conn: conn, requests: map[int]*nl.SocketHandle{}}
	if err := kn.openRequests(); err != nil {
		kn.close()
		return nil, fmt.Errorf("opening a socket for requests to the kernel: %w", err)
	}
	return kn, nil
}

func (kn *kernel) openRequests() error {
	for _, protocol := range []int{unix.NETLINK_NETFILTER, unix.NETLINK_ROUTE} {
		socket, err := nl.Subscribe(protocol)
		if err != nil {
			return err
		}
		kn.requests[protocol] = &nl.SocketHandle{Socket: socket}
		if err := errors.Join(socket.SetSendTimeout(&nl.SocketTimeoutTv), socket.SetReceiveTimeout(&nl.SocketTimeoutTv)); err != nil {
			return err
		}
	}
	routes, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err == nil {
		kn.routes = routes
	}
	return err
}

func (kn *kernel) close() {
	_ = kn.conn.CloseLasting()
	for _, h := range kn.requests {
		h.Close()
	}
	if kn.routes != nil {
		kn.routes.Close()
	}
}

// flush sends the transaction. After an error it reopens the sockets, because old answers may still be in them.
func (kn *kernel) flush() error {
	err := kn.conn.Flush()
	if err == nil {
		return nil
	}
	fresh, again := dial()
	if again == nil {
		kn.close()
		*kn = *fresh
	}
	return errors.Join(err, again)
}

// ask sends a request to nftables and returns the answers without their headers. It tries up to three times, because the
// kernel interrupts a dump when the tables change meanwhile.
func (kn *kernel) ask(message, flags int, attrs ...*nl.RtAttr) (answers [][]byte, err error) {
	for range 3 {
		if answers, err = kn.askOnce(message, flags, attrs); !errors.Is(err, nl.ErrDumpInterrupted) {
			break
		}
	}
	return answers, err
}

func (kn *kernel) askOnce(message, flags int, attrs []*nl.RtAttr) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|message, flags)
	req.Sockets = kn.requests
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.NFPROTO_INET, Version: nl.NFNETLINK_V0})
	for _, a := range attrs {
		req.AddData(a)
	}
	answers, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return nil, err
	}
	for i, a := range answers {
		answers[i] = a[min(len(a), nl.SizeofNfgenmsg):]
	}
	return answers, nil
}

func text(kind int, s string) *nl.RtAttr { return nl.NewRtAttr(kind, append([]byte(s), 0)) }

// generation returns the nftables generation, which grows with every transaction on any table.
func (kn *kernel) generation() (uint32, error) {
	answers, err := kn.ask(unix.NFT_MSG_GETGEN, 0)
	if err != nil {
		return 0, err
	}
	for _, a := range answers {
		if v := attribute(a, unix.NFTA_GEN_ID); len(v) == 4 {
			return binary.BigEndian.Uint32(v), nil
		}
	}
	return 0, errors.New("the kernel does not tell the generation of nftables")
}

func (kn *kernel) tableExists() (bool, error) {
	_, err := kn.flags()
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}

// fingerprint returns a digest of our table's flags, chains and rules with their handles, which differ after each load. ok
// reports whether the table exists. Sets need not be included: they cannot be removed while rules use them.
func (kn *kernel) fingerprint() (sum [sha256.Size]byte, ok bool, err error) {
	flags, err := kn.flags()
	if isMissing(err) {
		return sum, false, nil
	}
	if err != nil {
		return sum, false, err
	}
	hash := sha256.New()
	hash.Write(flags)
	for _, message := range []int{unix.NFT_MSG_GETCHAIN, unix.NFT_MSG_GETRULE} { // both name the table in their first attribute
		answers, err := kn.ask(message, unix.NLM_F_DUMP, text(unix.NFTA_RULE_TABLE, Table))
		if err != nil {
			return sum, false, err
		}
		for _, a := range answers {
			if isOurs(a) {
				hash.Write(a)
			}
		}
	}
	hash.Sum(sum[:0])
	return sum, true, nil
}

func (kn *kernel) chains() (names []string, err error) {
	all, err := kn.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	for _, c := range all {
		if c.Table.Name == Table {
			names = append(names, c.Name)
		}
	}
	return names, err
}

// flags returns the flags of our table. One of them, dormant, disables it.
func (kn *kernel) flags() ([]byte, error) {
	answers, err := kn.ask(unix.NFT_MSG_GETTABLE, 0, text(unix.NFTA_TABLE_NAME, Table))
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if v := attribute(a, unix.NFTA_TABLE_FLAGS); v != nil {
			return v, nil
		}
	}
	return nil, nil
}

// isOurs reports whether a chain or rule is of our table. The kernel does not filter chains by table.
func isOurs(answer []byte) bool {
	return string(attribute(answer, unix.NFTA_RULE_TABLE)) == Table+"\x00"
}

func (kn *kernel) has(k entry) (bool, error) {
	_, ok, err := kn.bytesOf(k)
	return ok, err
}

// bytesOf returns the counter of an element; ok is false if the kernel does not have it.
func (kn *kernel) bytesOf(k entry) (bytes uint64, ok bool, err error) {
	data := nl.NewRtAttr(unix.NFTA_SET_ELEM_KEY|unix.NLA_F_NESTED, nl.NewRtAttr(unix.NFTA_DATA_VALUE, k.bytes()).Serialize())
	element := nl.NewRtAttr(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, data.Serialize())
	answers, err := kn.ask(unix.NFT_MSG_GETSETELEM, 0,
		text(unix.NFTA_SET_ELEM_LIST_TABLE, Table), text(unix.NFTA_SET_ELEM_LIST_SET, k.set.name),
		nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, element.Serialize()))
	if isMissing(err) {
		return 0, false, nil
	}
	for _, a := range answers {
		for _, element := range attributes(attribute(a, unix.NFTA_SET_ELEM_LIST_ELEMENTS)) {
			if f, ok := foundOf(k.set, element); ok {
				bytes = f.bytes
			}
		}
	}
	return bytes, err == nil, err
}

func (kn *kernel) count(set *memberSet) (int, error) {
	if n, ok, err := kn.counted(set); ok || err != nil {
		return n, err
	}
	return kn.countAll(set)
}

// setCount is NFTA_SET_COUNT of the kernel's nf_tables.h, since Linux 6.16.
const setCount = 20

// counted returns the kernel's own count of a set; ok is false if it has none. The count includes expired elements until
// the kernel removes them.
func (kn *kernel) counted(set *memberSet) (n int, ok bool, err error) {
	answers, err := kn.ask(unix.NFT_MSG_GETSET, 0, text(unix.NFTA_SET_TABLE, Table), text(unix.NFTA_SET_NAME, set.name))
	if err != nil {
		return 0, false, err
	}
	for _, a := range answers {
		if v := attribute(a, setCount); len(v) == 4 {
			return int(binary.BigEndian.Uint32(v)), true, nil
		}
	}
	return 0, false, nil
}

func (kn *kernel) countAll(set *memberSet) (n int, err error) {
	err = kn.dump(set, func([]byte) { n++ })
	return n, err
}

// dump calls each for every element of a set, in the kernel's format. It must be fast: it runs every few seconds for tens
// of thousands of elements, and grants wait for it.
func (kn *kernel) dump(set *memberSet, each func(element []byte)) error {
	answers, err := kn.ask(unix.NFT_MSG_GETSETELEM, unix.NLM_F_DUMP,
		text(unix.NFTA_SET_ELEM_LIST_TABLE, Table), text(unix.NFTA_SET_ELEM_LIST_SET, set.name))
	if err != nil {
		return err
	}
	for _, a := range answers {
		for _, element := range attributes(attribute(a, unix.NFTA_SET_ELEM_LIST_ELEMENTS)) {
			each(element)
		}
	}
	return nil
}

// attributes iterates over the attributes of a message or of a nested attribute.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(binary.NativeEndian.Uint16(b))
			kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if size < unix.SizeofNlAttr || size > len(b) || !yield(kind, b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min(nlAligned(size), len(b)):]
		}
	}
}

func nlAligned(size int) int { return (size + unix.NLA_ALIGNTO - 1) &^ (unix.NLA_ALIGNTO - 1) }

// attribute returns the value of the first attribute of a kind, or nil.
func attribute(b []byte, kind uint16) []byte {
	for k, v := range attributes(b) {
		if k == kind {
			return v
		}
	}
	return nil
}

func big64(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
