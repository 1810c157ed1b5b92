package kerberos

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"ideco-agent/agent"
)

// MaxToken limits a token, in bytes.
const MaxToken = 65535

var (
	oidSPNEGO     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	oidKerberos   = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}
	oidMSKerberos = asn1.ObjectIdentifier{1, 2, 840, 48018, 1, 2, 2}
)

// Tags of RFC 2743 3.1, RFC 4178 4.2 and RFC 4120 5.5.1.
var (
	tagInitialToken = cryptobyte_asn1.Tag(0).Constructed() | 0x40
	tagNegTokenInit = cryptobyte_asn1.Tag(0).Constructed().ContextSpecific()
	tagNegTokenResp = cryptobyte_asn1.Tag(1).Constructed().ContextSpecific()
	tagMechTypes    = cryptobyte_asn1.Tag(0).Constructed().ContextSpecific()
	tagReqFlags     = cryptobyte_asn1.Tag(1).Constructed().ContextSpecific()
	tagMechToken    = cryptobyte_asn1.Tag(2).Constructed().ContextSpecific()
	tagAPReq        = cryptobyte_asn1.Tag(14).Constructed() | 0x40
)

// apReqID is the TOK_ID of RFC 4121 4.1.
var apReqID = []byte{1, 0}

var errNotKerberos = errors.New("not a Kerberos token")

// unwrap returns the AP-REQ of a token: SPNEGO, a Kerberos token of GSS-API or a bare AP-REQ. Refusals: CodeSSONTLM,
// CodeSSORefused.
func unwrap(token []byte) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, refuse(errors.New("the token is too long"))
	}
	message, err := unwrapSPNEGO(token)
	if err != nil {
		return nil, refuse(err)
	}
	if isNTLM(message) {
		return nil, &agent.Error{Code: agent.CodeSSONTLM, Err: errors.New("the token is NTLM")}
	}
	request, err := unwrapGSS(message)
	if err != nil {
		return nil, refuse(err)
	}
	return request, nil
}

func refuse(err error) error { return &agent.Error{Code: agent.CodeSSORefused, Err: err} }

// isNTLM reports whether a message is of NTLM, or of NEGOEX, which Windows prefers without a ticket.
func isNTLM(message []byte) bool {
	return bytes.HasPrefix(message, []byte("NTLMSSP\x00")) || bytes.HasPrefix(message, []byte("NEGOEXTS"))
}

// unwrapSPNEGO returns the message of the mechanism in a token of SPNEGO. It returns other tokens unchanged.
func unwrapSPNEGO(token []byte) ([]byte, error) {
	in := cryptobyte.String(token)
	if in.PeekASN1Tag(tagInitialToken) {
		var body cryptobyte.String
		var mechanism asn1.ObjectIdentifier
		if !in.ReadASN1(&body, tagInitialToken) || !body.ReadASN1ObjectIdentifier(&mechanism) {
			return nil, errNotKerberos
		}
		if !mechanism.Equal(oidSPNEGO) {
			return token, nil
		}
		in = body
	}
	tag := tagNegTokenInit
	if in.PeekASN1Tag(tagNegTokenResp) {
		tag = tagNegTokenResp
	}
	if !in.PeekASN1Tag(tag) {
		return token, nil
	}
	// The fields of NegTokenResp have the same tags: negState, supportedMech, responseToken.
	var choice, fields, field, message cryptobyte.String
	if !in.ReadASN1(&choice, tag) || !choice.ReadASN1(&fields, cryptobyte_asn1.SEQUENCE) ||
		!fields.SkipOptionalASN1(tagMechTypes) || !fields.SkipOptionalASN1(tagReqFlags) {
		return nil, errNotKerberos
	}
	if !fields.ReadASN1(&field, tagMechToken) || !field.ReadASN1(&message, cryptobyte_asn1.OCTET_STRING) {
		return nil, fmt.Errorf("%w: SPNEGO without a token of a mechanism", errNotKerberos)
	}
	return message, nil
}

// unwrapGSS returns the AP-REQ in a Kerberos token of GSS-API. It returns a bare AP-REQ unchanged.
func unwrapGSS(message []byte) ([]byte, error) {
	in := cryptobyte.String(message)
	if in.PeekASN1Tag(tagAPReq) {
		return message, nil
	}
	var body cryptobyte.String
	var mechanism asn1.ObjectIdentifier
	var id []byte
	if !in.ReadASN1(&body, tagInitialToken) || !body.ReadASN1ObjectIdentifier(&mechanism) {
		return nil, errNotKerberos
	}
	if !mechanism.Equal(oidKerberos) && !mechanism.Equal(oidMSKerberos) {
		return nil, fmt.Errorf("%w: mechanism %s", errNotKerberos, mechanism)
	}
	if !body.ReadBytes(&id, len(apReqID)) || !bytes.Equal(id, apReqID) {
		return nil, fmt.Errorf("%w: no AP-REQ", errNotKerberos)
	}
	return body, nil
}
