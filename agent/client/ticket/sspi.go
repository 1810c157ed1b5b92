package ticket

import (
	"context"
	"errors"
	"fmt"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// sspi are the functions of Windows that an sspiTickets calls.
type sspi struct {
	getenv func(name string) string
	// acquire is AcquireCredentialsHandle for the current user's outgoing connections.
	acquire func(securityPackage string) (credentials any, err error)
	// initialize is the first InitializeSecurityContext for a service. It deletes the context.
	initialize func(credentials any, service string, flags uint32) (token []byte, err error)
	release    func(credentials any)
}

// sspiStatus is a status of SSPI. https://learn.microsoft.com/windows/win32/secauthn/sspi-status-codes
type sspiStatus uint32

func (s sspiStatus) Error() string { return fmt.Sprintf("SSPI status 0x%08X", uint32(s)) }

const (
	statusBufferTooSmall     sspiStatus = 0x80090321
	statusTargetUnknown      sspiStatus = 0x80090303
	statusNoCredentials      sspiStatus = 0x8009030E
	statusNoAuthority        sspiStatus = 0x80090311
	statusWrongPrincipal     sspiStatus = 0x80090322
	statusTimeSkew           sspiStatus = 0x80090324
	statusPackageNotFound    sspiStatus = 0x80090305
	statusInsufficientMemory sspiStatus = 0x80090300
)

// Flags of InitializeSecurityContext. Without a flag for mutual authentication there is one token only, and without one for
// delegation the gateway cannot act as the person.
const sspiFlags = 0x800 | 0x10000 // ISC_REQ_CONNECTION, ISC_REQ_INTEGRITY

const kerberosPackage = "Kerberos"

type sspiTickets struct{ sspi }

// Person returns USERNAME@USERDNSDOMAIN. Windows sets the second only at a logon with an account of a domain.
func (t sspiTickets) Person() string {
	name, domain := t.getenv("USERNAME"), t.getenv("USERDNSDOMAIN")
	if name == "" || domain == "" {
		return ""
	}
	return name + "@" + domain
}

// Token ignores ctx until Windows answers, which it does within its own time limits.
func (t sspiTickets) Token(ctx context.Context, service string) ([]byte, error) {
	return callWithContext(ctx, func() ([]byte, error) {
		token, err := t.token(service)
		if err != nil {
			return nil, t.problem(err)
		}
		return token, nil
	})
}

func (t sspiTickets) token(service string) ([]byte, error) {
	credentials, err := t.acquire(kerberosPackage)
	if err != nil {
		return nil, fmt.Errorf("AcquireCredentialsHandle: %w", err)
	}
	defer t.release(credentials)
	token, err := t.initialize(credentials, service, sspiFlags)
	if err != nil {
		return nil, fmt.Errorf("InitializeSecurityContext for %s: %w", service, err)
	}
	return token, nil
}

func (t sspiTickets) problem(err error) error {
	var status sspiStatus
	if !errors.As(err, &status) {
		return &client.TicketProblem{Key: locale.SSOFailed, Value: err.Error(), Err: err}
	}
	key, value := locale.SSOFailed, status.Error()
	switch status {
	case statusTargetUnknown, statusWrongPrincipal:
		key = locale.SSONoService
	case statusNoCredentials, statusPackageNotFound:
		key = locale.SSONotInDomain
	case statusNoAuthority:
		if key = locale.SSONoDomain; t.Person() == "" {
			key = locale.SSONotInDomain
		}
	case statusTimeSkew:
		key = locale.SSOClock
	case statusBufferTooSmall, statusInsufficientMemory:
		key = locale.SSOTooLarge
	}
	return &client.TicketProblem{Key: key, Value: value, Err: err}
}

// callWithContext calls do in a goroutine and waits for its end or that of ctx.
func callWithContext(ctx context.Context, do func() ([]byte, error)) ([]byte, error) {
	type result struct {
		token []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		token, err := do()
		done <- result{token, err}
	}()
	select {
	case r := <-done:
		return r.token, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
