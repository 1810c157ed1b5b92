package wireguard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent"
)

// roleVariable is the environment variable that makes the test program run a part of a benchmark instead of tests.
const roleVariable = "WIREGUARD_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func(args []string) error{"gateway": runGateway, "send": runSender, "receive": runReceiver}
	run := roles[os.Getenv(roleVariable)]
	if run == nil {
		os.Exit(m.Run())
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runGateway runs a Device with one peer, whose configuration it prints, until it is told to end.
func runGateway(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "wireguard")
	if err != nil {
		return err
	}
	d, err := Open(Config{Mode: ModeTUN, Name: args[0], Network: network, PrivateKeyFile: filepath.Join(dir, "key"),
		Log: slog.New(slog.DiscardHandler)})
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return err
	}
	key, err := agent.ParseKey(args[1])
	if err != nil {
		return err
	}
	s := agent.Session{ID: "person"}
	if s.Address, err = d.Reserve(ctx, s); err != nil {
		return err
	}
	config, err := d.Up(ctx, s, key)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(config); err != nil {
		return err
	}
	<-ctx.Done()
	return d.Close()
}

// measureTime is how long a measurement takes.
const measureTime = 2 * time.Second

func runSender(args []string) error {
	c, err := net.DialTimeout("tcp4", args[0], patience)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(measureTime))
	for block := make([]byte, 256<<10); ; {
		if _, err := c.Write(block); err != nil {
			return nil // the time is over
		}
	}
}

// runReceiver prints the address it listens on, and then how many Gbit/s it received.
func runReceiver(args []string) error {
	l, err := net.Listen("tcp4", args[0])
	if err != nil {
		return err
	}
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	lines := json.NewEncoder(os.Stdout)
	if err := lines.Encode(l.Addr().String()); err != nil {
		return err
	}
	c, err := l.Accept()
	if err != nil {
		return err
	}
	begin, total := time.Now(), 0
	for block := make([]byte, 256<<10); ; {
		n, err := c.Read(block)
		if total += n; err == io.EOF {
			return lines.Encode(float64(total) * 8 / time.Since(begin).Seconds() / 1e9)
		} else if err != nil {
			return err
		}
	}
}
