package firewall

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// isMissing tells whether the kernel does not have what was asked for.
func isMissing(err error) bool { return errors.Is(err, unix.ENOENT) }

// ask sends a question to nftables and returns the answers without their headers.
func ask(message, flags int, attrs ...*nl.RtAttr) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|message, flags)
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

// generation counts the changes of all tables.
func generation() (uint32, error) {
	answers, err := ask(unix.NFT_MSG_GETGEN, 0)
	if err != nil {
		return 0, err
	}
	for _, a := range answers {
		attrs, err := nl.ParseRouteAttr(a)
		if err != nil {
			return 0, err
		}
		for _, attr := range attrs {
			if attr.Attr.Type == unix.NFTA_GEN_ID && len(attr.Value) == 4 {
				return binary.BigEndian.Uint32(attr.Value), nil
			}
		}
	}
	return 0, errors.New("the kernel does not tell the generation of nftables")
}

// isThere tells whether there is a table of ours.
func isThere() (bool, error) {
	_, err := ask(unix.NFT_MSG_GETTABLE, 0, text(unix.NFTA_TABLE_NAME, Table))
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}

// fingerprint is a digest of the chains and rules of our table, as this very loading of it has them; ok tells whether there
// is a table. Sets are not part of it: rules hold them in place.
func fingerprint() (sum [sha256.Size]byte, ok bool, err error) {
	if ok, err = isThere(); err != nil || !ok {
		return sum, ok, err
	}
	hash := sha256.New()
	for _, message := range []int{unix.NFT_MSG_GETCHAIN, unix.NFT_MSG_GETRULE} { // both name the table in their first attribute
		answers, err := ask(message, unix.NLM_F_DUMP, text(unix.NFTA_RULE_TABLE, Table))
		if err != nil {
			return sum, false, err
		}
		for _, a := range answers {
			if ours(a) {
				hash.Write(a)
			}
		}
	}
	hash.Sum(sum[:0])
	return sum, true, nil
}

// ours tells whether an answer about a chain or a rule is about our table: kernels do not filter chains.
func ours(answer []byte) bool {
	attrs, err := nl.ParseRouteAttr(answer)
	return err == nil && len(attrs) > 0 && attrs[0].Attr.Type == unix.NFTA_RULE_TABLE && string(attrs[0].Value) == Table+"\x00"
}

// has tells whether an element is in its set.
func has(k entry) (bool, error) {
	data := nl.NewRtAttr(unix.NFTA_SET_ELEM_KEY|unix.NLA_F_NESTED, nl.NewRtAttr(unix.NFTA_DATA_VALUE, k.bytes()).Serialize())
	element := nl.NewRtAttr(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, data.Serialize())
	_, err := ask(unix.NFT_MSG_GETSETELEM, 0,
		text(unix.NFTA_SET_ELEM_LIST_TABLE, Table), text(unix.NFTA_SET_ELEM_LIST_SET, k.set.name),
		nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, element.Serialize()))
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}
