package mint

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// FalseKDC answers on the ports of a controller as somebody who intercepts them and knows which old password was typed: that one is
// right, and the change succeeds.
type FalseKDC struct {
	Realm, Login, Password string
	ticket                 messages.Ticket
	session                types.EncryptionKey
}

// Serve answers one request of a connection to port 88 or 464.
func (k *FalseKDC) Serve(tb testing.TB, conn net.Conn, port int) {
	defer conn.Close()
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	request := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, request); err != nil {
		return
	}
	var answer []byte
	var err error
	if port == 88 {
		answer, err = k.reply(tb, request)
	} else {
		answer, err = k.change(request)
	}
	if err != nil {
		tb.Error(err)
		return
	}
	_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...))
}

// reply makes an AS-REP.
func (k *FalseKDC) reply(tb testing.TB, b []byte) ([]byte, error) {
	var request messages.ASReq
	if err := request.Unmarshal(b); err != nil {
		return nil, err
	}
	service := request.ReqBody.SName.PrincipalNameString()
	now := time.Now().UTC().Truncate(time.Second)
	t := Ticket{Keytab: Keytab(tb, Key{Principal: service, Realm: k.Realm, KVNO: 1, Password: Password()}), Service: service, Realm: k.Realm,
		Client: k.Login, ClientRealm: k.Realm, Type: etypeID.AES256_CTS_HMAC_SHA1_96, Session: etypeID.AES256_CTS_HMAC_SHA1_96}
	k.ticket, k.session = ticketOf(tb, t, now, now.Add(time.Hour))
	etype, err := crypto.GetEtype(etypeID.AES256_CTS_HMAC_SHA1_96)
	if err != nil {
		return nil, err
	}
	value, err := etype.StringToKey(k.Password, k.Realm+k.Login, etype.GetDefaultStringToKeyParams())
	if err != nil {
		return nil, err
	}
	part := messages.EncKDCRepPart{Key: k.session, LastReqs: []messages.LastReq{{LRValue: now}}, Nonce: request.ReqBody.Nonce, Flags: types.NewKrbFlags(),
		AuthTime: now, StartTime: now, EndTime: now.Add(time.Hour), RenewTill: now.Add(time.Hour), SRealm: k.Realm, SName: request.ReqBody.SName}
	plain, err := part.Marshal()
	if err != nil {
		return nil, err
	}
	key := types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: value}
	encrypted, err := crypto.GetEncryptedData(plain, key, keyusage.AS_REP_ENCPART, 1)
	if err != nil {
		return nil, err
	}
	info, err := etypeInfo(k.Realm + k.Login)
	if err != nil {
		return nil, err
	}
	rep := messages.ASRep{KDCRepFields: messages.KDCRepFields{PVNO: 5, MsgType: msgtype.KRB_AS_REP, PAData: info,
		CRealm: k.Realm, CName: request.ReqBody.CName, Ticket: k.ticket, EncPart: encrypted}}
	return rep.Marshal()
}

// change makes the answer of kpasswd that the password is changed.
func (k *FalseKDC) change(b []byte) ([]byte, error) {
	var request messages.APReq
	if err := request.Unmarshal(b[6 : 6+binary.BigEndian.Uint16(b[4:])]); err != nil {
		return nil, err
	}
	plain, err := crypto.DecryptEncPart(request.EncryptedAuthenticator, k.session, keyusage.AP_REQ_AUTHENTICATOR)
	if err != nil {
		return nil, err
	}
	var proof types.Authenticator
	if err := proof.Unmarshal(plain); err != nil {
		return nil, err
	}
	private := messages.NewKRBPriv(messages.EncKrbPrivPart{UserData: []byte{0, 0}})
	if err := private.EncryptEncPart(proof.SubKey); err != nil {
		return nil, err
	}
	second, err := private.Marshal()
	if err != nil {
		return nil, err
	}
	first := []byte{0} // the AP-REP
	answer := binary.BigEndian.AppendUint16(nil, uint16(6+len(first)+len(second)))
	answer = binary.BigEndian.AppendUint16(answer, 1)
	answer = binary.BigEndian.AppendUint16(answer, uint16(len(first)))
	return append(append(answer, first...), second...), nil
}

// etypeInfo is the PA-ETYPE-INFO2 for AES256-SHA1.
func etypeInfo(salt string) (types.PADataSequence, error) {
	info, err := asn1.Marshal(types.ETypeInfo2{{EType: etypeID.AES256_CTS_HMAC_SHA1_96, Salt: salt}})
	return types.PADataSequence{{PADataType: patype.PA_ETYPE_INFO2, PADataValue: info}}, err
}
