package main

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const (
	serviceName = "IdecoAgent"
	pipeName    = "IdecoAgent"
)

var serviceChecks = []check{
	{"service runs", []*need{needInstalled}, (*suite).serviceRuns},
	{"service settings", []*need{needInstalled}, func(s *suite) result {
		return judgeService(s.registry(keyService, true).key(keyService))
	}},
	{"service path is quoted", []*need{needInstalled, needWindows}, func(s *suite) result {
		return s.judgeUntilOK(func(k regKey) result { return judgePath(k, s.program()) })
	}},
	{"service recovery", []*need{needInstalled, needWindows}, func(s *suite) result { return s.judgeUntilOK(judgeRecovery) }},
	{"pipe", []*need{needInstalled}, (*suite).pipe},
}

const (
	serviceStopped = 1
	serviceRunning = 4
)

// serviceStates matches the state in the output of sc query. Windows translates the labels, but not "4  RUNNING".
var serviceStates = regexp.MustCompile(`:\s+([1-7])\s+(?:STOPPED|START_PENDING|STOP_PENDING|RUNNING|CONTINUE_PENDING|PAUSE_PENDING|PAUSED)\b`)

func parseServiceState(text string) int {
	m := serviceStates.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // one digit
	return n
}

func (s *suite) serviceState() int {
	return parseServiceState(s.runTool("sc-query", "sc.exe", "query", serviceName).text)
}

// serviceRuns waits until the service runs, because the installer starts it and does not wait.
func (s *suite) serviceRuns() result {
	last := 0
	if s.until(answerTimeout, func() bool { last = s.serviceState(); return last == serviceRunning }) {
		return ok("running")
	}
	return failed("service.log in the zip; Event Viewer, System", "not running within %v: state %d", answerTimeout, last)
}

// judgeUntilOK judges the service's key until it is ok, at most answerTimeout/2. The service writes a part of the key just
// after it has started.
func (s *suite) judgeUntilOK(judge func(regKey) result) result {
	var r result
	s.until(answerTimeout/2, func() bool {
		r = judge(s.registry(keyService, true).key(keyService))
		return r.Status == statusOK
	})
	return r
}

// judgeService reads the configuration in the registry: Start 2 is automatic.
func judgeService(k regKey) result {
	if k == nil {
		return failed(keyService, "the service is not registered")
	}
	const automatic = 2
	var wrong []string
	if n := k.number("Start"); n != automatic {
		wrong = append(wrong, fmt.Sprintf("its start type is %d, want 2 (automatic)", n))
	}
	if account := k.text("ObjectName"); !strings.EqualFold(account, "LocalSystem") {
		wrong = append(wrong, fmt.Sprintf("it runs as %q, want LocalSystem", account))
	}
	return okUnless(wrong, keyService, "starts automatically, runs as LocalSystem")
}

// judgePath is ok when the path is in quotes: without them Windows would first try C:\Program.exe.
func judgePath(k regKey, program string) result {
	want := `"` + program + `" service`
	if path := k.text("ImagePath"); !strings.EqualFold(path, want) {
		return failed(keyService, "its path is %s, want %s", path, want)
	}
	return ok("%s", want)
}

// judgeRecovery reads FailureActions, which is a SERVICE_FAILURE_ACTIONS structure with offsets instead of pointers. Its
// fourth number is the count of actions. From the sixth on there are two numbers per action: its type (1 = restart) and
// its delay in milliseconds.
func judgeRecovery(k regKey) result {
	b := k["failureactions"].Bytes
	if len(b) < 20 {
		return failed("sc qfailure IdecoAgent", "there are no recovery actions")
	}
	number := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	count := int(number(3))
	if count == 0 || count > 100 || len(b) < 20+8*count {
		return failed("sc qfailure IdecoAgent", "%d recovery actions in %d bytes", count, len(b))
	}
	var seen []string
	for i := 0; i < count; i++ {
		if number(5+2*i) != 1 {
			return failed("sc qfailure IdecoAgent", "action %d has type %d, want 1 (restart)", i+1, number(5+2*i))
		}
		seen = append(seen, fmt.Sprintf("%d s", number(6+2*i)/1000))
	}
	if k.number("FailureActionsOnNonCrashFailures") != 1 {
		return failed("sc qfailureflag IdecoAgent", "Windows restarts it after a crash, but not after it ends with an error code")
	}
	return ok("restarts after %s", strings.Join(seen, ", "))
}

func (s *suite) pipe() result {
	var err error
	if s.until(answerTimeout, func() bool { var found bool; found, err = hasPipe(pipeName); return found }) {
		return ok(`\\.\pipe\%s exists`, pipeName)
	}
	return failed("service.log in the zip", `no \\.\pipe\%s within %v: %v`, pipeName, answerTimeout, err)
}
