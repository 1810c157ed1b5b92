package firewall

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// frameLink sends Ethernet frames through an interface and receives frames from it. A packet socket would take CAP_NET_RAW. With
// CAP_NET_ADMIN alone, nftables forwards what this process writes to a TAP device to the interface, and copies the wanted frames to the
// device.
type frameLink struct {
	tap  *os.File
	name string // of the TAP device
	nft  program
	want []field // of the frames that are received
	sent uint64  // frames
}

// framePrefix begins the names of the tables, which end with the name of the TAP device.
const framePrefix = "ideco_frames_"

// openFrameLink opens a link to an interface. match is the nft expression of the frames that are received; want has their fields, which
// the process compares again.
func openFrameLink(nft program, on, match string, want []field) (*frameLink, error) {
	l, err := openTAP(nft)
	if err != nil {
		return nil, err
	}
	l.want = want
	if err := nft.load(l.rules(on, match)); err != nil {
		l.close()
		return nil, fmt.Errorf("connecting a TAP device to %s: %w", on, err)
	}
	return l, nil
}

// rules returns the table that connects the TAP device to an interface.
func (l *frameLink) rules(on, match string) string {
	return fmt.Sprintf(`table netdev %s {
	counter sent {}
	chain out { type filter hook ingress device %q priority 0; counter name sent fwd to %q; }
	chain in { type filter hook ingress device %q priority 0; %s dup to %q; }
}
`, l.table(), l.name, on, on, match, l.name)
}

func (l *frameLink) table() string { return framePrefix + l.name }

func openTAP(nft program) (*frameLink, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	random := make([]byte, 4)
	rand.Read(random) // never fails
	name := "imac" + hex.EncodeToString(random)
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("making a TAP device: %w", err)
	}
	l := &frameLink{tap: os.NewFile(uintptr(fd), name), name: name, nft: nft}
	link, err := netlink.LinkByName(name)
	if err == nil {
		_ = netlink.LinkSetIP6AddrGenMode(link, nl6AddrGenNone) // without IPv6 it fails, and the kernel sends nothing by itself either
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("bringing up a TAP device: %w", err)
	}
	return l, nil
}

// nl6AddrGenNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h: the interface gets no link-local address.
const nl6AddrGenNone = 1

// canSendFrames reports why frameLink does not work here; nil if it does. It changes nothing.
func canSendFrames(nft program) error {
	l, err := openTAP(nft)
	if err != nil {
		return err
	}
	defer l.tap.Close()
	return nft.load(l.rules("lo", "meta protocol arp"), "--check")
}

// close removes the table and the device.
func (l *frameLink) close() {
	_ = l.nft.load("delete table netdev " + l.table())
	_ = l.tap.Close()
}

func (l *frameLink) send(frame []byte) error {
	_, err := l.tap.Write(frame)
	if err == nil {
		l.sent++
	}
	return err
}

// receives reports whether a wanted frame comes within the time.
func (l *frameLink) receives(within time.Duration) (bool, error) {
	if err := l.tap.SetReadDeadline(time.Now().Add(within)); err != nil {
		return false, err
	}
	frame := make([]byte, 2048)
	for {
		n, err := l.tap.Read(frame)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if hasFields(frame[:n], l.want) {
			return true, nil
		}
	}
}

// check reports an error unless all frames have gone out and the table is still there: somebody may have removed it meanwhile, and
// then silence means nothing.
func (l *frameLink) check() error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	counter, err := conn.GetObject(&nftables.CounterObj{Table: &nftables.Table{Family: nftables.TableFamilyNetdev, Name: l.table()}, Name: "sent"})
	if err != nil {
		return fmt.Errorf("reading the counter of requests: %w", err)
	}
	if c, ok := counter.(*nftables.CounterObj); !ok || c.Packets != l.sent {
		return errors.New("some requests were not sent")
	}
	return nil
}

// removeFrameTables removes the tables of processes that were killed. Their devices are gone.
func (kn *kernel) removeFrameTables() error {
	tables, err := kn.conn.ListTablesOfFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return err
	}
	for _, t := range tables {
		tap, ours := strings.CutPrefix(t.Name, framePrefix)
		if _, err := net.InterfaceByName(tap); ours && err != nil {
			kn.conn.DelTable(t)
		}
	}
	return kn.conn.Flush()
}

// field is a part of a frame and the value that it must have.
type field struct {
	offset int
	value  []byte
}

func hasFields(frame []byte, fields []field) bool {
	for _, f := range fields {
		if end := f.offset + len(f.value); len(frame) < end || !bytes.Equal(frame[f.offset:end], f.value) {
			return false
		}
	}
	return true
}
