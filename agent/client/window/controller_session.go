package window

import (
	"strings"

	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// loadGateway reads the gateway from the settings and opens the session for it.
func (c *Controller) loadGateway() {
	c.registry = c.cfg.Registry()
	c.gateway, c.gatewayErr = c.choose(c.registry)
	if c.registry.Restrictions.SavedPassword {
		c.deletePasswords()
	}
	if c.session != nil && c.session.Status().Busy() {
		return // never change the session during access or a login
	}
	service := c.cfg.HasService != nil && c.cfg.HasService()
	where := placeOf(c.registry.Names(c.gateway), service) // with invalid settings inProcess; that session shows the problem
	switch {
	case c.session != nil && c.place == where:
	case where == inService:
		c.setSession(where, c.cfg.Service(), nil)
	default:
		cfg := c.cfg.Local
		cfg.Tunnel, cfg.NoTunnel = nil, noTunnel(service)
		local := session.NewLocal(cfg, c.loadedGateway, c.cfg.Lang)
		c.setSession(where, local, local)
	}
}

func (c *Controller) choose(r settings.Registry) (settings.Gateway, error) {
	g, warnings, err := settings.ChooseGateway(r.Policy, c.cfg.CommandLine, c.personal.Setting(r.Installer), r.Installer)
	for _, w := range warnings {
		c.cfg.Log(w.Error())
	}
	return g, err
}

// loadedGateway returns the loaded gateway. The session calls it on the window's goroutine.
func (c *Controller) loadedGateway() (settings.Gateway, error) { return c.gateway, c.gatewayErr }

// setSession replaces the session. It closes the former one in the background.
func (c *Controller) setSession(where place, s session.Session, local *session.Local) {
	if c.session != nil {
		c.leave()
		c.closed.Add(1)
		go func(former session.Session) {
			defer c.closed.Done()
			former.Close()
		}(c.session)
	}
	changed, leave := s.Watch()
	quit := make(chan struct{})
	c.closed.Add(1)
	go func() {
		defer c.closed.Done()
		for {
			select {
			case <-changed:
				c.cfg.Changed()
			case <-quit:
				return
			}
		}
	}()
	c.session, c.place, c.local = s, where, local
	c.leave = func() { leave(); close(quit) }
	c.lastStatus = s.Status()
}

// addressText returns the text for the address field.
func (c *Controller) addressText() string {
	if c.gateway.Host == "" {
		return c.typed.Address
	}
	return c.gateway.String()
}

// locked reports whether policy sets the gateway, even an invalid one.
func (c *Controller) locked() bool {
	v := c.registry.Policy
	return v.Err != nil || strings.TrimSpace(v.Address) != ""
}
