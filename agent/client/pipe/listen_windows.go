package pipe

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"unsafe"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// Listen makes the pipe. go-winio makes the first instance with FILE_CREATE, which fails when anybody has a pipe of that
// name already, so that the permissions are ours; and without access to the data, so that nobody is served by it. Callers
// from other computers are refused besides the entry for them in the permissions. Where the name is taken the service
// must not run: what is there is not ours. (Wine lets several be made.)
func Listen() (net.Listener, error) {
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: permissions,
		InputBufferSize: maxRequest, OutputBufferSize: maxRequest})
	if err != nil {
		return nil, fmt.Errorf("make the pipe %s: %w", path, err)
	}
	return l, nil
}

// withHandle is what connections of go-winio have.
type withHandle interface{ Fd() uintptr }

func handleOf(conn net.Conn) (windows.Handle, error) {
	c, ok := conn.(withHandle)
	if !ok {
		return 0, fmt.Errorf("%T is no pipe", conn)
	}
	return windows.Handle(c.Fd()), nil
}

var impersonate = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

// Identify tells who has the other end, from the token with which it was opened: a process number could have passed to
// another program meanwhile. Windows permits it only after something was read. The window allows to be identified, and
// no more.
func Identify(conn net.Conn) (Caller, error) {
	h, err := handleOf(conn)
	if err != nil {
		return Caller{}, err
	}
	token, err := tokenOf(h)
	if err != nil {
		return Caller{}, fmt.Errorf("who is at the other end: %w", err)
	}
	defer token.Close()
	return callerOf(token)
}

// tokenOf takes the caller's identity on for a moment, on this thread alone.
func tokenOf(h windows.Handle) (token windows.Token, err error) {
	runtime.LockOSThread()
	if ok, _, err := impersonate.Call(uintptr(h)); ok == 0 {
		runtime.UnlockOSThread()
		return 0, fmt.Errorf("ImpersonateNamedPipeClient: %w", err)
	}
	err = windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
	if e := windows.RevertToSelf(); e != nil {
		return token, errors.Join(err, e) // the thread stays locked and ends with its goroutine: nobody else may be that person
	}
	runtime.UnlockOSThread()
	return token, err
}

func callerOf(token windows.Token) (Caller, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return Caller{}, fmt.Errorf("the caller's user: %w", err)
	}
	var session, size uint32
	err = windows.GetTokenInformation(token, windows.TokenSessionId, (*byte)(unsafe.Pointer(&session)), uint32(unsafe.Sizeof(session)), &size)
	if err != nil {
		return Caller{}, fmt.Errorf("the caller's Windows session: %w", err)
	}
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return Caller{}, err
	}
	admin, err := token.IsMember(administrators) // not for an administrator's usual rights, where the group only denies
	if err != nil {
		return Caller{}, fmt.Errorf("the caller's groups: %w", err)
	}
	return Caller{Person{session, user.User.Sid.String()}, admin}, nil
}
