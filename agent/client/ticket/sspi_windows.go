package ticket

import (
	"os"
	"syscall"

	win "github.com/alexbrainman/sspi"

	"ideco-agent/agent/client"
)

// Own returns the tickets of the logged-on user.
func Own() client.Tickets {
	return sspiTickets{sspi{getenv: os.Getenv, acquire: acquire, initialize: initialize, release: release}}
}

// maxBuffer is the largest MaxTokenSize of Windows, in bytes.
const maxBuffer = 65535

func acquire(securityPackage string) (any, error) {
	c, err := win.AcquireCredentials("", securityPackage, win.SECPKG_CRED_OUTBOUND, nil)
	if err != nil {
		return nil, statusOf(err)
	}
	return c, nil
}

func initialize(credentials any, service string, flags uint32) ([]byte, error) {
	name, err := syscall.UTF16PtrFromString(service)
	if err != nil {
		return nil, err
	}
	context := win.NewClientContext(credentials.(*win.Credentials), flags)
	buffer := make([]win.SecBuffer, 1)
	buffer[0].Set(win.SECBUFFER_TOKEN, make([]byte, maxBuffer))
	status := context.Update(name, win.NewSecBufferDesc(buffer), nil)
	if status != win.SEC_E_OK && status != win.SEC_I_CONTINUE_NEEDED {
		return nil, statusOf(status)
	}
	_ = context.Release() // the token is complete
	return append([]byte(nil), buffer[0].Bytes()...), nil
}

func release(credentials any) { _ = credentials.(*win.Credentials).Release() }

// statusOf returns the status that the library returns as an error of the system.
func statusOf(err error) error {
	if number, ok := err.(syscall.Errno); ok {
		return sspiStatus(number)
	}
	return err
}
