//go:build ad

package access_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/directory/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// office stores the accounts of a directory and their devices in memory. There are no local accounts.
type office struct {
	mu      sync.Mutex
	users   []agent.User
	devices map[string]bool
}

func (o *office) LocalAccount(context.Context, string) (agent.User, string, error) {
	return agent.User{}, "", agent.ErrNotFound
}

func (o *office) RenewHash(context.Context, agent.UserID, string, string) error { return nil }

func (o *office) ChangePassword(context.Context, agent.UserID, string, string) error { return nil }

func (o *office) user(which func(agent.User) bool) (agent.User, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, u := range o.users {
		if which(u) {
			return u, nil
		}
	}
	return agent.User{}, agent.ErrNotFound
}

func (o *office) DirectoryUser(_ context.Context, _, guid string) (agent.User, error) {
	return o.user(func(u agent.User) bool { return u.GUID == guid })
}

func (o *office) DirectoryUserByLogin(_ context.Context, _, login string) (agent.User, error) {
	return o.user(func(u agent.User) bool { return u.Login == login })
}

func (o *office) SaveDirectoryUser(ctx context.Context, p agent.DirectoryPerson) (agent.User, error) {
	if u, err := o.DirectoryUser(ctx, p.Directory, p.GUID); err == nil {
		return u, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	u := agent.User{ID: agent.UserID(len(o.users) + 1), Login: p.Login, Directory: p.Directory, GUID: p.GUID, Enabled: true}
	o.users = append(o.users, u)
	return u, nil
}

func (o *office) KnowsDevice(_ context.Context, user agent.UserID, device string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.devices[fmt.Sprint(user, device)], nil
}

func (o *office) RememberDevice(_ context.Context, user agent.UserID, device string, _ time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.devices[fmt.Sprint(user, device)] = true
	return nil
}

func (o *office) RememberLogin(context.Context, agent.UserID, time.Time) error { return nil }

// TestADLockout: 60 wrong passwords within half an hour of the throttle's clock, from outside, the LAN, the gateway itself and five
// devices, in every form of the login and while connections to the controllers break, never lock an account. Each comparison
// raises badPwdCount by one.
func TestADLockout(t *testing.T) {
	ad := lab.NewAD(t)
	o := &office{devices: map[string]bool{}}
	log := slog.New(slog.DiscardHandler)
	dirs := directory.New(directory.NewLocal(o, log), o, log)
	t.Cleanup(dirs.Close)
	settings := agent.DirectorySettings{ID: 1, Kind: agent.DirectoryAD, Name: lab.Domain, Default: true, DNS: []netip.Addr{lab.DNSServer.Addr()},
		Controllers: []string{lab.DC2, lab.DC1}, Transport: agent.TransportLDAPS, CA: string(ad.CA.PEM()), User: ad.SearchDN, Password: lab.SearchPassword}
	dirs.Set([]agent.DirectorySettings{settings})
	now := time.Now()
	gate := access.NewGateWithClock(dirs, o, log, func() time.Time { return now })
	try := func(login, password, from, device string) agent.Code {
		peer := agent.Peer{Addr: netip.MustParseAddr(from)}
		peer.Inside = peer.Addr.IsPrivate()
		if _, err := gate.SignIn(t.Context(), access.SignIn{Login: login, Password: password, Peer: peer, DeviceID: device}); err != nil {
			return agent.AsError(err).Code
		}
		return ""
	}
	for i := range 3 { // known devices
		if code := try("alice", lab.Password, "198.51.100.1", fmt.Sprint("device", i)); code != "" {
			t.Fatal(code)
		}
	}
	forms := []string{"alice", "ALICE", `EXAMPLE\alice`, "example.test/alice", "alice@example.test", `example.test\Alice`}
	peers := []string{"198.51.100.1", "192.168.1.10", "127.0.0.1", "203.0.113.7", "2001:db8::1"}
	before := 0
	for i := range 60 {
		switch i % 12 {
		case 3:
			ad.Second.Drop()
		case 6:
			ad.Second.Stop()
		case 9:
			ad.Second.Start(t)
		}
		code := try(forms[i%len(forms)], "wrong", peers[i%len(peers)], fmt.Sprint("device", i%5))
		after := ad.BadPasswords(t, "alice")
		switch {
		case code == agent.CodeBadCredentials && after != before+1, code == agent.CodeTooManyAttempts && after != before:
			t.Errorf("attempt %d, %s: badPwdCount went from %d to %d", i, code, before, after)
		case code != agent.CodeBadCredentials && code != agent.CodeTooManyAttempts:
			t.Errorf("attempt %d: %q", i, code)
		}
		before = after
		now = now.Add(30 * time.Second)
	}
	if before != 2 || ad.Locked(t, "alice") {
		t.Errorf("badPwdCount %d, locked %v", before, ad.Locked(t, "alice"))
	}
	now = now.Add(30 * time.Minute)
	if code := try("alice", lab.Password, "198.51.100.1", "device0"); code != "" || ad.BadPasswords(t, "alice") != 0 {
		t.Errorf("after the window: %q, badPwdCount %d", code, ad.BadPasswords(t, "alice"))
	}
	settings.User, settings.Password = ad.AdminDN, lab.AdminPassword // who may read the policy of strict: two wrong passwords
	dirs.Set([]agent.DirectorySettings{settings})
	for range 5 {
		try("strict", "wrong", "192.168.1.10", "")
	}
	if n := ad.BadPasswords(t, "strict"); n != 1 || ad.Locked(t, "strict") {
		t.Errorf("strict: badPwdCount %d, locked %v", n, ad.Locked(t, "strict"))
	}
}
