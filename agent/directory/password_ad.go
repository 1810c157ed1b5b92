package directory

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos"
)

// kpasswdLimit limits a change by kpasswd.
const kpasswdLimit = 10 * time.Second

// changeInActiveDirectory changes a password with kpasswd. It uses LDAP if the settings say so, or after kerberos.OutcomeOther.
func changeInActiveDirectory(ctx context.Context, r *remote, p person, password, newPassword string) error {
	if r.PasswordChange != agent.PasswordChangeLDAP {
		err := r.kpasswd(ctx, p, password, newPassword)
		if err == nil {
			return r.confirm(ctx, p, newPassword)
		}
		var failed *kerberos.ChangeError
		if !errors.As(err, &failed) {
			return err
		}
		switch failed.Outcome {
		case kerberos.OutcomeWrong:
			return agent.Refuse(agent.CodeBadCredentials)
		case kerberos.OutcomeRevoked:
			return &agent.Error{Code: agent.CodeLogonRestricted, Err: fmt.Errorf("%w: %w", errNotCompared, err)}
		case kerberos.OutcomeRejected:
			return r.rejected(ctx, p, failed.Policy, err)
		case kerberos.OutcomeForbidden:
			return &agent.Error{Code: agent.CodePasswordElsewhere, Err: err}
		case kerberos.OutcomeUnknown:
			return r.unreachable(err)
		}
		r.log.InfoContext(ctx, "a password is changed by LDAP because kpasswd failed", "directory", r.Name, "error", err)
	}
	return r.modifyPassword(ctx, p, password, newPassword)
}

// confirm binds with a new password after kpasswd. Kerberos does not prove who answered, but TLS does: whoever intercepts Kerberos could
// otherwise change nothing and log in with any old password. Refusals: those of a wrong password, and CodeDirectoryUnreachable.
func (r *remote) confirm(ctx context.Context, p person, newPassword string) error {
	checked, err := r.checkPassword(ctx, p, newPassword)
	switch {
	case err != nil:
		return err
	case checked.code == agent.CodeBadCredentials, checked.code == agent.CodeAccountLocked: // the others need the right password
		r.log.WarnContext(ctx, "a controller does not accept a password that was changed by kpasswd", "directory", r.Name, "code", checked.code)
		return agent.Refuse(checked.code)
	}
	return nil
}

// kpasswd changes a password at the controller that searches use. Errors: *kerberos.ChangeError; refusals.
func (r *remote) kpasswd(ctx context.Context, p person, password, newPassword string) error {
	if err := enter(ctx, r.servers.binding); err != nil {
		return r.bindFailed(r.servers.cancelled(err))
	}
	defer leave(r.servers.binding)
	to, err := r.servers.pick(ctx, &failover{})
	if err != nil {
		return r.bindFailed(r.servers.cancelled(err))
	}
	ctx, cancel := context.WithTimeout(ctx, kpasswdLimit)
	defer cancel()
	return kerberos.PasswordChange{
		Realm: strings.ToUpper(r.Name), Login: first(p.entry, r.kind.login), Password: password, NewPassword: newPassword,
		Dial: func(ctx context.Context, port int) (net.Conn, error) { return r.servers.dial(ctx, to, port) },
	}.Change(ctx)
}

// passwordPorts checks the ports of kpasswd, if the settings use it.
func (t *tester) passwordPorts(ctx context.Context) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		if t.kind != activeDirectory || t.PasswordChange != agent.PasswordChangeAuto {
			return nil
		}
		to, err := t.servers.pick(ctx, &failover{})
		if err != nil {
			return err
		}
		for _, port := range []int{kerberos.PortKDC, kerberos.PortKPasswd} {
			address := net.JoinHostPort(to.name, strconv.Itoa(port))
			conn, err := t.servers.dial(ctx, to, port)
			if err != nil {
				warn(result, agent.FindingNoKPasswd, map[string]string{"Host": address})
				continue
			}
			conn.Close()
			result.Details = append(result.Details, address)
		}
		return nil
	}
}

// modifyPassword deletes the old value of unicodePwd and adds the new one, in one request of the search account. Controllers treat this
// as a change by the person, under the person's policy. A replace would be a reset.
func (r *remote) modifyPassword(ctx context.Context, p person, password, newPassword string) error {
	m := ldap.NewModifyRequest(p.entry.DN, nil)
	m.Delete("unicodePwd", []string{quotedUTF16(password)})
	m.Add("unicodePwd", []string{quotedUTF16(newPassword)})
	err := r.servers.once(ctx, func(c *ldap.Conn) error { return c.Modify(m) })
	switch {
	case err == nil:
		return nil
	case !answered(err):
		return r.bindFailed(err)
	}
	refused := ldapError(err)
	switch adError(refused) {
	case "56": // ERROR_INVALID_PASSWORD: the old one
		return agent.Refuse(agent.CodeBadCredentials)
	case "52d": // ERROR_PASSWORD_RESTRICTION
		return r.rejected(ctx, p, nil, err)
	case "775":
		return &agent.Error{Code: agent.CodeAccountLocked, Err: err}
	}
	if refused.ResultCode == ldap.LDAPResultInsufficientAccessRights { // of the person or of the search account
		return &agent.Error{Code: agent.CodePasswordElsewhere, Err: err}
	}
	return fmt.Errorf("directory %s cannot change passwords: %w", r.Name, err)
}

// quotedUTF16 encodes a password for the attribute unicodePwd.
func quotedUTF16(password string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// adError returns the code in a refusal with the text "CODE: …", in lower case and without leading zeros, or "".
func adError(err *ldap.Error) string {
	code, _, ok := strings.Cut(strings.ToLower(err.Err.Error()), ":")
	if !ok || strings.Trim(code, "0123456789abcdef") != "" {
		return ""
	}
	return strings.TrimLeft(code, "0")
}
