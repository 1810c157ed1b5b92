package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ideco-agent/agent"
)

var compareAddresses = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func TestSettingsOfANewGateway(t *testing.T) {
	settings, saved, err := newStore(t).Settings(t.Context())
	if err != nil || saved {
		t.Errorf("saved %v, %v", saved, err)
	}
	if diff := cmp.Diff(agent.DefaultSettings(), settings, compareAddresses); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsComeBack(t *testing.T) {
	s := newStore(t)
	rapid.Check(t, func(t *rapid.T) {
		want := settingsGenerator().Draw(t, "settings")
		now, err := s.UpdateSettings(t.Context(), func(settings *agent.Settings) error { *settings = want; return nil })
		if err != nil {
			t.Fatal(err)
		}
		got, saved, err := s.Settings(t.Context())
		if err != nil || !saved {
			t.Fatalf("saved %v, %v", saved, err)
		}
		if diff := cmp.Diff(want, got, compareAddresses) + cmp.Diff(want, now, compareAddresses); diff != "" {
			t.Fatal(diff)
		}
	})
}

func settingsGenerator() *rapid.Generator[agent.Settings] {
	return rapid.Custom(func(t *rapid.T) agent.Settings {
		nets := rapid.SliceOf(rapid.Custom(drawPrefix))
		length := rapid.Int64Range(0, math.MaxInt64)
		return agent.Settings{
			Enabled:        rapid.Bool().Draw(t, "enabled"),
			Domain:         rapid.String().Draw(t, "domain"),
			FormerDomains:  rapid.SliceOf(rapid.String()).Draw(t, "former domains"),
			LocalNetworks:  nets.Draw(t, "local"),
			NetworksSeen:   rapid.Bool().Draw(t, "seen"),
			Forwarding:     rapid.Bool().Draw(t, "forwarding"),
			BrowserSignIn:  nets.Draw(t, "browser"),
			LocalTunnel:    rapid.Bool().Draw(t, "tunnel"),
			VPNNetwork:     drawPrefix(t),
			ForwardNets:    nets.Draw(t, "forward"),
			DNS:            rapid.SliceOf(rapid.Custom(drawAddr)).Draw(t, "dns"),
			DNSSuffixes:    rapid.SliceOf(rapid.String()).Draw(t, "suffixes"),
			SessionLAN:     time.Duration(length.Draw(t, "lan")),
			SessionVPN:     time.Duration(length.Draw(t, "vpn")),
			Grace:          time.Duration(length.Draw(t, "grace")),
			DevicesPerUser: rapid.Int().Draw(t, "devices"),
			DevicePolicy:   rapid.SampledFrom([]agent.DevicePolicy{agent.DeviceEvict, agent.DeviceRefuse}).Draw(t, "policy"),
			JournalDays:    rapid.Int().Draw(t, "days"),
			JournalMB:      rapid.Int().Draw(t, "size"),

			GatewaySettings: drawGateway(t),
			Trial: agent.GatewayTrial{
				Before:   drawGateway(t),
				Until:    time.UnixMilli(rapid.Int64Range(0, 1<<40).Draw(t, "until")).UTC(),
				Returned: time.UnixMilli(rapid.Int64Range(0, 1<<40).Draw(t, "returned")).UTC(),
			},
		}
	})
}

func drawGateway(t *rapid.T) agent.GatewaySettings {
	return agent.GatewaySettings{
		LANInterfaces:   rapid.SliceOf(rapid.String()).Draw(t, "lan interfaces"),
		WANInterfaces:   rapid.SliceOf(rapid.String()).Draw(t, "wan interfaces"),
		Masquerade:      rapid.Bool().Draw(t, "masquerade"),
		OpenBeforeLogin: rapid.SliceOf(rapid.Custom(drawOpen)).Draw(t, "open"),
		VPNPeersMayTalk: rapid.Bool().Draw(t, "peers"),
		FirewallTimeout: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "timeout")),
	}
}

func drawAddr(t *rapid.T) netip.Addr {
	size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
	a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "address"))
	return a
}

// drawOpen draws entries with a port and, as all were before there were ports, without one.
func drawOpen(t *rapid.T) agent.OpenServer {
	return agent.OpenServer{Addr: drawAddr(t), Port: rapid.OneOf(rapid.Just(uint16(0)), rapid.Uint16()).Draw(t, "port")}
}

func drawPrefix(t *rapid.T) netip.Prefix {
	a := drawAddr(t)
	return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
}

// A setting that is forgotten in settingsFields would be lost silently.
func TestEverySettingIsKept(t *testing.T) {
	var settings agent.Settings
	kept := map[uintptr]string{}
	for key, field := range settingsFields(&settings) {
		kept[reflect.ValueOf(field).Pointer()] = key
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[agent.Settings]()) {
		if !f.Anonymous && kept[reflect.ValueOf(&settings).Elem().FieldByIndex(f.Index).Addr().Pointer()] == "" {
			t.Errorf("%s is not kept", f.Name)
		}
	}
}

func TestUpdateSettingsTakesAFailedChangeBack(t *testing.T) {
	s := newStore(t)
	no := errors.New("no")
	_, err := s.UpdateSettings(t.Context(), func(settings *agent.Settings) error { settings.Enabled = true; return no })
	if !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	if settings, saved, err := s.Settings(t.Context()); err != nil || saved || settings.Enabled {
		t.Errorf("enabled %v, saved %v, %v", settings.Enabled, saved, err)
	}
}

func TestSettingsOfOtherVersions(t *testing.T) {
	s := newStore(t)
	insertSetting(t, s, "of_a_later_version", `{"a":1}`)
	settings, saved, err := s.Settings(t.Context())
	if err != nil || !saved || settings.DevicesPerUser != agent.DefaultSettings().DevicesPerUser {
		t.Errorf("a missing key: %v, %v, %v", settings.DevicesPerUser, saved, err)
	}
	insertSetting(t, s, "grace", `"a while"`)
	if _, _, err := s.Settings(t.Context()); err == nil || !strings.Contains(err.Error(), "grace: ") {
		t.Errorf("a broken value: %v", err)
	}
}

// TestJournalDaysOfEarlierVersions: a journal that earlier versions kept for longer than is possible now does not refuse changes.
func TestJournalDaysOfEarlierVersions(t *testing.T) {
	for stored, want := range map[string]int{"3650": 1826, "1827": 1826, "1826": 1826, "365": 365, "": 190} {
		path, db := earlierVersion(t, 7)
		if stored != "" {
			_, err := db.writer.Exec(`INSERT INTO settings (key, value) VALUES ('journal_days', $1)`, stored)
			check(t, err)
		}
		check(t, db.Close())
		settings, _, err := openStore(t, path).Settings(t.Context())
		if err != nil || settings.JournalDays != want || len(settings.Check()) != 0 {
			t.Errorf("%s: %d days, %v, %v", stored, settings.JournalDays, settings.Check(), err)
		}
	}
}

// Earlier versions had no ports and wrote only addresses.
func TestOpenOfEarlierVersions(t *testing.T) {
	s := newStore(t)
	rapid.Check(t, func(t *rapid.T) {
		addrs := rapid.SliceOf(rapid.Custom(drawAddr)).Draw(t, "addresses")
		value, err := json.Marshal(addrs)
		if err != nil {
			t.Fatal(err)
		}
		err = s.write(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO settings (key, value) VALUES ('open_before_login', $1), ('gateway_trial', $2)
				ON CONFLICT (key) DO UPDATE SET value = excluded.value`, string(value), `{"Before":{"OpenBeforeLogin":`+string(value)+`}}`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		settings, _, err := s.Settings(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		want := []agent.OpenServer{}
		for _, a := range addrs {
			want = append(want, agent.OpenServer{Addr: a})
		}
		for _, got := range [][]agent.OpenServer{settings.OpenBeforeLogin, settings.Trial.Before.OpenBeforeLogin} {
			if diff := cmp.Diff(want, got, compareAddresses, cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func insertSetting(t *testing.T, s *Store, key, value string) {
	t.Helper()
	check(t, s.write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (key, value) VALUES ($1, $2)`, key, value)
		return err
	}))
}

// TestUpgradeKeepsForwarding: where the audit log says that somebody switched forwarding on, the gateway does so at each start after
// the upgrade.
func TestUpgradeKeepsForwarding(t *testing.T) {
	for _, was := range []bool{false, true} {
		path, s := earlierVersion(t, 13)
		code := agent.ActDomainSaved
		if was {
			code = agent.ActForwardingOn
		}
		_, err := s.writer.ExecContext(t.Context(), `INSERT INTO acts (at, user_id, login, source, peer, inside, kind, code, object, name, count, names, changes, search)
			VALUES (1, 0, 'boss', 'page', '', 1, 'gateway', $1, '', '', 0, '', '[]', '')`, string(code))
		check(t, err)
		check(t, s.Close())
		s, err = Open(t.Context(), path)
		check(t, err)
		settings, _, err := s.Settings(t.Context())
		check(t, err)
		if settings.Forwarding != was {
			t.Errorf("switched on before the upgrade: %t, after it: %t", was, settings.Forwarding)
		}
		check(t, s.Close())
	}
}
