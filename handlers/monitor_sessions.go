package handlers

import (
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) monitorSessions(c echo.Context) error {
	d, err := s.monitorData(c, templates.SessionsTable, c.QueryParam)
	if err != nil {
		return err
	}
	d.AgentEnabled = s.Settings.Current().Enabled
	return s.monitor(c, templates.MonitorSessions, d)
}

// sessionJSON is a live session in REST answers: first the vendor's fields, then ours.
type sessionJSON struct {
	ID           string  `json:"id"`
	UserObjectID string  `json:"user_object_id"` // "user.id.7"
	Login        string  `json:"login"`
	Subnet       *string `json:"subnet"` // "10.0.0.5/32"
	ExternalIP   string  `json:"external_ip"`
	AuthModule   string  `json:"auth_module"` // see authModules
	NodeName     string  `json:"node_name"`   // of the person's computer

	Directory string      `json:"directory"` // agent.LocalDirectory or the directory's name
	Kind      agent.Kind  `json:"kind"`
	State     agent.State `json:"state"`
	Address   *string     `json:"address"`
	Addresses []string    `json:"addresses"` // all with access, Address first
	MAC       *string     `json:"mac"`       // of the computer in the LAN; null if unknown
	Device    deviceJSON  `json:"device"`
	Started   string      `json:"started"` // RFC 3339
	Expires   *string     `json:"expires"` // RFC 3339; null if it has no length
	Rx        *uint64     `json:"rx"`      // bytes; null if not counted
	Tx        *uint64     `json:"tx"`
}

type deviceJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	OS   string `json:"os"`
}

// authModules are the values of auth_module. An address with a rule that always applies has "ip_permanent" instead.
var authModules = map[agent.Kind]string{agent.KindLAN: "agent", agent.KindVPN: "wireguard", agent.KindWeb: "web", agent.KindStatic: "ip"}

func jsonOfSession(l agent.LiveSession) sessionJSON {
	out := sessionJSON{
		ID: l.ID, UserObjectID: "user.id." + idText(l.UserID), Login: l.Login, ExternalIP: l.ExternalIP.String(), AuthModule: authModules[l.Kind],
		NodeName: l.Device.Name, Directory: l.Directory, Kind: l.Kind, State: l.State,
		Addresses: []string{},
		Device:    deviceJSON{l.Device.ID, l.Device.Name, l.Device.OS},
		Started:   rfc3339(l.Started), Expires: timeOrNull(l.Expires), Rx: l.Rx, Tx: l.Tx,
	}
	if l.Address.IsValid() {
		address, subnet := l.Address.String(), netip.PrefixFrom(l.Address, l.Address.BitLen()).String()
		out.Address, out.Subnet = &address, &subnet
		out.Addresses = append(out.Addresses, address)
	}
	for _, a := range l.FurtherAddresses {
		out.Addresses = append(out.Addresses, a.String())
	}
	if l.MAC != "" {
		out.MAC = &l.MAC
	}
	return out
}

func (s *Site) restAuthSessions(c echo.Context) error {
	rules, err := s.AuthRules.AuthRules(c.Request().Context())
	if err != nil {
		return err
	}
	permanent := map[netip.Addr]bool{}
	for _, r := range rules {
		permanent[r.Address] = permanent[r.Address] || r.Enabled && r.Always
	}
	out := []sessionJSON{}
	for _, live := range s.Sessions.Sessions() {
		one := jsonOfSession(live)
		if live.Kind == agent.KindStatic && permanent[live.Address] {
			one.AuthModule = "ip_permanent"
		}
		out = append(out, one)
	}
	return c.JSON(http.StatusOK, out)
}
