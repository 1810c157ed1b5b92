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

// Listen creates the pipe. It fails when the name is taken, because the existing pipe may have other permissions:
// go-winio creates the first instance with FILE_CREATE. (Wine does not fail.) go-winio and the permissions refuse
// callers from other computers.
func Listen() (net.Listener, error) {
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: permissions,
		InputBufferSize: maxRequest, OutputBufferSize: maxRequest})
	if err != nil {
		return nil, fmt.Errorf("create the pipe %s: %w", path, err)
	}
	return l, nil
}

// withHandle is implemented by connections of go-winio.
type withHandle interface{ Fd() uintptr }

func handleOf(conn net.Conn) (windows.Handle, error) {
	c, ok := conn.(withHandle)
	if !ok {
		return 0, fmt.Errorf("%T is not a pipe", conn)
	}
	return windows.Handle(c.Fd()), nil
}

var impersonate = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

// Identify returns the user of a window, from the access token with which it opened the pipe. (Its process ID may have
// been reused by another program.) Windows permits this only after the first byte was read. The token allows
// identification only.
func Identify(conn net.Conn) (Caller, error) {
	h, err := handleOf(conn)
	if err != nil {
		return Caller{}, err
	}
	token, err := tokenOf(h)
	if err != nil {
		return Caller{}, fmt.Errorf("the window's user: %w", err)
	}
	defer token.Close()
	return callerOf(token)
}

// tokenOf impersonates the caller on this thread to get its token.
func tokenOf(h windows.Handle) (token windows.Token, err error) {
	runtime.LockOSThread()
	if ok, _, err := impersonate.Call(uintptr(h)); ok == 0 {
		runtime.UnlockOSThread()
		return 0, fmt.Errorf("ImpersonateNamedPipeClient: %w", err)
	}
	err = windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
	if e := windows.RevertToSelf(); e != nil {
		return token, errors.Join(err, e) // the thread, which still impersonates, stays locked and ends with its goroutine
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
	admin, err := token.IsMember(administrators) // false without elevation, where the group is for deny only
	if err != nil {
		return Caller{}, fmt.Errorf("the caller's groups: %w", err)
	}
	return Caller{Person{session, user.User.Sid.String()}, admin}, nil
}
