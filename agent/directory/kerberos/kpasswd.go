package kerberos

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
	"unicode/utf8"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"ideco-agent/agent"
)

// TCP ports of a domain controller.
const (
	PortKDC     = 88
	PortKPasswd = 464
)

// PasswordChange is a change of a person's password, for which the person gives the old one.
type PasswordChange struct {
	Realm       string // in capitals
	Login       string // sAMAccountName as the directory has it
	Password    string
	NewPassword string
	// Dial connects to a port of the domain controller, always the same one. The connection must end when ctx ends.
	Dial func(ctx context.Context, port int) (net.Conn, error)
}

// Outcome is why a change failed, and what it means for the old password.
type Outcome int

// Outcomes of a failed change.
const (
	// OutcomeOther: the password is unchanged. The old one was right, or the controller has not compared it. So the caller may try
	// another protocol: a wrong password still counts only once.
	OutcomeOther     Outcome = iota
	OutcomeWrong             // the old password is wrong
	OutcomeRevoked           // the account is disabled, locked or expired, or not valid yet; the old password was not compared
	OutcomeRejected          // the new password is refused; see Policy
	OutcomeForbidden         // the person may not change the password
	OutcomeUnknown           // no valid answer after the old or the new password was sent: the password may be changed, or a wrong one counted
)

// ChangeError is a failed change.
type ChangeError struct {
	Outcome Outcome
	Policy  *agent.PasswordPolicy // with OutcomeRejected; nil = the controller sent none
	Err     error
}

func (e *ChangeError) Error() string { return "kpasswd: " + e.Err.Error() }

func (e *ChangeError) Unwrap() error { return e.Err }

func fail(o Outcome, format string, args ...any) error {
	return &ChangeError{Outcome: o, Err: fmt.Errorf(format, args...)}
}

// Limits of what a controller may send.
const (
	maxReply      = 256 << 10 // bytes; tickets of people in many groups are large
	maxIterations = 1 << 20   // of the key derivation
	minIterations = 4096      // as in Active Directory; with fewer, an offline attack on the encrypted time is too cheap
)

// aes has the encryption types that are used, the preferred one first. RC4 is not among them: an offline attack on it is too cheap.
var aes = []int32{etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA384_192,
	etypeID.AES128_CTS_HMAC_SHA256_128}

// Change changes a password by RFC 3244: it gets a ticket for kadmin/changepw from the KDC, which gives one also for an expired password,
// and sends one request to port 464. It proves the old password to the KDC at most once, with the encrypted time (pre-authentication).
// Errors: *ChangeError.
func (p PasswordChange) Change(ctx context.Context) (err error) {
	ifFailed := OutcomeOther // the outcome if the Kerberos library panics
	defer func() {
		if r := recover(); r != nil {
			err = fail(ifFailed, "the answer cannot be read: %v", r)
		}
	}()
	// Connect to both ports before a password is sent.
	kdc, err := p.Dial(ctx, PortKDC)
	if err != nil {
		return fail(OutcomeOther, "port %d: %w", PortKDC, err)
	}
	defer kdc.Close()
	kpasswd, err := p.Dial(ctx, PortKPasswd)
	if err != nil {
		return fail(OutcomeOther, "port %d: %w", PortKPasswd, err)
	}
	defer kpasswd.Close()

	ticket, session, err := p.ticket(ctx, kdc, &ifFailed)
	if err != nil {
		return err
	}
	ifFailed = OutcomeOther // the old password is right
	request, key, err := p.request(ticket, session, kpasswd.LocalAddr())
	if err != nil {
		return fail(OutcomeOther, "make the request: %w", err)
	}
	ifFailed = OutcomeUnknown
	answer, err := exchange(kpasswd, request)
	if err != nil {
		return fail(OutcomeUnknown, "port %d: %w", PortKPasswd, err)
	}
	result, text, err := readReply(answer, key)
	if err != nil {
		return fail(OutcomeUnknown, "port %d: %w", PortKPasswd, err)
	}
	return resultError(result, text)
}

// ticket gets a ticket for kadmin/changepw and its session key from the KDC. Before it sends the encrypted time, it sets ifFailed to
// OutcomeUnknown.
func (p PasswordChange) ticket(ctx context.Context, kdc net.Conn, ifFailed *Outcome) (messages.Ticket, types.EncryptionKey, error) {
	nothing := func(err error) (messages.Ticket, types.EncryptionKey, error) {
		return messages.Ticket{}, types.EncryptionKey{}, err
	}
	settings := config.New() // reads no file
	settings.LibDefaults.DefaultTktEnctypeIDs = aes
	settings.LibDefaults.TicketLifetime = 5 * time.Minute
	name := types.PrincipalName{NameType: nametype.KRB_NT_PRINCIPAL, NameString: []string{p.Login}}
	request, err := messages.NewASReqForChgPasswd(p.Realm, settings, name)
	if err != nil {
		return nothing(fail(OutcomeOther, "make the request: %w", err))
	}
	reply, refusal, err := askKDC(kdc, request)
	if err != nil {
		return nothing(fail(OutcomeOther, "port %d: %w", PortKDC, err))
	}
	var key types.EncryptionKey
	switch {
	case refusal == nil: // the account needs no pre-authentication
		if key, err = p.key(reply.PAData); err != nil {
			return nothing(fail(OutcomeOther, "%w", err))
		}
	case refusal.ErrorCode != errorcode.KDC_ERR_PREAUTH_REQUIRED:
		return nothing(kdcRefusal(*refusal, OutcomeOther))
	default:
		var wanted types.PADataSequence
		if err := wanted.Unmarshal(refusal.EData); err != nil {
			return nothing(fail(OutcomeOther, "pre-authentication: %w", err))
		}
		if key, err = p.key(wanted); err != nil {
			return nothing(fail(OutcomeOther, "%w", err))
		}
		preauth, err := encryptedTime(key)
		if err != nil {
			return nothing(fail(OutcomeOther, "pre-authentication: %w", err))
		}
		request.PAData = types.PADataSequence{preauth}
		// Some controllers close the connection after an answer.
		again, err := p.Dial(ctx, PortKDC)
		if err != nil {
			return nothing(fail(OutcomeOther, "port %d: %w", PortKDC, err))
		}
		defer again.Close()
		*ifFailed = OutcomeUnknown
		if reply, refusal, err = askKDC(again, request); err != nil {
			return nothing(fail(OutcomeUnknown, "port %d: %w", PortKDC, err))
		}
		if refusal != nil {
			return nothing(kdcRefusal(*refusal, OutcomeUnknown))
		}
	}
	session, err := sessionKey(reply, request, key)
	if err != nil && *ifFailed == OutcomeOther { // no pre-authentication: only the reply shows that the password is wrong
		return nothing(fail(OutcomeWrong, "%w", err))
	}
	if err != nil {
		return nothing(fail(OutcomeUnknown, "%w", err))
	}
	return reply.Ticket, session, nil
}

// kdcRefusal returns the error for a refusal by the KDC. other is the outcome for codes that it does not know.
func kdcRefusal(e messages.KRBError, other Outcome) error {
	switch e.ErrorCode {
	case errorcode.KDC_ERR_PREAUTH_FAILED:
		other = OutcomeWrong
	case errorcode.KDC_ERR_CLIENT_REVOKED, errorcode.KDC_ERR_NAME_EXP, errorcode.KDC_ERR_CLIENT_NOTYET:
		other = OutcomeRevoked
	case errorcode.KRB_AP_ERR_SKEW, errorcode.KDC_ERR_ETYPE_NOSUPP, errorcode.KDC_ERR_KEY_EXPIRED, errorcode.KDC_ERR_POLICY,
		errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN, errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN:
		other = OutcomeOther // KRB_AP_ERR_SKEW: the KDC could decrypt the time, so the password was right
	}
	return fail(other, "port %d: %w", PortKDC, e)
}

// askKDC sends a request and returns the reply. If the KDC refused, it returns the refusal instead, which is nil otherwise.
func askKDC(conn net.Conn, request messages.ASReq) (messages.ASRep, *messages.KRBError, error) {
	var reply messages.ASRep
	b, err := request.Marshal()
	if err != nil {
		return reply, nil, err
	}
	answer, err := exchange(conn, b)
	if err != nil {
		return reply, nil, err
	}
	var refusal messages.KRBError
	if refusal.Unmarshal(answer) == nil {
		return reply, &refusal, nil
	}
	return reply, nil, reply.Unmarshal(answer)
}

// key derives the AES key from the old password, with the salt and the iterations in the KDC's PA-ETYPE-INFO2.
func (p PasswordChange) key(wanted types.PADataSequence) (types.EncryptionKey, error) {
	for _, data := range wanted {
		if data.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		entries, err := data.GetETypeInfo2()
		if err != nil {
			return types.EncryptionKey{}, err
		}
		for _, e := range entries {
			if key, ok, err := p.keyOf(e); ok || err != nil {
				return key, err
			}
		}
	}
	return types.EncryptionKey{}, errors.New("the account has no AES key")
}

func (p PasswordChange) keyOf(e types.ETypeInfo2Entry) (key types.EncryptionKey, ok bool, err error) {
	for _, id := range aes {
		if id != e.EType {
			continue
		}
		etype, err := crypto.GetEtype(id)
		if err != nil {
			return key, false, err
		}
		params := etype.GetDefaultStringToKeyParams()
		if len(e.S2KParams) == 4 {
			if n := binary.BigEndian.Uint32(e.S2KParams); n < minIterations || n > maxIterations {
				return key, false, fmt.Errorf("the controller wants %d iterations of the key derivation, which is not accepted", n)
			}
			params = hex.EncodeToString(e.S2KParams)
		}
		value, err := etype.StringToKey(p.Password, e.Salt, params)
		return types.EncryptionKey{KeyType: id, KeyValue: value}, err == nil, err
	}
	return key, false, nil
}

// encryptedTime makes the pre-authentication data: the present time, encrypted with the key.
func encryptedTime(key types.EncryptionKey) (types.PAData, error) {
	now, err := types.GetPAEncTSEncAsnMarshalled()
	if err != nil {
		return types.PAData{}, err
	}
	encrypted, err := crypto.GetEncryptedData(now, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, 0)
	if err != nil {
		return types.PAData{}, err
	}
	value, err := encrypted.Marshal()
	return types.PAData{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: value}, err
}

// sessionKey decrypts a reply, which proves that the KDC knows the key, and returns the session key in it.
func sessionKey(reply messages.ASRep, request messages.ASReq, key types.EncryptionKey) (types.EncryptionKey, error) {
	if reply.EncPart.EType != key.KeyType {
		return types.EncryptionKey{}, fmt.Errorf("the reply has the encryption type %d, not that of the key", reply.EncPart.EType)
	}
	b, err := crypto.DecryptEncPart(reply.EncPart, key, keyusage.AS_REP_ENCPART)
	if err != nil {
		return types.EncryptionKey{}, err
	}
	var part messages.EncKDCRepPart
	if err := part.Unmarshal(b); err != nil {
		return types.EncryptionKey{}, err
	}
	if part.Nonce != request.ReqBody.Nonce || !part.SName.Equal(request.ReqBody.SName) {
		return types.EncryptionKey{}, errors.New("the reply belongs to another request")
	}
	return part.Key, nil
}

// request makes the request to port 464 and returns the key for the answer. It uses version 1 of the protocol, which changes the password
// of the ticket's owner only. Version 0xff80 of RFC 3244 can set the password of any account.
func (p PasswordChange) request(ticket messages.Ticket, session types.EncryptionKey, from net.Addr) ([]byte, types.EncryptionKey, error) {
	var key types.EncryptionKey
	name := types.PrincipalName{NameType: nametype.KRB_NT_PRINCIPAL, NameString: []string{p.Login}}
	auth, err := types.NewAuthenticator(p.Realm, name)
	if err != nil {
		return nil, key, err
	}
	etype, err := crypto.GetEtype(session.KeyType)
	if err != nil {
		return nil, key, err
	}
	if err := auth.GenerateSeqNumberAndSubKey(etype.GetETypeID(), etype.GetKeyByteSize()); err != nil {
		return nil, key, err
	}
	key = auth.SubKey
	apReq, err := messages.NewAPReq(ticket, session, auth)
	if err != nil {
		return nil, key, err
	}
	part := messages.EncKrbPrivPart{UserData: []byte(p.NewPassword), Timestamp: auth.CTime, Usec: auth.Cusec, SequenceNumber: auth.SeqNumber}
	if tcp, ok := from.(*net.TCPAddr); ok {
		part.SAddress = types.HostAddressFromNetIP(tcp.IP)
	}
	private := messages.NewKRBPriv(part)
	if err := private.EncryptEncPart(key); err != nil {
		return nil, key, err
	}
	first, err := apReq.Marshal()
	if err != nil {
		return nil, key, err
	}
	second, err := private.Marshal()
	if err != nil {
		return nil, key, err
	}
	length := 6 + len(first) + len(second)
	if length > 0xffff {
		return nil, key, fmt.Errorf("the request is too long: %d bytes", length)
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(length))
	b = binary.BigEndian.AppendUint16(b, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(first)))
	return append(append(b, first...), second...), key, nil
}

// exchange sends a message and reads the answer. Each follows its length in four bytes, see RFC 4120, section 7.2.2.
func exchange(conn net.Conn, message []byte) ([]byte, error) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(message)))
	if _, err := conn.Write(append(b, message...)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(conn, b); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(b)
	if n > maxReply {
		return nil, fmt.Errorf("the answer is too long: %d bytes", n)
	}
	answer := make([]byte, n)
	_, err := io.ReadFull(conn, answer)
	return answer, err
}

var errReply = errors.New("the answer is malformed")

// readReply returns the result in the answer of port 464. It is encrypted in a KRB-PRIV or, from Samba and MIT Kerberos, plain in a
// KRB-ERROR. For a KRB-ERROR without a result, or with resultSuccess, it returns resultNone.
func readReply(b []byte, key types.EncryptionKey) (result uint16, text []byte, err error) {
	if len(b) < 6 {
		return 0, nil, errReply
	}
	length, apRep := int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[4:]))
	if length != len(b) || 6+apRep > length {
		return 0, nil, errReply
	}
	var data []byte
	if apRep == 0 {
		var refusal messages.KRBError
		if err := refusal.Unmarshal(b[6:]); err != nil {
			return 0, nil, err
		}
		if data = refusal.EData; len(data) < 2 || binary.BigEndian.Uint16(data) == resultSuccess {
			return resultNone, []byte(refusal.Error()), nil
		}
	} else {
		var private messages.KRBPriv
		if err := private.Unmarshal(b[6+apRep:]); err != nil {
			return 0, nil, err
		}
		if err := private.DecryptEncPart(key); err != nil {
			return 0, nil, err
		}
		data = private.DecryptedEncPart.UserData
	}
	if len(data) < 2 {
		return 0, nil, errReply
	}
	return binary.BigEndian.Uint16(data), data[2:], nil
}

// Results of RFC 3244, section 2.
const (
	resultSuccess   = 0
	resultSoftError = 4 // the new password is refused
	resultForbidden = 5
	resultNone      = 0xffff // no result; not a value of the protocol
)

// resultError returns the error for a result; nil for resultSuccess.
func resultError(result uint16, text []byte) error {
	switch result {
	case resultSuccess:
		return nil
	case resultSoftError:
		return &ChangeError{OutcomeRejected, decodePolicy(text), fmt.Errorf("result %d: %s", result, readable(text))}
	case resultForbidden:
		return fail(OutcomeForbidden, "result %d: %s", result, readable(text))
	}
	return fail(OutcomeOther, "result %d: %s", result, readable(text))
}

// decodePolicy decodes the policy that Active Directory sends in place of a text when it refuses a password: two zero bytes, then in network
// order minimum length, history and flags (32 bits each), maximum age and minimum age (64 bits each, in 100 ns). It returns nil for any
// other text.
func decodePolicy(b []byte) *agent.PasswordPolicy {
	const complex = 1
	if len(b) != 30 || b[0] != 0 || b[1] != 0 {
		return nil
	}
	number := func(at int) int { return int(binary.BigEndian.Uint32(b[at:])) }
	return &agent.PasswordPolicy{MinLength: number(2), History: number(6), Complex: number(10)&complex != 0,
		MinAge: ticks(binary.BigEndian.Uint64(b[22:]))}
}

// ticks converts a duration in units of 100 ns, which may be negative. The limit is 100 years.
func ticks(n uint64) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	t := int64(n)
	if t < 0 {
		t = -t
	}
	if t < 0 || t > int64(most/100) {
		return most
	}
	return time.Duration(t) * 100
}

// readable returns the text of a result for the log; in hexadecimal if it is not text.
func readable(b []byte) string {
	if !utf8.Valid(b) || decodePolicy(b) != nil {
		return hex.EncodeToString(b[:min(len(b), 100)])
	}
	return agent.Clean(string(b), 200)
}
