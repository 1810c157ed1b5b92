package service

import (
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"ideco-agent/agent"
	"ideco-agent/agent/client/journal"
	"ideco-agent/agent/client/pipe"
	"ideco-agent/agent/client/settings"
)

const (
	// stopPatience is how long the end may take: the gateway is told, and the tunnel taken away.
	stopPatience = 20 * time.Second
	stopReport   = time.Second
	accepts      = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptSessionChange | svc.AcceptPowerEvent
)

// stage is where the service fails.
type stage uint32

const (
	stagePipe stage = iota + 1
	stageServing
	stageTeardown
)

// Run is the process of the service: it returns when the service was stopped. It fails at once where Windows has not
// started it as one.
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
	log := &journal.Journal{}
	if err == nil {
		log, err = journal.Open(dir + `\service.log`)
	}
	defer log.Close()
	log.Log("Ideco agent " + agent.Version + " starts as a service")
	if err != nil {
		log.Log(err.Error())
	}
	describe(log.Log)
	listener, err := pipe.Listen()
	if err != nil {
		return failed(log, stagePipe, err)
	}
	return h.serve(dir, log, listener, requests, status)
}

func failed(log *journal.Journal, at stage, err error) (bool, uint32) {
	log.Log(fmt.Sprintf("the service ends at stage %d: %v", at, err))
	return true, uint32(at)
}

func (h *handler) serve(dir string, log *journal.Journal, listener net.Listener, requests <-chan svc.ChangeRequest,
	status chan<- svc.Status) (bool, uint32) {
	r := start(h.cfg, surface{log.Log, device(dir, log.Log), listener, pipe.Identify, settings.ReadRegistry})
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	for {
		select {
		case err := <-r.served:
			stop(r, log, requests, status)
			return failed(log, stageServing, err)
		case c := <-requests:
			switch c.Cmd {
			case svc.Interrogate:
				status <- c.CurrentStatus
			case svc.Stop, svc.Shutdown:
				log.Log("the service is to stop")
				return stop(r, log, requests, status)
			case svc.SessionChange:
				r.sessionChanged(c.EventType, sessionOf(c), states(log.Log))
			case svc.PowerEvent:
				r.powerChanged(c.EventType)
			}
		}
	}
}

// stop is the one end of everything that was started. Windows hears that it goes on.
func stop(r *running, log *journal.Journal, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.close()
	}()
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	tick := time.NewTicker(stopReport)
	defer tick.Stop()
	for checkPoint := uint32(1); ; checkPoint++ {
		status <- svc.Status{State: svc.StopPending, CheckPoint: checkPoint, WaitHint: uint32(5 * stopReport / time.Millisecond)}
		select {
		case <-over:
			log.Log("the service has stopped")
			return false, 0
		case <-tick.C:
		case <-requests: // the next status answers it
		case <-patience.C:
			return failed(log, stageTeardown, fmt.Errorf("not over after %v", stopPatience))
		}
	}
}

// sessionOf is the Windows session that an event is about. Windows lends the memory that says so for the call only, which
// is over already: so it must look right, and states is asked too.
func sessionOf(c svc.ChangeRequest) uint32 {
	n := *(**windows.WTSSESSION_NOTIFICATION)(unsafe.Pointer(&c.EventData))
	if n == nil || uintptr(n.Size) != unsafe.Sizeof(*n) {
		return noSession
	}
	return n.SessionID
}

const noSession = ^uint32(0)

// states are those of all Windows sessions; empty where Windows does not tell.
func states(log func(string)) map[uint32]uint32 {
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &first, &count); err != nil {
		log("Windows sessions: " + err.Error())
		return nil
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	all := map[uint32]uint32{}
	for _, s := range unsafe.Slice(first, count) {
		all[s.SessionID] = s.State
	}
	return all
}
