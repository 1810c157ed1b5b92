package tunnel

import (
	"fmt"

	"golang.org/x/sys/windows"
)

var (
	userenv                      = windows.NewLazySystemDLL("userenv.dll")
	procRegisterGPNotification   = userenv.NewProc("RegisterGPNotification")
	procUnregisterGPNotification = userenv.NewProc("UnregisterGPNotification")
)

// policyWatch calls a function each time Windows has applied the computer's group policy.
type policyWatch struct {
	log           func(string)
	applied, quit windows.Handle // events
	done          chan struct{}
}

func watchPolicy(applied func(), log func(string)) (*policyWatch, error) {
	if err := procRegisterGPNotification.Find(); err != nil {
		return nil, err
	}
	w := &policyWatch{log: log, done: make(chan struct{})}
	var err error
	if w.applied, err = windows.CreateEvent(nil, 0, 0, nil); err != nil { // auto-reset
		return nil, fmt.Errorf("watch group policy: %w", err)
	}
	if w.quit, err = windows.CreateEvent(nil, 0, 0, nil); err != nil {
		w.free()
		return nil, fmt.Errorf("watch group policy: %w", err)
	}
	if ok, _, err := procRegisterGPNotification.Call(uintptr(w.applied), computerPolicy); ok == 0 {
		w.free()
		return nil, fmt.Errorf("watch group policy: %w", err)
	}
	go w.run(applied)
	return w, nil
}

func (w *policyWatch) run(applied func()) {
	defer close(w.done)
	events := []windows.Handle{w.quit, w.applied} // the first one wins when both are set
	for {
		which, err := windows.WaitForMultipleObjects(events, false, windows.INFINITE)
		if err != nil {
			w.log("watch group policy: " + err.Error())
			return
		}
		if which != windows.WAIT_OBJECT_0+1 {
			return
		}
		applied()
	}
}

// stop stops the watch. The function is not called after it returns.
func (w *policyWatch) stop() {
	procUnregisterGPNotification.Call(uintptr(w.applied))
	windows.SetEvent(w.quit) // cannot fail for an event
	<-w.done
	w.free()
}

func (w *policyWatch) free() {
	for _, event := range []windows.Handle{w.applied, w.quit} {
		if event != 0 {
			windows.CloseHandle(event)
		}
	}
}
