package certs

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"ideco-agent/agent"
)

// contactTime limits how long the CA is asked about the account.
const contactTime = 30 * time.Second

// contact plans when the CA is told the e-mail address of the settings. An account keeps the address that it was made with, whatever
// later orders say.
type contact struct {
	told     bool
	next     time.Time // zero = at once
	failures int
}

// contactDue returns when the CA is told the address; false = it knows it, or there is none to tell.
func (o *Orders) contactDue() (time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.contact.next, !o.contact.told && o.settings.isOn() && o.settings.Email != ""
}

// tellContact tells the CA the e-mail address. A failure does not concern the certificates; it is repeated later.
func (o *Orders) tellContact(ctx context.Context) {
	o.mu.Lock()
	settings, account := o.settings, filepath.Join(o.dir, o.ca, accountFile(o.settings))
	o.mu.Unlock()
	err := updateContact(ctx, settings, account, o.transport(settings.Roots))
	if ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.settings.equal(settings) {
		return
	}
	if o.contact.told = err == nil; o.contact.told {
		return
	}
	if o.contact.failures == 0 {
		o.config.Log.Warn("the certification authority was not told the e-mail address", "directory", settings.Directory,
			"error", agent.Clean(err.Error(), maxDetail))
	}
	o.contact.next = time.Now().Add(backoff(o.contact.failures))
	o.contact.failures++
}

// updateContact changes the contact of an account. Without an account there is nothing to do: the next order makes one.
// acme.Client cannot remove a contact.
func updateContact(ctx context.Context, settings OrderSettings, account string, base http.RoundTripper) error {
	text, err := (&attemptCache{account: account}).readAccount()
	if errors.Is(err, autocert.ErrCacheMiss) {
		return nil
	}
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, contactTime)
	defer cancel()
	client := newClient(settings.Directory, &caTransport{base: base, ctx: ctx, directory: settings.Directory})
	client.Key = key
	found, err := client.GetReg(ctx, "")
	if errors.Is(err, acme.ErrNoAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	want := []string{"mailto:" + settings.Email}
	if slices.Equal(found.Contact, want) {
		return nil
	}
	client.KID = acme.KeyID(found.URI)
	_, err = client.UpdateReg(ctx, &acme.Account{Contact: want})
	return err
}
