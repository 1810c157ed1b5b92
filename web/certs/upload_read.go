package certs

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	youmark "github.com/youmark/pkcs8"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"software.sslmate.com/src/go-pkcs12"

	"ideco-agent/agent"
)

// Limits of the parts of an upload. Parsing a key takes time that grows with the square of its size.
const (
	maxKeyBytes = 16 << 10 // RSA with 8192 bits takes 5 KiB
	maxPFXBytes = 64 << 10
)

// upload is what the files of an upload hold.
type upload struct {
	certs   []*x509.Certificate // without duplicates
	keys    []crypto.Signer
	request bool // there is a certificate signing request
	work    int  // iterations so far, see maxIterations
}

// readUpload reads the files of an upload. Errors: agent.Problem.
func readUpload(files [][]byte, password string) (*upload, error) {
	up, size := &upload{}, 0
	for _, file := range files {
		size += len(file)
	}
	switch {
	case size == 0:
		return nil, refuse(agent.UploadEmpty, "")
	case size > agent.MaxUpload:
		return nil, refuse(agent.UploadTooLarge, "")
	case len(password) > agent.MaxUploadPassword:
		return nil, refusePassword(password)
	}
	for _, file := range files {
		if len(file) == 0 {
			continue
		}
		if err := up.read(file, password); err != nil {
			return nil, err
		}
	}
	return up, nil
}

// read reads a file in any format.
func (up *upload) read(file []byte, password string) error {
	var whole asn1.RawValue
	if rest, err := asn1.Unmarshal(file, &whole); err == nil && len(rest) == 0 && whole.Tag == asn1.TagSequence {
		return up.readDER(file, password)
	}
	if bytes.HasPrefix(file, []byte{0x30, 0x80}) { // BER with an indefinite length, which some programs write
		return refuse(agent.UploadPFX, "")
	}
	text, _, err := transform.Bytes(unicode.BOMOverride(unicode.UTF8.NewDecoder()), file) // Windows writes UTF-16 too
	if err != nil {
		return refuse(agent.UploadUnreadable, "")
	}
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		found = true
		if err := up.readBlock(block, password); err != nil {
			return err
		}
	}
	if !found {
		return refuse(agent.UploadUnreadable, "")
	}
	return nil
}

// readBlock reads a PEM block. Unknown ones are ignored.
func (up *upload) readBlock(block *pem.Block, password string) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		var first asn1.RawValue // OpenSSL appends something to a «TRUSTED CERTIFICATE»
		if _, err := asn1.Unmarshal(block.Bytes, &first); err != nil {
			return refuse(agent.UploadUnreadable, "")
		}
		return up.readCertificate(first.FullBytes)
	case "PKCS7", "CMS":
		return up.readPKCS7(block.Bytes)
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		up.request = true
	case "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		return up.readKeyBlock(block, password)
	}
	return nil
}

// readDER finds out what a DER file is and reads it.
func (up *upload) readDER(der []byte, password string) error {
	if _, err := x509.ParseCertificateRequest(der); err == nil {
		up.request = true
		return nil
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		return up.readCertificate(der)
	}
	var shape struct { // of PKCS #7, whose first element is an OID, and of PFX, whose first element is 3
		OID     asn1.ObjectIdentifier `asn1:"optional"`
		Version int                   `asn1:"optional"`
		Rest    asn1.RawValue
	}
	if _, err := asn1.Unmarshal(der, &shape); err == nil && len(shape.OID) > 0 {
		return up.readPKCS7(der)
	} else if err == nil && shape.Version == 3 {
		return up.readPFX(der, password)
	}
	return up.readKey(der, password)
}

func (up *upload) readCertificate(der []byte) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return refuse(agent.UploadUnreadable, "")
	}
	return up.addCertificate(c)
}

func (up *upload) addCertificate(c *x509.Certificate) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
		return refuse(agent.UploadKind, keyText(key))
	}
	if !slices.ContainsFunc(up.certs, c.Equal) {
		up.certs = append(up.certs, c)
	}
	if len(up.certs) > agent.MaxUploadCertificates {
		return refuse(agent.UploadTooMany, "")
	}
	return nil
}

// readPKCS7 reads the certificates of a SignedData (RFC 2315, 9.1), the form in which CAs on Windows hand out a chain (.p7b).
func (up *upload) readPKCS7(der []byte) error {
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version      int
			Digests      asn1.RawValue `asn1:"set"`
			Inner        asn1.RawValue
			Certificates asn1.RawValue `asn1:"optional,tag:0"`
			CRLs         asn1.RawValue `asn1:"optional,tag:1"`
			Signers      asn1.RawValue `asn1:"set"`
		} `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return refuse(agent.UploadUnreadable, "")
	}
	list, err := x509.ParseCertificates(outer.Content.Certificates.Bytes)
	if err != nil {
		return refuse(agent.UploadUnreadable, "")
	}
	for _, c := range list {
		if err := up.addCertificate(c); err != nil {
			return err
		}
	}
	return nil
}

func (up *upload) addKey(key any) error {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return refuse(agent.UploadKind, "")
	}
	up.keys = append(up.keys, signer)
	return nil
}

func (up *upload) readKeyBlock(block *pem.Block, password string) error {
	//lint:ignore SA1019 Keys that OpenSSL before 3.0 encrypted are still in use. The encryption is weak, but only this program reads it.
	if !x509.IsEncryptedPEMBlock(block) {
		return up.readKey(block.Bytes, password)
	}
	//lint:ignore SA1019 See above.
	der, err := x509.DecryptPEMBlock(block, []byte(password))
	if err != nil {
		return refusePassword(password)
	}
	if _, err := parsePlainKey(der); err != nil { // DecryptPEMBlock does not notice every wrong password
		return refusePassword(password)
	}
	return up.readKey(der, password)
}

// readKey reads a private key: PKCS #8, encrypted or not, PKCS #1 or SEC 1.
func (up *upload) readKey(der []byte, password string) error {
	if len(der) > maxKeyBytes {
		return refuse(agent.UploadKind, "")
	}
	if key, err := parsePlainKey(der); err == nil {
		return up.addKey(key)
	}
	var encrypted struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if _, err := asn1.Unmarshal(der, &encrypted); err != nil {
		return refuse(agent.UploadKind, "") // for instance GOST
	}
	if password == "" {
		return refusePassword(password)
	}
	if err := up.checkWork(der); err != nil {
		return err
	}
	key, err := recovered(func() (any, error) { return youmark.ParsePKCS8PrivateKey(der, []byte(password)) })
	switch {
	case err == nil:
		return up.addKey(key)
	case strings.HasPrefix(err.Error(), "pkcs8: unsupported"), strings.HasPrefix(err.Error(), "pkcs8: only"):
		return refuse(agent.UploadPFX, "")
	}
	return refusePassword(password)
}

func parsePlainKey(der []byte) (any, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParseECPrivateKey(der)
}

// refusePassword asks for a password, or says that the one typed is wrong.
func refusePassword(password string) error {
	code := agent.UploadPassword
	if password == "" {
		code = agent.UploadPasswordNeeded
	}
	return agent.Problem{Field: "password", Code: code}
}

func (up *upload) readPFX(der []byte, password string) error {
	if len(der) > maxPFXBytes {
		return refuse(agent.UploadTooLarge, "")
	}
	if err := up.checkWork(der); err != nil {
		return err
	}
	p, err := decodePFX(der, password)
	if err != nil && password != "" { // it may be the password of another file
		if open, failed := decodePFX(der, ""); failed == nil {
			p, err = open, nil
		}
	}
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return refusePassword(password)
	case err != nil && strings.HasSuffix(err.Error(), "private key missing"):
		return refuse(agent.UploadNoKey, "")
	case err != nil && strings.HasSuffix(err.Error(), "certificate missing"):
		return refuse(agent.UploadNoCertificate, "")
	case err != nil:
		return refuse(agent.UploadPFX, "")
	}
	for _, c := range p.certs {
		if err := up.addCertificate(c); err != nil {
			return err
		}
	}
	return up.addKey(p.key)
}

type pfx struct {
	key   any
	certs []*x509.Certificate
}

func decodePFX(der []byte, password string) (pfx, error) {
	return recovered(func() (pfx, error) {
		key, leaf, others, err := pkcs12.DecodeChain(der, password)
		return pfx{key, append([]*x509.Certificate{leaf}, others...)}, err
	})
}

// recovered turns a panic into an error.
func recovered[T any](parse func() (T, error)) (result T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return parse()
}

// maxIterations limits how often an upload makes the gateway hash the password. Usual are 2,000 to 600,000 for a key, and three times as
// many for a PFX.
const maxIterations = 2_000_000

// scryptOID is the OID of a derivation that may also take much memory: 1.3.6.1.4.1.11591.4.11.
var scryptOID = []byte{0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b}

// checkWork refuses a PFX or an encrypted key if the upload would take too much work to decrypt. It looks for the parameters of every
// derivation of a key: a salt, which is an octet string, and then the number of iterations. It does not see those of a key that is
// encrypted twice; no usual program writes that.
func (up *upload) checkWork(der []byte) error {
	up.work += iterations(der, 0)
	if bytes.Contains(der, scryptOID) || up.work > maxIterations {
		return refuse(agent.UploadWork, "")
	}
	return nil
}

// iterations returns the sum of the iterations in der; a number above maxIterations counts as maxIterations+1.
func iterations(der []byte, depth int) (sum int) {
	for salt := false; len(der) > 0 && depth < 32; {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			break // not DER after all, such as something encrypted
		}
		if v.Tag == asn1.TagInteger && salt {
			var n int64
			if _, err := asn1.Unmarshal(v.FullBytes, &n); err != nil {
				n = maxIterations + 1
			}
			sum += int(min(max(n, 0), maxIterations+1))
		}
		salt = v.Tag == asn1.TagOctetString
		if v.IsCompound || salt && bytes.HasPrefix(v.Bytes, []byte{0x30}) { // other octet strings are random, such as keys
			sum += iterations(v.Bytes, depth+1)
		}
		der = rest
	}
	return sum
}
