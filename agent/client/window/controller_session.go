package window

import (
	"strings"

	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// loadGateway reads the gateway from the settings and opens the session for it.
func (c *Controller) loadGateway() {
	c.registry = c.cfg.Registry()
	c.gateway, c.wrong = c.choose(c.registry)
	if c.registry.Bans.SavedPassword {
		c.forget()
	}
	if c.session != nil && c.session.Status().Busy() {
		return // never change the session during access or a login
	}
	service := c.cfg.HasService != nil && c.cfg.HasService()
	where := placeOf(c.registry.Vouches(c.gateway), service) // with invalid settings: here, and that session shows the problem
	switch {
	case c.session != nil && c.place == where:
	case where == inService:
		c.open(where, c.cfg.Service(), nil)
	default:
		cfg := c.cfg.Local
		cfg.Tunnel, cfg.NoTunnel = nil, noTunnel(service)
		local := session.NewLocal(cfg, c.chooseNow, c.cfg.Lang)
		c.open(where, local, local)
	}
}

func (c *Controller) choose(r settings.Registry) (settings.Gateway, error) {
	g, warnings, err := settings.Choose(r.Policy, c.cfg.Line, c.personal.Values(r.Installer), r.Installer)
	for _, w := range warnings {
		c.cfg.Log(w.Error())
	}
	return g, err
}

// chooseNow returns the loaded gateway. The session calls it on the window's goroutine.
func (c *Controller) chooseNow() (settings.Gateway, error) { return c.gateway, c.wrong }

// open replaces the session.
func (c *Controller) open(where place, s session.Session, local *session.Local) {
	if c.session != nil {
		c.leave()
		c.dismiss(c.session)
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
	c.was = s.Status()
}

// dismiss closes a session in the background.
func (c *Controller) dismiss(s session.Session) {
	c.closed.Add(1)
	go func() {
		defer c.closed.Done()
		s.Close()
	}()
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
