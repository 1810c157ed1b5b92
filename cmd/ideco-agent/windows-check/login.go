package main

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

var loginChecks = []check{
	{"gateway answers", []*need{needInstalled, needGateway}, (*suite).gatewayAnswers},
	{"wrong password is refused", []*need{needInstalled, needGateway, needLogin}, (*suite).wrongPassword},
	{"login", []*need{needInstalled, needGateway, needLogin}, (*suite).logIn},
	{"page in the tunnel, without a network interface", []*need{needInstalled, needGateway, needLogin, needAccess, needVPN}, (*suite).pageByProxy},
	{"page in the local network", []*need{needInstalled, needGateway, needLogin, needURL}, (*suite).pageInLAN},
	{"login without a password", []*need{needInstalled, needGateway, needSSO}, (*suite).logInSSO},
}

func (s *suite) gatewayAnswers() result {
	began := time.Now()
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(splitGateway(s.gateway)), requestTimeout)
	if err != nil {
		return s.noAnswer(err)
	}
	defer conn.Close()
	return ok("%s after %d ms", conn.RemoteAddr(), time.Since(began).Milliseconds())
}

// noAnswer judges a failed connection to the gateway. It is "not tried" for an unknown name under .test, as in the
// installers of automated runs. RFC 6761 reserves these names.
func (s *suite) noAnswer(err error) result {
	var unknown *net.DNSError
	if errors.As(err, &unknown) && s.options.gateway == "" && strings.HasSuffix(strings.ToLower(s.gateway), ".test") {
		return notTried("the installer names %s: there is no such name, because .test is reserved for tests", s.gateway)
	}
	return failed("the gateway's address; firewalls on the way", "%v", err)
}

func (s *suite) wrongPassword() result {
	a, err := s.startAgent("wrong-password", "windows-check, not the password", false)
	if err != nil {
		return failed(agentFiles("wrong-password"), "%v", err)
	}
	defer a.kill()
	e, err := a.wait(s.ctx, stateError, stateEnded, stateAuthorized)
	if err != nil {
		return failed(agentFiles("wrong-password"), "%v", err)
	}
	return judgeRefusal(e)
}

func judgeRefusal(e event) result {
	if e.State != stateError || e.Code != "bad_credentials" || e.Message == "" {
		return failed(agentFiles("wrong-password"), "want an error with the code bad_credentials and a message, got: %v", e)
	}
	return ok("%q", e.Message)
}

// logIn logs in without a network interface, which works inside and outside of the local network, and needs no rights.
func (s *suite) logIn() result {
	proxy, err := freeAddress()
	if err != nil {
		return failed("the loopback interface of this computer", "no free port: %v", err)
	}
	a, err := s.startAgent("login", s.password, false, "--tunnel", "netstack", "--socks", proxy)
	if err != nil {
		return failed(agentFiles("login"), "%v", err)
	}
	s.proxied, s.proxy = a, proxy
	e, err := a.waitFor(s.ctx, stateAuthorized)
	if err != nil {
		return failed(agentFiles("login"), "%v", err)
	}
	s.mode = e.Mode
	switch e.Mode {
	case modeLAN:
		return ok("from the local network, address %s", e.Address)
	case modeVPN:
		return ok("from outside, with a VPN")
	}
	return failed(agentFiles("login"), "the mode is %q", e.Mode)
}

// logInSSO logs in with the Kerberos tickets of this Windows user, who must be a user of the domain.
func (s *suite) logInSSO() result {
	s.proxied.kill() // its session would be another person's on this address
	a, err := s.startSSO("sso")
	if err != nil {
		return failed(agentFiles("sso"), "%v", err)
	}
	defer a.kill()
	e, err := a.wait(s.ctx, stateError, stateEnded, stateAuthorized)
	if err != nil {
		return failed(agentFiles("sso"), "%v", err)
	}
	return judgeSSO(e)
}

func judgeSSO(e event) result {
	if e.State != stateAuthorized || e.Mode == "" {
		return failed(agentFiles("sso")+"; klist; setspn -Q HTTP/the gateway's name", "%v", e)
	}
	return ok("address %s, as %s@%s", e.Address, os.Getenv("USERNAME"), os.Getenv("USERDNSDOMAIN"))
}

// freeAddress returns a loopback address with a free port.
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
	if _, err := s.proxied.waitFor(s.ctx, stateTunnel); err != nil {
		return failed(agentFiles("login"), "no tunnel: %v", err)
	}
	return s.page(s.inside, &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "socks5", Host: s.proxy})})
}

func (s *suite) pageInLAN() result {
	if s.mode != modeLAN {
		return notTried("not in the local network")
	}
	defer s.proxied.kill()
	return s.page(s.url, &http.Transport{Proxy: nil})
}

// page requests a page until it answers. Any HTTP status will do.
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
		return failed("the route files in the zip; the gateway's settings", "%v", err)
	}
	return ok("%s answers %s", address, status)
}

// kill ends the program without giving it a chance to clean up.
func (a *agentRun) kill() {
	if a == nil {
		return
	}
	_ = a.process.Kill() // it may have ended already
	a.ended(answerTimeout)
}
