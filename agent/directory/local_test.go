package directory

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// accounts are local accounts in memory.
type accounts struct {
	byLogin  map[string]account // by spelling.Login
	broken   error
	writeErr error
}

func (a accounts) LocalAccount(_ context.Context, login string) (agent.User, string, error) {
	if a.broken != nil {
		return agent.User{}, "", a.broken
	}
	found, ok := a.byLogin[spelling.Login(login)]
	if !ok {
		return agent.User{}, "", agent.ErrNotFound
	}
	found.Directory = agent.LocalDirectory
	return found.User, found.hash, nil
}

func (a accounts) RenewHash(_ context.Context, id agent.UserID, old, renewed string) error {
	if a.writeErr != nil {
		return a.writeErr
	}
	for login, found := range a.byLogin {
		if found.ID == id && found.hash == old {
			a.byLogin[login] = account{found.User, renewed}
		}
	}
	return nil
}

func (a accounts) ChangePassword(_ context.Context, id agent.UserID, former, hash string) error {
	for login, found := range a.byLogin {
		if found.ID == id && found.hash == former {
			found.MustChange = false
			a.byLogin[login] = account{found.User, hash}
			return a.writeErr
		}
	}
	return agent.ErrNotFound
}

const password = "верный пароль"

// exampleHash is computed once, because hashing is slow.
var exampleHash = sync.OnceValues(func() (string, error) { return Hash(context.Background(), password) })

// counter counts how often a password was hashed, and keeps the length of the longest one.
type counter struct{ hashes, longest int }

func newLocal(t *testing.T) (*Local, *counter) {
	t.Helper()
	hash, err := exampleHash()
	if err != nil {
		t.Fatal(err)
	}
	l := NewLocal(accounts{byLogin: map[string]account{
		"иванов":    {agent.User{ID: 1, Login: "Иванов", Enabled: true}, hash},
		"off":       {agent.User{ID: 2, Login: "off"}, hash},
		"empty":     {agent.User{ID: 3, Login: "empty", Enabled: true}, ""},
		"broken":    {agent.User{ID: 4, Login: "broken", Enabled: true}, "$1$md5"},
		"zero":      {agent.User{ID: 5, Login: "zero", Enabled: true}, "$argon2id$v=19$m=0,t=0,p=0$AAAA$AAAA"},
		"a@b":       {agent.User{ID: 6, Login: "a@b", Enabled: true}, hash}, // must be out of reach
		"иванов@co": {agent.User{ID: 7, Login: "иванов@co", Enabled: true}, hash},
	}}, slog.New(slog.DiscardHandler))
	count := &counter{}
	l.matches = func(password, hash string) (bool, error) {
		count.hashes++
		count.longest = max(count.longest, len(password))
		return matches(password, hash)
	}
	return l, count
}

func TestAuthenticate(t *testing.T) {
	l, count := newLocal(t)
	for what, test := range map[string]struct {
		login, password string
		want            agent.UserID // 0 = bad credentials
	}{
		"right":                     {" ИВАНОВ ", password, 1},
		"switched off":              {"off", password, 2}, // the caller's matter
		"wrong password":            {"иванов", "неверный пароль", 0},
		"password in another case":  {"иванов", strings.ToUpper(password), 0},
		"empty password":            {"иванов", "", 0},
		"too long":                  {"иванов", password + strings.Repeat("x", agent.MaxPassword), 0},
		"unknown login":             {"nobody", password, 0},
		"no password set":           {"empty", password, 0},
		"no password set nor typed": {"empty", "", 0},
		"empty login":               {" ", password, 0},
		"a domain's user":           {"a@b", password, 0},
		"a domain's user, old form": {`CO\иванов`, password, 0},
		"a domain's user, path":     {"co/иванов", password, 0},
		"a domain and a local name": {"иванов@co", password, 0},
		"endless login":             {strings.Repeat("x", 1<<20), password, 0},
		"broken login":              {"иванов\xff\x00", password, 0},
	} {
		*count = counter{}
		user, err := l.Authenticate(t.Context(), agent.Credentials{Login: test.login, Password: test.password})
		if user.ID != test.want {
			t.Errorf("%s: %+v", what, user)
		}
		var refusal *agent.Error
		if test.want == 0 && (!errors.As(err, &refusal) || refusal.Code != agent.CodeBadCredentials) {
			t.Errorf("%s: %v", what, err)
		}
		if test.want != 0 && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if count.hashes != 1 || count.longest > agent.MaxPassword {
			t.Errorf("%s: hashed %d times, up to %d bytes", what, count.hashes, count.longest)
		}
	}
}

func TestAuthenticateReportsFaults(t *testing.T) {
	l, _ := newLocal(t)
	for _, login := range []string{"broken", "zero"} {
		_, err := l.Authenticate(t.Context(), agent.Credentials{Login: login, Password: password})
		if err == nil || agent.AsError(err).Code != agent.CodeInternal {
			t.Errorf("%s: %v", login, err)
		}
	}
	l.accounts = accounts{broken: errors.New("the disk is gone")}
	if _, err := l.Authenticate(t.Context(), agent.Credentials{Login: "x"}); agent.AsError(err).Code != agent.CodeInternal {
		t.Errorf("lost database: %v", err)
	}
	if _, _, err := l.Knows(t.Context(), "x"); err == nil {
		t.Error("Knows: the lost database was not reported")
	}
}

// TestFind: all spellings of a login have one key, whether it is known or not. Finding hashes nothing.
func TestFind(t *testing.T) {
	l, count := newLocal(t)
	for login, want := range map[string]struct {
		key string
		id  agent.UserID
	}{" ИВАНОВ": {"local/1", 1}, "Иванов": {"local/1", 1}, "off": {"local/2", 2}, "Nobody": {"local/nobody", 0}, " nobody ": {"local/nobody", 0},
		"a@b": {"local/a@b", 0}} {
		found, err := l.Find(t.Context(), login)
		if err != nil || found.Key != want.key || found.UserID != want.id || found.Known != (want.id != 0) || found.Lockout != (agent.Lockout{}) {
			t.Errorf("%q: %+v, %v", login, found, err)
		}
	}
	if count.hashes != 0 {
		t.Errorf("hashed %d times", count.hashes)
	}
	found, _ := l.Find(t.Context(), "иванов")
	if u, err := found.Authenticate(t.Context(), agent.Credentials{Login: "иванов", Password: password}); err != nil || u.ID != 1 {
		t.Errorf("the account's Authenticate: %+v, %v", u, err)
	}
	l.accounts = accounts{broken: errors.New("the disk is gone")}
	if _, err := l.Find(t.Context(), "x"); err == nil {
		t.Error("the lost database was not reported")
	}
}

func TestKnows(t *testing.T) {
	l, count := newLocal(t)
	for login, want := range map[string]agent.UserID{" Иванов": 1, "off": 2, "nobody": 0, "a@b": 0, "": 0} {
		id, known, err := l.Knows(t.Context(), login)
		if err != nil || id != want || known != (want != 0) {
			t.Errorf("%q: %d, %v, %v", login, id, known, err)
		}
	}
	if count.hashes != 0 {
		t.Errorf("hashed %d times", count.hashes)
	}
}

func TestAuthenticateWhenFull(t *testing.T) {
	l, count := newLocal(t)
	l.queue = newQueue(2, 0)
	l.queue.join(callerFrom(agent.OriginStranger, "203.0.113.7"))
	try := func(origin agent.Origin) *agent.Error {
		_, err := l.Authenticate(t.Context(), agent.Credentials{Login: "иванов", Password: "x", Origin: origin})
		return agent.AsError(err)
	}
	if err := try(agent.OriginStranger); err.Code != agent.CodeTooManyAttempts || err.Wait != fullWait {
		t.Errorf("a stranger: %+v", err)
	}
	if count.hashes != 0 {
		t.Error("hashed for somebody who was sent away")
	}
	for _, origin := range []agent.Origin{agent.OriginDevice, agent.OriginLAN} {
		if err := try(origin); err.Code != agent.CodeBadCredentials {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

// fill makes a queue with one place and room for one, both taken by a host of the LAN.
func fill() (q *queue, working, waiting *caller) {
	q = newQueue(1, 1)
	working, waiting = callerFrom(agent.OriginLAN, "192.168.1.66"), callerFrom(agent.OriginLAN, "192.168.1.66")
	q.join(working)
	q.join(waiting)
	return q, working, waiting
}

// TestAuthenticateTakesAPlace: a full queue turns away a caller of the host that fills it, for one of another host.
func TestAuthenticateTakesAPlace(t *testing.T) {
	l, _ := newLocal(t)
	var working, waiting *caller
	l.queue, working, waiting = fill()
	result := make(chan error)
	go func() {
		_, err := l.Authenticate(t.Context(), agent.Credentials{Login: "иванов", Password: password, Origin: agent.OriginLAN,
			Peer: agent.Peer{Addr: netip.MustParseAddr("192.168.1.10"), Inside: true}})
		result <- err
	}()
	select {
	case err := <-waiting.turn:
		if !errors.Is(err, errFull) {
			t.Errorf("who waited: %v", err)
		}
	case err := <-result:
		t.Fatalf("answered while another one works: %v", err)
	}
	l.queue.leave(working)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestHashGoesFirst: a password can be saved while the queue is full.
func TestHashGoesFirst(t *testing.T) {
	usual := hashing
	defer func() { hashing = usual }()
	var working, waiting *caller
	hashing, working, waiting = fill()
	result := make(chan error)
	go func() {
		_, err := Hash(t.Context(), password)
		result <- err
	}()
	select {
	case err := <-waiting.turn:
		if !errors.Is(err, errFull) {
			t.Errorf("who waited: %v", err)
		}
	case err := <-result:
		t.Fatalf("answered while another one works: %v", err)
	}
	hashing.leave(working)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestAuthenticateGivesUpWithItsCaller(t *testing.T) {
	l, count := newLocal(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Authenticate(ctx, agent.Credentials{Login: "иванов", Password: password})
	if !errors.Is(err, context.Canceled) || count.hashes != 0 {
		t.Errorf("%v after %d hashes", err, count.hashes)
	}
}

func TestHash(t *testing.T) {
	hash, err := exampleHash()
	if err != nil || !strings.HasPrefix(hash, opaqueMark+"$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%q, %v", hash, err)
	}
	if ok, err := matches(password, strings.TrimPrefix(hash, opaqueMark)); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	for _, bad := range []string{"", strings.Repeat("x", agent.MaxPassword+1)} {
		if _, err := Hash(t.Context(), bad); err == nil {
			t.Errorf("hashed %d bytes", len(bad))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Hash(ctx, password); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller went away: %v", err)
	}
}

// FuzzMatches: a broken hash in the database does not crash the gateway.
func FuzzMatches(f *testing.F) {
	for _, hash := range []string{"", "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=0,p=0$AAAA$", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA", "$2a$10$abc"} {
		f.Add("password", hash)
	}
	f.Fuzz(func(t *testing.T, password, hash string) {
		if ok, err := matches(password, hash); ok && err != nil {
			t.Error("a match with an error")
		}
	})
}
