package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// TestAdministratorByGroup: an account in a group of administrators administers, until the next request after it has left. The last
// administrator without a group stays one.
func TestAdministratorByGroup(t *testing.T) {
	s := newSite(t)
	h, real, db := gated(s), s.PortalHandler(), s.Accounts.(accounts).Store
	ctx := context.Background()
	id, _, err := db.CreateGroup(ctx, agent.Group{Name: "Administrators", Directory: agent.LocalDirectory, Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	ivanov := signIn(t, s, "ivanov")
	want := func(what string, status int, home string) {
		t.Helper()
		if got := ask(h, "GET", "/admin/agent", page, inLAN, ivanov).Code; got != status {
			t.Errorf("%s: %d, want %d", what, got, status)
		}
		if got := ask(real, "GET", "/", page, inLAN, ivanov).Header().Get("Location"); got != home {
			t.Errorf("%s: sent to %s", what, got)
		}
		if code := ask(h, "GET", "/admin/agent", page, outside, ivanov).Code; code != http.StatusNotFound {
			t.Errorf("%s, from outside: %d", what, code)
		}
	}
	want("a user", http.StatusForbidden, "/cabinet")
	put := func(group agent.GroupID) {
		if _, err := db.UpdateUser(ctx, 2, func(u *agent.User) error { u.Group = group; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	put(id)
	want("in the group", reached, overviewPath)
	if _, err := db.UpdateUser(ctx, 1, func(u *agent.User) error { u.Admin = false; return nil }); err == nil {
		t.Error("the last administrator depends on a group")
	}
	put(0)
	want("out of the group", http.StatusForbidden, "/cabinet")
	put(id)
	if _, err := db.DeleteGroup(ctx, id); err != nil {
		t.Fatal(err)
	}
	want("without the group", http.StatusForbidden, "/cabinet")
}

// TestAdministratorByGroupLogged: the log names accounts that become or stop being administrators by a group.
func TestAdministratorByGroupLogged(t *testing.T) {
	a := newAdministration(t)
	log := &lockedLog{}
	a.site.Log = slog.New(slog.NewTextHandler(log, nil))
	id, _, err := a.site.Groups.CreateGroup(context.Background(), agent.Group{Name: "Administrators", Directory: agent.LocalDirectory, Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	in := fmt.Sprint(id)
	a.saved(a.post("/admin/users", userValues("login", "new", "psw", password, "psw2", password, "parent_id", in)))
	a.saved(a.post("/admin/users/2", userValues("parent_id", in, "confirm", "1")))
	a.saved(a.post("/admin/users/2", userValues("parent_id", in, "comment", "the same")))
	a.saved(a.post("/admin/users/2", userValues("parent_id", "")))
	var events []string
	for line := range strings.Lines(log.String()) {
		if _, event, ok := strings.Cut(line, "event=administrator_by_group "); ok {
			events = append(events, event[strings.Index(event, "account="):len(event)-1])
		}
	}
	if want := []string{"account=new admin=true", "account=ivanov admin=true", "account=ivanov admin=false"}; !slices.Equal(events, want) {
		t.Errorf("%q in %s", events, log)
	}
}

// oneAddress is a tunnel with one address.
type oneAddress struct{ access.Tunnel }

var addressInTunnel = netip.MustParseAddr("10.128.0.2")

func (oneAddress) Available() bool                        { return true }
func (oneAddress) Release(context.Context, agent.Session) {}
func (oneAddress) Traffic() map[string]agent.Traffic      { return nil }
func (oneAddress) Recount(context.Context, []string)      {}
func (oneAddress) Reserve(context.Context, agent.Session) (netip.Addr, error) {
	return addressInTunnel, nil
}

func (oneAddress) Up(context.Context, agent.Session, agent.Key) (agent.TunnelConfig, error) {
	return agent.TunnelConfig{Address: netip.PrefixFrom(addressInTunnel, 16)}, nil
}

// TestNetworksOfGroups: the tunnel carries the networks that the person's group sets.
func TestNetworksOfGroups(t *testing.T) {
	s := newSite(t)
	db := s.Accounts.(accounts).Store
	ctx := context.Background()
	set := s.Settings.(*fixedSettings)
	set.now.ForwardNets = []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}
	s.Sessions = access.NewManager(access.Config{Gate: s.Gate, Store: db, Tunnel: oneAddress{}, Settings: set.Current, Log: s.Log})
	group := func(nets ...netip.Prefix) agent.GroupID {
		id, _, err := db.CreateGroup(ctx, agent.Group{Name: fmt.Sprint("Group ", nets), Directory: agent.LocalDirectory, Rights: agent.Rights{ForwardNets: nets}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for _, c := range []struct {
		group agent.GroupID
		want  string
	}{
		{0, "[192.168.0.0/16]"},
		{group(), "[192.168.0.0/16]"},
		{group(netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/16")), "[10.1.0.0/16 10.2.0.0/16]"},
		{group(netip.MustParsePrefix("0.0.0.0/0")), "[0.0.0.0/0]"},
	} {
		if _, err := db.UpdateUser(ctx, 2, func(u *agent.User) error { u.Group, u.RemoteAccess = c.group, true; return nil }); err != nil {
			t.Fatal(err)
		}
		conn := dialAgent(t, s)
		if answer := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`"}`)); answer["need_tunnel"] != true {
			t.Fatal(answer)
		}
		answer := askAgent(t, conn, []byte(`{"type":"tunnel_wg","public_key":"aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd28="}`))
		if got := fmt.Sprint(answer["forward_nets"]); got != c.want {
			t.Errorf("group %d: %s, want %s", c.group, got, c.want)
		}
		askAgent(t, conn, []byte(`{"type":"unauthorize"}`))
	}
}

// TestLogTellsAdministratorsApart: an administrator of a directory and a local one may have the same login.
func TestLogTellsAdministratorsApart(t *testing.T) {
	s := newSite(t)
	log := &lockedLog{}
	s.Log = slog.New(slog.NewTextHandler(log, nil))
	c := echo.New().NewContext(httptest.NewRequest("GET", "/", nil), httptest.NewRecorder())
	for _, directory := range []string{agent.LocalDirectory, "company.local"} {
		c.Set(visitorKey, &visitor{User: &agent.User{Login: "boss", Directory: directory}})
		s.securityEvent(c, "group_deleted")
	}
	if text := log.String(); !strings.Contains(text, "by=boss\n") || !strings.Contains(text, `by=company.local\boss`) {
		t.Error(text)
	}
}
