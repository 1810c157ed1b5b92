package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"unsafe"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// Dial opens the pipe for a window, with as few rights as possible. It verifies that the server of the pipe is the process
// that the service control manager reports for the service, which only an administrator can change. Otherwise it returns
// ErrUntrusted and sends nothing. The service may identify the window's user, but not impersonate.
func Dial(ctx context.Context) (net.Conn, error) {
	conn, err := winio.DialPipeAccessImpLevel(ctx, path, userRights, winio.PipeImpLevelIdentification)
	if err != nil {
		return nil, err
	}
	if err := isService(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func isService(conn net.Conn) error {
	h, err := handleOf(conn)
	if err != nil {
		return err
	}
	var server uint32
	if err := windows.GetNamedPipeServerProcessId(h, &server); err != nil {
		return fmt.Errorf("the pipe's server process: %w", err)
	}
	status, err := ServiceStatus()
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return fmt.Errorf("%w: %v", ErrUntrusted, err)
	}
	if err != nil {
		return err
	}
	if server == 0 || status.ProcessId != server {
		return fmt.Errorf("%w: process %d serves the pipe, and process %d is the service", ErrUntrusted, server, status.ProcessId)
	}
	return nil
}

// Installed reports whether this computer has the service.
func Installed() bool {
	_, err := ServiceStatus()
	return err == nil
}

// ServiceStatus returns the status of the service. It works with the rights of a plain user.
func ServiceStatus() (windows.SERVICE_STATUS_PROCESS, error) {
	var status windows.SERVICE_STATUS_PROCESS
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return status, fmt.Errorf("service control manager: %w", err)
	}
	defer windows.CloseServiceHandle(manager)
	name, err := windows.UTF16PtrFromString(Service)
	if err != nil {
		return status, err
	}
	service, err := windows.OpenService(manager, name, windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return status, fmt.Errorf("service %s: %w", Service, err)
	}
	defer windows.CloseServiceHandle(service)
	var size uint32
	err = windows.QueryServiceStatusEx(service, windows.SC_STATUS_PROCESS_INFO, (*byte)(unsafe.Pointer(&status)),
		uint32(unsafe.Sizeof(status)), &size)
	if err != nil {
		return status, fmt.Errorf("service %s: %w", Service, err)
	}
	return status, nil
}
