package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

var loginChecks = []check{
	{"gateway answers", []need{needInstalled, needGateway}, (*suite).gatewayAnswers},
	{"wrong password is refused", []need{needInstalled, needGateway, needLogin}, (*suite).wrongPassword},
	{"login", []need{needInstalled, needGateway, needLogin}, (*suite).logIn},
	{"page in the tunnel, without a network interface", []need{needInstalled, needGateway, needLogin, needVPN}, (*suite).pageByProxy},
	{"page in the local network", []need{needInstalled, needGateway, needLogin, needURL}, (*suite).pageInLAN},
}

func (s *suite) gatewayAnswers() result {
	began := time.Now()
	conn, err := net.DialTimeout("tcp", s.server(), requestTimeout)
	if err != nil {
		return bad("the gateway's address; the firewalls between", "%v", err)
	}
	defer conn.Close()
	return good("%s after %d ms", conn.RemoteAddr(), time.Since(began).Milliseconds())
}

func (s *suite) wrongPassword() result {
	a, err := s.startAgent("wrong-password", "windows-check, not the password", false)
	if err != nil {
		return bad("the files of wrong-password in the zip", "%v", err)
	}
	defer a.kill()
	e, err := a.wait(s.ctx, stateError, stateEnded, stateAuthorized)
	if err != nil {
		return bad("the files of wrong-password in the zip", "%v", err)
	}
	return judgeRefusal(e)
}

func judgeRefusal(e event) result {
	if e.State != stateError || e.Code != "bad_credentials" || e.Message == "" {
		return bad("the files of wrong-password in the zip", "want a refusal in words with the code bad_credentials, there is %s %s %q",
			e.State, e.Code, e.Message)
	}
	return good("%q", e.Message)
}

// logIn logs in without a network interface, which works in the local network as well as outside, and with every right.
func (s *suite) logIn() result {
	proxy, err := freeAddress()
	if err != nil {
		return bad("", "%v", err)
	}
	a, err := s.startAgent("login", s.password, false, "--tunnel", "netstack", "--socks", proxy)
	if err != nil {
		return bad("the files of login in the zip", "%v", err)
	}
	s.proxied, s.proxy = a, proxy
	e, err := a.wait(s.ctx, stateAuthorized, stateError, stateEnded)
	if err == nil && e.State != stateAuthorized {
		err = fmt.Errorf("%s %s: %s", e.State, e.Code, e.Message)
	}
	if err != nil {
		return bad("the files of login in the zip", "%v", err)
	}
	s.mode = e.Mode
	switch e.Mode {
	case modeLAN:
		return good("from the local network, address %s", e.Address)
	case modeVPN:
		return good("from outside, by VPN")
	}
	return bad("the files of login in the zip", "the mode is %q", e.Mode)
}

// freeAddress is a port of loopback that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (s *suite) pageByProxy() result {
	defer s.proxied.kill()
	e, err := s.proxied.wait(s.ctx, stateTunnel, stateError, stateEnded)
	if err == nil && e.State != stateTunnel {
		err = fmt.Errorf("%s %s: %s", e.State, e.Code, e.Message)
	}
	if err != nil {
		return bad("the files of login in the zip", "no tunnel: %v", err)
	}
	return s.page(s.inside, &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "socks5", Host: s.proxy})})
}

func (s *suite) pageInLAN() result {
	if s.mode != modeLAN {
		return skipped("not in the local network")
	}
	defer s.proxied.kill()
	return s.page(s.url, &http.Transport{Proxy: nil})
}

// page asks for a page until it answers, whatever it says.
func (s *suite) page(address string, transport *http.Transport) result {
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var status string
	var err error
	answers := func() bool {
		response, e := client.Get(address)
		if err = e; e != nil {
			return false
		}
		status = response.Status
		response.Body.Close()
		return true
	}
	if !s.until(answerTimeout, answers) {
		return bad("the routes in the zip; the gateway's settings", "%v", err)
	}
	return good("%s answers %s", address, status)
}

// kill ends the program as a crash does.
func (a *agentRun) kill() {
	if a == nil {
		return
	}
	_ = a.process.Kill() // it may have ended
	a.ended(answerTimeout)
}
