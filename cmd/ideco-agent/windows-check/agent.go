package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// event is one line of IdecoAgent.exe connect --json, as far as it is looked at.
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

// agentRun is an agent that logs in.
type agentRun struct {
	process *os.Process
	events  chan event // closed when the program has ended
	seen    []event
	files   []string // what it wrote
}

// startAgent starts the installed program. Its standard error is kept, unless it is to attach to this console.
func (s *suite) startAgent(name, password string, inConsole bool, flags ...string) (*agentRun, error) {
	args := append([]string{"connect", "--json", "--server", s.gateway, "--login", s.login, "--password-stdin",
		"--state", filepath.Join(s.state, "device")}, flags...)
	if s.gatewayPin != "" {
		args = append(args, "--pin", s.gatewayPin)
	}
	a := &agentRun{events: make(chan event, 1000)}
	stdin, give, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	defer give.Close()
	take, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	file := s.file(name + "-events.txt")
	a.files = append(a.files, file)
	if inConsole {
		a.process, err = startInConsole(s.program(), args, s.state, stdin, stdout)
	} else {
		said := s.file(name + "-stderr.txt")
		a.files = append(a.files, said)
		a.process, err = startWithLog(s.program(), args, s.state, said, stdin, stdout)
	}
	if err != nil {
		take.Close()
		return nil, fmt.Errorf("IdecoAgent.exe does not start: %w", err)
	}
	go a.read(take, file)
	_, err = io.WriteString(give, password+"\n")
	return a, err
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

// read reads events until the program ends, and writes them down.
func (a *agentRun) read(from io.ReadCloser, file string) {
	defer close(a.events)
	defer from.Close()
	var all strings.Builder
	for lines := bufio.NewScanner(from); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // it is in the file
		}
		select {
		case a.events <- e:
		default: // nobody has asked for a thousand events
		}
	}
	_, _ = a.process.Wait()
	_ = os.WriteFile(file, []byte(all.String()), 0o600) // one that is missing in the zip says so
}

// wait waits for one of the states. Notices are only remembered.
func (a *agentRun) wait(ctx context.Context, states ...string) (event, error) {
	limit := time.NewTimer(answerTimeout)
	defer limit.Stop()
	for {
		select {
		case e, is := <-a.events:
			if !is {
				return event{}, fmt.Errorf("the program has ended; it said %s", a.said())
			}
			a.seen = append(a.seen, e)
			if !e.Notice && contains(states, e.State) {
				return e, nil
			}
		case <-limit.C:
			return event{}, fmt.Errorf("nothing more within %v; it said %s", answerTimeout, a.said())
		case <-ctx.Done():
			return event{}, ctx.Err()
		}
	}
}

// ended waits until the program has ended.
func (a *agentRun) ended(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case e, is := <-a.events:
			if !is {
				return true
			}
			a.seen = append(a.seen, e)
		case <-timer.C:
			return false
		}
	}
}

// noticed tells whether a notice with the code has been given.
func (a *agentRun) noticed(code string) bool {
	for _, e := range a.seen {
		if e.Notice && e.Code == code {
			return true
		}
	}
	return false
}

// said is what the last event was.
func (a *agentRun) said() string {
	if len(a.seen) == 0 {
		return "nothing"
	}
	e := a.seen[len(a.seen)-1]
	return strings.TrimSpace(e.State + " " + e.Code + " " + e.Message)
}

func contains(list []string, one string) bool {
	for _, s := range list {
		if s == one {
			return true
		}
	}
	return false
}
