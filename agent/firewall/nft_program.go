package firewall

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Reasons why nftables does not work, wrapped by the errors of Open, Show and Clear and by Problem. Each says what to do.
var (
	ErrNoProgram = errors.New("the program nft is not installed; install it (apt install nftables)")
	ErrNoRights  = errors.New("changing nftables takes root or CAP_NET_ADMIN in the machine's own network namespace; " +
		"run this program as root or give its unit AmbientCapabilities=CAP_NET_ADMIN")
	ErrNoKernel = errors.New("this kernel has not all of nftables that is needed; use a kernel with nf_tables, nft_ct, nft_nat, " +
		"nft_redir, nft_masq, nft_fib_inet and nft_reject_inet, 5.10 or newer")
)

// reasons maps errors of the kernel to their reason.
var reasons = map[unix.Errno]error{
	unix.EPERM: ErrNoRights, unix.EACCES: ErrNoRights,
	unix.EPROTONOSUPPORT: ErrNoKernel, unix.EAFNOSUPPORT: ErrNoKernel, unix.EOPNOTSUPP: ErrNoKernel, unix.ENOENT: ErrNoKernel, unix.EINVAL: ErrNoKernel,
}

// loadTimeout limits a run of nft. For 10,000 sessions it takes a second.
const loadTimeout = 30 * time.Second

type program string

// findProgram returns the first of the names that is an executable. Errors: ErrNoProgram.
func findProgram(names []string) (program, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return program(path), nil
		}
	}
	return "", ErrNoProgram
}

// load runs commands in nft, in one transaction. Errors: the message of nft, which wraps a unix.Errno if it names one.
func (p program) load(commands string, options ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, string(p), append(options, "-f", "-")...)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nftError(string(out), err)
	}
	return nil
}

// nftError parses the first error that nft prints, such as
// "-:1:1-9: Error: Could not process rule: Operation not permitted".
func nftError(output string, err error) error {
	_, text, ok := strings.Cut(output, "Error: ")
	if !ok {
		return fmt.Errorf("nft: %w: %s", err, output)
	}
	text, _, _ = strings.Cut(text, "\n")
	for errno := range reasons {
		if strings.Contains(strings.ToLower(text), errno.Error()) {
			return fmt.Errorf("nft: %s (%w)", text, errno)
		}
	}
	return fmt.Errorf("nft: %s", text)
}

func tableNamed(name string) *nftables.Table {
	return &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
}

// remove deletes a table. A missing table is no error.
func (kn *kernel) remove(name string) error {
	kn.conn.DelTable(kn.conn.AddTable(tableNamed(name))) // deleting a missing table would fail
	return kn.flush()
}

// checkSupport finds the program nft. It checks conntrack, and by a dry run that nft and the kernel support everything a plan uses.
func (kn *kernel) checkSupport(names []string) (program, error) {
	if _, err := kn.generation(); err != nil { // no nftables, or no CAP_NET_ADMIN
		return "", err
	}
	if len(names) == 0 {
		names = []string{"nft", "/usr/sbin/nft"}
	}
	nft, err := findProgram(names)
	if err != nil {
		return "", err
	}
	if err := deleteFlows(unix.AF_INET, flows{of: func(netip.Addr) bool { return false }}); err != nil {
		return "", fmt.Errorf("reading the kernel's list of connections, which needs nf_conntrack_netlink: %w", err)
	}
	return nft, nft.load(everything.recreate(nil), "-c")
}

// explain adds to an error the reason why nftables does not work, if known, and what the operator can do.
func explain(err error) error {
	var errno unix.Errno
	switch {
	case errors.Is(err, ErrNoProgram):
	case errors.As(err, &errno) && reasons[errno] != nil:
		err = fmt.Errorf("%w (%w)", reasons[errno], err)
	default:
		err = fmt.Errorf("nftables does not work here: %w", err)
	}
	return fmt.Errorf("%w; or go without with --firewall off", err)
}
