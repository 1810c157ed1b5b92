package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// event is one line of the output of IdecoAgent.exe connect --json, with the fields that are needed here.
type event struct {
	State   string `json:"state"`
	Mode    string `json:"mode"`
	Address string `json:"address"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Notice  bool   `json:"notice"`
}

// States and modes of the agent.
const (
	stateAuthorized = "authorized"
	stateTunnel     = "tunnel"
	stateError      = "error"
	stateEnded      = "ended"

	modeLAN = "lan"
	modeVPN = "vpn"
)

// agentRun is a running IdecoAgent.exe connect.
type agentRun struct {
	process *os.Process
	stderr  string     // the file with its standard error; empty = it has none
	events  chan event // closed when the program has ended
	seen    []event
	code    int // its exit code; set before events is closed
}

// startAgent starts the installed program. Its events go to NAME-events.txt and its standard error to NAME-stderr.txt in
// the zip. With inConsole it has no standard error and attaches to this console, which sendBreak needs.
func (s *suite) startAgent(name, password string, inConsole bool, flags ...string) (*agentRun, error) {
	return s.startConnect(name, password, inConsole, append([]string{"--login", s.login, "--password-stdin"}, flags...))
}

// startSSO is startAgent with the Kerberos tickets of this Windows user.
func (s *suite) startSSO(name string) (*agentRun, error) {
	return s.startConnect(name, "", false, []string{"--sso"})
}

func (s *suite) startConnect(name, password string, inConsole bool, flags []string) (*agentRun, error) {
	args := append([]string{"connect", "--json", "--server", s.gateway, "--state", filepath.Join(s.stateDir, "device")}, flags...)
	if s.gatewayPin != "" {
		args = append(args, "--pin", s.gatewayPin)
	}
	file := s.file(name + "-events.txt")
	if inConsole {
		return s.launch(startInConsole, s.program(), args, password, file, "")
	}
	stderr := s.file(name + "-stderr.txt")
	start := func(program string, args []string, dir string, stdin, stdout *os.File) (*os.Process, error) {
		return startWithLog(program, args, dir, stderr, stdin, stdout)
	}
	return s.launch(start, s.program(), args, password, file, stderr)
}

// starter starts a program in a directory.
type starter func(program string, args []string, dir string, stdin, stdout *os.File) (*os.Process, error)

// launch starts the program and gives it the password. It does not wait for the program to read it.
func (s *suite) launch(start starter, program string, args []string, password, file, stderr string) (*agentRun, error) {
	stdin, toAgent, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close() // so that the write below fails when the program has ended
	fromAgent, stdout, err := os.Pipe()
	if err != nil {
		toAgent.Close()
		return nil, err
	}
	defer stdout.Close()
	a := &agentRun{events: make(chan event, 1000), stderr: stderr}
	if a.process, err = start(program, args, s.stateDir, stdin, stdout); err != nil {
		toAgent.Close()
		fromAgent.Close()
		return nil, fmt.Errorf("IdecoAgent.exe does not start: %w", err)
	}
	go a.read(fromAgent, file)
	go func() {
		defer toAgent.Close()
		_, _ = io.WriteString(toAgent, password+"\n") // fails when the program has ended, which wait reports
	}()
	return a, nil
}

func startWithLog(program string, args []string, dir, log string, stdin, stdout *os.File) (*os.Process, error) {
	stderr, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, stdin, stdout, stderr
	hideWindow(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return cmd.Process, nil
}

// agentFiles returns the names of startAgent's files, for a failed row.
func agentFiles(name string) string {
	return name + "-events.txt and " + name + "-stderr.txt in the zip"
}

// read passes the events on until the program ends, and then writes them to the file.
func (a *agentRun) read(from io.ReadCloser, file string) {
	defer close(a.events)
	defer from.Close()
	var all strings.Builder
	for lines := bufio.NewScanner(from); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the line is in the file
		}
		select {
		case a.events <- e:
		default: // the channel is full: no check waits for events any more
		}
	}
	if state, err := a.process.Wait(); err == nil {
		a.code = state.ExitCode()
	}
	_ = os.WriteFile(file, []byte(all.String()), 0o600) // after an error the zip lacks the events
}

// wait waits for one of the states and remembers all events, notices included.
func (a *agentRun) wait(ctx context.Context, states ...string) (event, error) {
	limit := time.NewTimer(answerTimeout)
	defer limit.Stop()
	for {
		select {
		case e, open := <-a.events:
			if !open {
				return event{}, a.whyEnded()
			}
			a.seen = append(a.seen, e)
			if !e.Notice && contains(states, e.State) {
				return e, nil
			}
		case <-limit.C:
			return event{}, fmt.Errorf("no such event within %v; the last event was %s", answerTimeout, a.lastEvent())
		case <-ctx.Done():
			return event{}, ctx.Err()
		}
	}
}

// waitFor waits for a state. It returns an error when the program fails or ends before.
func (a *agentRun) waitFor(ctx context.Context, state string) (event, error) {
	e, err := a.wait(ctx, state, stateError, stateEnded)
	if err == nil && e.State != state {
		err = errors.New(e.String())
	}
	return e, err
}

// ended waits until the program has ended, and reports whether it has.
func (a *agentRun) ended(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case e, open := <-a.events:
			if !open {
				return true
			}
			a.seen = append(a.seen, e)
		case <-timer.C:
			return false
		}
	}
}

// whyEnded describes the end of the program with the first line of its standard error, or with its last event.
func (a *agentRun) whyEnded() error {
	if b, err := os.ReadFile(a.stderr); err == nil {
		if line := firstLine(readable(b)); line != "" {
			return fmt.Errorf("the program has ended with exit code %d: %s", a.code, line)
		}
	}
	return fmt.Errorf("the program has ended with exit code %d; its last event was %s", a.code, a.lastEvent())
}

// hasNotice reports whether there was a notice with the code.
func (a *agentRun) hasNotice(code string) bool {
	for _, e := range a.seen {
		if e.Notice && e.Code == code {
			return true
		}
	}
	return false
}

// lastEvent describes the last event.
func (a *agentRun) lastEvent() string {
	if len(a.seen) == 0 {
		return "nothing"
	}
	return a.seen[len(a.seen)-1].String()
}

func (e event) String() string {
	return strings.Join(strings.Fields(e.State+" "+e.Code+" "+e.Message), " ")
}

func contains(list []string, one string) bool {
	for _, s := range list {
		if s == one {
			return true
		}
	}
	return false
}
