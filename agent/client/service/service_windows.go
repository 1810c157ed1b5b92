package service

import (
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/logfile"
	"ideco-agent/agent/client/pipe"
	"ideco-agent/agent/client/settings"
)

const (
	stopReport = time.Second // between reports of progress
	accepts    = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptSessionChange | svc.AcceptPowerEvent
)

// stage is the exit code of a failure.
type stage uint32

const (
	stagePipe stage = iota + 1
	stageServing
	stageTeardown
)

// Run runs the service until Windows stops it. It fails when Windows has not started the process as a service.
func Run(cfg Config) error {
	if err := svc.Run(pipe.Service, &handler{cfg}); err != nil {
		return fmt.Errorf("service %s: %w", pipe.Service, err)
	}
	return nil
}

type handler struct{ cfg Config }

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	status <- svc.Status{State: svc.StartPending}
	dir, err := stateDir()
	log := &logfile.File{}
	if err == nil {
		log, err = logfile.Open(dir + `\service.log`)
	}
	defer log.Close()
	log.Log("Ideco agent " + agent.Version + " starts as a service")
	if err != nil {
		log.Log(err.Error())
	}
	listener, err := pipe.Listen()
	if err != nil {
		return failed(log, stagePipe, err)
	}
	return h.serve(dir, log, listener, requests, status)
}

func failed(log *logfile.File, at stage, err error) (bool, uint32) {
	log.Log(fmt.Sprintf("the service ends at stage %d: %v", at, err))
	return true, uint32(at)
}

func (h *handler) serve(dir string, log *logfile.File, listener net.Listener, requests <-chan svc.ChangeRequest,
	status chan<- svc.Status) (bool, uint32) {
	r := start(h.cfg, platform{log.Log, device(dir, log.Log), client.OpenTrust(dir), listener, pipe.Identify, settings.ReadRegistry})
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	configure(log.Log) // after Running: the service manager may block calls while it starts the service
	var checks sessionChecks
	for {
		select {
		case err := <-r.served:
			stop(r, log, requests, status, stopTimeout)
			return failed(log, stageServing, err)
		case <-checks.next:
			checks.checked()
			r.checkSessions(readSessions(log.Log))
		case c := <-requests:
			switch c.Cmd {
			case svc.Interrogate:
				status <- c.CurrentStatus
			case svc.Stop, svc.Shutdown:
				log.Log("the service is to stop")
				return stop(r, log, requests, status, timeoutFor(c.Cmd == svc.Shutdown))
			case svc.SessionChange:
				checks.sessionChanged(c.EventType)
				r.checkSessions(readSessions(log.Log))
			case svc.PowerEvent:
				r.powerChanged(c.EventType)
			}
		}
	}
}

// stop ends all parts within the time limit. Meanwhile it reports progress to Windows.
func stop(r *running, log *logfile.File, requests <-chan svc.ChangeRequest, status chan<- svc.Status,
	within time.Duration) (bool, uint32) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		r.close()
	}()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	tick := time.NewTicker(stopReport)
	defer tick.Stop()
	for checkPoint := uint32(1); ; checkPoint++ {
		status <- svc.Status{State: svc.StopPending, CheckPoint: checkPoint, WaitHint: uint32(5 * stopReport / time.Millisecond)}
		select {
		case <-closed:
			log.Log("the service has stopped")
			return false, 0
		case <-tick.C:
		case <-requests: // the next status answers it
		case <-timeout.C:
			return failed(log, stageTeardown, fmt.Errorf("not ended after %v", within))
		}
	}
}

func readSessions(log func(string)) sessions {
	now := sessions{states: map[uint32]uint32{}, hasUser: hasUser}
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &first, &count); err != nil {
		log("Windows sessions: " + err.Error())
		return now
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	for _, s := range unsafe.Slice(first, count) {
		now.states[s.SessionID] = s.State
	}
	return now
}

// hasUser reports whether a user is logged on to the session. It is false only for ERROR_NO_TOKEN: Windows ends a
// session some time after its user has logged off.
func hasUser(session uint32) bool {
	var token windows.Token
	if err := windows.WTSQueryUserToken(session, &token); err != nil {
		return !errors.Is(err, windows.ERROR_NO_TOKEN)
	}
	token.Close()
	return true
}
