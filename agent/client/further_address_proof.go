package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sort"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// proofTimeout is the limit for a proof, all URLs together.
const proofTimeout = 20 * time.Second

// Limits of an address_token and of the answer to a proof.
const (
	maxProofURLs   = 64
	maxProofAnswer = 4 << 10 // bytes
)

// prove sends the token to the gateway from an address of this computer. It tries the URLs in turn until the gateway
// answers one.
func prove(ctx context.Context, cfg Config, from netip.Addr, urls []string, token string) error {
	err := errors.New("the token has no URL for this address family")
	for i, u := range urls {
		var status int
		var code string
		status, code, err = post(ctx, cfg, from, u, token)
		switch {
		case err != nil && i+1 < len(urls):
			cfg.Log(err.Error())
		case err != nil:
			return err
		case status != http.StatusOK:
			return fmt.Errorf("%s: the gateway answers %d %s", u, status, code)
		default:
			return nil
		}
	}
	return err
}

// post sends the token. It uses no proxy and follows no redirect, because the proved address is the source address of the
// connection. dialFrom verifies the certificate, so that only the gateway gets the token.
func post(ctx context.Context, cfg Config, from netip.Addr, to, token string) (status int, code string, err error) {
	transport := &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: protocol.MaxFrame,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialFrom(ctx, cfg, from, network, address)
		},
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader("{}"))
	if err != nil {
		return 0, "", err
	}
	request.Header = http.Header{
		"Authorization": {"Bearer " + token},
		"Content-Type":  {"application/json"},
		"User-Agent":    {userAgent()},
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	var answer protocol.Error
	if b, err := io.ReadAll(io.LimitReader(response.Body, maxProofAnswer)); err == nil {
		_ = json.Unmarshal(b, &answer) // the status says enough
	}
	return response.StatusCode, agent.Clean(answer.Code, maxCode), nil
}

// dialFrom connects from an address of this computer. The certificate must be for cfg.Host. When cfg.Host is an IP address,
// TLS sends no server name (SNI), and the gateway may choose its certificate by the address in the URL. Then a certificate
// for that address is accepted too.
func dialFrom(ctx context.Context, cfg Config, from netip.Addr, network, address string) (net.Conn, error) {
	conn, err := dialNamed(ctx, cfg, from, network, address, cfg.Host)
	var untrusted *tls.CertificateVerificationError
	if _, notAddr := netip.ParseAddr(cfg.Host); notAddr != nil || !errors.As(err, &untrusted) {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return dialNamed(ctx, cfg, from, network, address, host)
}

func dialNamed(ctx context.Context, cfg Config, from netip.Addr, network, address, name string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return handshake(ctx, raw, address, TLSConfig(name, cfg.Roots, cfg.Pins))
}

// proofURLs returns the URLs of a token that an address can reach, those in its own /64 network first. URLs must be
// https and have an IP address as host.
func proofURLs(list []string, from netip.Addr) []string {
	if len(list) > maxProofURLs {
		list = list[:maxProofURLs]
	}
	type place struct {
		url  string
		near bool
	}
	var places []place
	for _, text := range list {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.User != nil {
			continue
		}
		at, err := netip.ParseAddrPort(u.Host)
		if err != nil || at.Addr().Zone() != "" || at.Addr().Is4() != from.Is4() {
			continue
		}
		net64, _ := from.Prefix(64) // invalid for IPv4
		places = append(places, place{u.String(), net64.IsValid() && net64.Contains(at.Addr())})
	}
	sort.SliceStable(places, func(i, j int) bool { return places[i].near && !places[j].near })
	urls := make([]string, len(places))
	for i, p := range places {
		urls[i] = p.url
	}
	return urls
}
