package firewall

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// ErrNoProgram says that the program nft was not found.
var ErrNoProgram = errors.New("the program nft is not installed")

// loadTimeout limits a run of nft. For 10,000 sessions it takes a second.
const loadTimeout = 30 * time.Second

// program is the path of nft.
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
	for _, errno := range []unix.Errno{unix.EPERM, unix.EACCES, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EOPNOTSUPP, unix.ENOENT, unix.EINVAL} {
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

// findTools finds the program nft, and checks with a dry run that it and the kernel support everything a plan can use.
func (kn *kernel) findTools(names []string) (program, error) {
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
	return nft, nft.load(everything.recreate(nil), "-c")
}

// withHint adds to an error of start what the operator can do.
func withHint(err error) error {
	switch {
	case errors.Is(err, ErrNoProgram):
		return fmt.Errorf("%w; install it (apt install nftables), or go without with --firewall off", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("changing nftables takes root or CAP_NET_ADMIN in the machine's own network namespace (%w); "+
			"run this program as root or give its unit AmbientCapabilities=CAP_NET_ADMIN, or go without with --firewall off", err)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("this kernel has not all of nftables that is needed (%w); use a kernel with nf_tables, nft_ct, nft_nat, "+
			"nft_redir, nft_masq, nft_fib_inet and nft_reject_inet, 5.10 or newer, or go without with --firewall off", err)
	}
	return fmt.Errorf("nftables does not work here: %w; go without with --firewall off", err)
}
