package window

import (
	"strings"

	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

// loadGateway reads which gateway the settings name, and takes the seat that belongs to it.
func (d *Desk) loadGateway() {
	d.registry = d.cfg.Registry()
	d.gateway, d.wrong = d.choose(d.registry)
	if d.registry.Bans.SavedPassword {
		d.forget()
	}
	if d.seat != nil && d.seat.View().Busy() {
		return // what is going on ends where it began
	}
	service := d.cfg.HasService != nil && d.cfg.HasService()
	where := placeOf(d.registry.Vouches(d.gateway), service) // where something is wrong, the seat here says so
	switch {
	case d.seat != nil && d.place == where:
	case where == inService:
		d.sit(where, d.cfg.Service(), nil)
	default:
		k := d.cfg.Keeper
		k.Tunnel, k.NoTunnel = nil, noTunnel(service)
		kept := keeper.New(k)
		d.sit(where, seat.NewLocal(kept, d.chooseNow, d.cfg.Lang), kept)
	}
}

func (d *Desk) choose(r settings.Registry) (settings.Gateway, error) {
	g, warnings, err := settings.Choose(r.Policy, d.cfg.Line, d.personal.Values(r.Installer), r.Installer)
	for _, w := range warnings {
		d.cfg.Log(w.Error())
	}
	return g, err
}

// chooseNow is for the seat here, which asks on the window's goroutine.
func (d *Desk) chooseNow() (settings.Gateway, error) { return d.gateway, d.wrong }

// sit takes a seat in place of the one before it.
func (d *Desk) sit(where place, s seat.Seat, k *keeper.Keeper) {
	if d.seat != nil {
		d.leave()
		d.dismiss(d.seat)
	}
	changed, leave := s.Watch()
	quit := make(chan struct{})
	d.closed.Add(1)
	go func() {
		defer d.closed.Done()
		for {
			select {
			case <-changed:
				d.cfg.Changed()
			case <-quit:
				return
			}
		}
	}()
	d.seat, d.place, d.keeper = s, where, k
	d.leave = func() { leave(); close(quit) }
	d.was = s.View()
}

// dismiss closes a seat that has no access, without making the window wait.
func (d *Desk) dismiss(s seat.Seat) {
	d.closed.Add(1)
	go func() {
		defer d.closed.Done()
		s.Close()
	}()
}

// addressText is the text of the address field.
func (d *Desk) addressText() string {
	if d.gateway.Host == "" {
		return d.typed.Address
	}
	return d.gateway.String()
}

// locked: policy names the gateway, well or badly.
func (d *Desk) locked() bool {
	v := d.registry.Policy
	return v.Err != nil || strings.TrimSpace(v.Address) != ""
}
