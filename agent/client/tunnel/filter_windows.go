package tunnel

import (
	"fmt"
	"os"

	"github.com/tailscale/wf"
	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// layers are the filter layers for outgoing and incoming connections. Windows reauthorizes existing connections when
// filters are added.
var layers = map[families][]wf.LayerID{
	ipv4Only:     {wf.LayerALEAuthConnectV4, wf.LayerALEAuthRecvAcceptV4},
	ipv6Only:     {wf.LayerALEAuthConnectV6, wf.LayerALEAuthRecvAcceptV6},
	bothFamilies: {wf.LayerALEAuthConnectV4, wf.LayerALEAuthRecvAcceptV4, wf.LayerALEAuthConnectV6, wf.LayerALEAuthRecvAcceptV6},
}

// putFilters adds the filters. They exist until the session is closed or the process ends.
func putFilters(list []filter, tunnel winipcfg.LUID) (*wf.Session, error) {
	session, err := wf.New(&wf.Options{Name: AdapterName, Description: "VPN of " + AdapterName, Dynamic: true})
	if err != nil {
		return nil, fmt.Errorf("open the filtering platform: %w", err)
	}
	if err := addFilters(session, list, tunnel); err != nil {
		session.Close()
		return nil, err
	}
	return session, nil
}

func addFilters(session *wf.Session, list []filter, tunnel winipcfg.LUID) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := wf.AppID(exe)
	if err != nil {
		return fmt.Errorf("application ID of %s: %w", exe, err)
	}
	id, err := windows.GenerateGUID()
	if err != nil {
		return err
	}
	sublayer := wf.Sublayer{ID: wf.SublayerID(id), Name: AdapterName, Weight: ^uint16(0)}
	if err := session.AddSublayer(&sublayer); err != nil {
		return fmt.Errorf("filter sublayer: %w", err)
	}
	for i, f := range list {
		rule := wf.Rule{Name: f.Name, Sublayer: sublayer.ID, Weight: uint64(len(list) - i), Action: wf.ActionBlock,
			Conditions: f.conditions(program, tunnel)}
		if f.Permit {
			rule.Action = wf.ActionPermit
		}
		if err := addRule(session, rule, layers[f.Families]); err != nil {
			return fmt.Errorf("filter %q: %w", f.Name, err)
		}
	}
	return nil
}

func addRule(session *wf.Session, rule wf.Rule, at []wf.LayerID) error {
	for _, layer := range at {
		id, err := windows.GenerateGUID()
		if err != nil {
			return err
		}
		rule.ID, rule.Layer = wf.RuleID(id), layer
		if err := session.AddRule(&rule); err != nil {
			return fmt.Errorf("layer %s: %w", layer, err)
		}
	}
	return nil
}

// conditions returns the filter's conditions. Several for one field mean any of them. FWPM_CONDITION_ICMP_TYPE is the
// same field as FWPM_CONDITION_IP_LOCAL_PORT.
func (f filter) conditions(program string, tunnel winipcfg.LUID) []*wf.Match {
	var list []*wf.Match
	add := func(field wf.FieldID, op wf.MatchType, value any) {
		list = append(list, &wf.Match{Field: field, Op: op, Value: value})
	}
	if f.Agent {
		add(wf.FieldALEAppID, wf.MatchTypeEqual, program)
	}
	if f.Loopback {
		add(wf.FieldFlags, wf.MatchTypeFlagsAllSet, wf.ConditionFlagIsLoopback)
	}
	if f.Tunnel {
		add(wf.FieldIPLocalInterface, wf.MatchTypeEqual, uint64(tunnel))
	}
	for _, p := range f.Protocols {
		add(wf.FieldIPProtocol, wf.MatchTypeEqual, p)
	}
	if f.LocalPort != 0 {
		add(wf.FieldIPLocalPort, wf.MatchTypeEqual, f.LocalPort)
	}
	for _, icmp := range f.ICMP {
		add(wf.FieldIPLocalPort, wf.MatchTypeEqual, uint16(icmp))
	}
	if f.RemotePort != 0 {
		add(wf.FieldIPRemotePort, wf.MatchTypeEqual, f.RemotePort)
	}
	for _, n := range f.Remote {
		add(wf.FieldIPRemoteAddress, wf.MatchTypeEqual, n)
	}
	return list
}
