package store

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
)

// times is how often each fault is tried: what heals only by luck fails one of them.
const times = 10

// faulty is a store with an administrator, a user and open sessions.
type faulty struct {
	*Store
	t           *testing.T
	path        string
	admin, user agent.UserID
	sessions    int
}

func newFaulty(t *testing.T, dir string) *faulty {
	t.Helper()
	path := filepath.Join(dir, "ideco.db")
	f := &faulty{Store: openStore(t, path), t: t, path: path}
	check(t, f.KeepUnwritten())
	f.admin = addUser(t, f.Store, agent.User{Login: "boss", Admin: true}, "hash")
	f.user = addUser(t, f.Store, agent.User{Login: "ivanov"}, "hash")
	return f
}

// opens begins a session.
func (f *faulty) opens() (agent.Session, error) {
	f.sessions++
	s := agent.Session{ID: agent.NewSessionID(), UserID: f.user, Started: start, Kind: agent.KindLAN,
		Resume: agent.ResumeDigests{Chain: [32]byte{1, byte(f.sessions), byte(f.sessions >> 8)}, Current: [32]byte{2}}}
	return s, f.SaveSession(f.t.Context(), s)
}

func (f *faulty) mustOpen() agent.Session {
	f.t.Helper()
	s, err := f.opens()
	check(f.t, err)
	return s
}

// refused checks that err is a refusal with its trouble, and that Ping tells the same.
func (f *faulty) refused(err error, trouble agent.StoreTrouble) {
	f.t.Helper()
	for _, err := range []error{err, f.Ping(f.t.Context())} {
		var refusal *agent.Error
		if !errors.As(err, &refusal) || refusal.Code != agent.CodeStoreUnavailable || refusal.Trouble != trouble || refusal.Wait == 0 {
			f.t.Errorf("%v, want it refused with %s", err, trouble)
		}
	}
}

// endsDuring ends a session while the store is unavailable, which must take no time and hold at once, also for a process
// that opens the database after kill -9.
func (f *faulty) endsDuring(s agent.Session) {
	f.t.Helper()
	ctx := f.t.Context()
	began := time.Now()
	check(f.t, f.EndSession(ctx, s.ID, agent.SessionEnd{At: start.Add(time.Hour), Reason: agent.ReasonAdmin}))
	if took := time.Since(began); took > time.Second {
		f.t.Errorf("the end took %v", took)
	}
	f.isEnded(f.Store, s)
	next, err := Open(ctx, f.path)
	check(f.t, err)
	defer next.Close()
	check(f.t, next.KeepUnwritten())
	f.isEnded(next, s)
}

func (f *faulty) isEnded(db *Store, s agent.Session) {
	f.t.Helper()
	open, err := db.OpenSessions(f.t.Context())
	if err != nil || slices.ContainsFunc(open, func(o agent.Session) bool { return o.ID == s.ID }) {
		f.t.Errorf("the session that was ended is open: %v", err)
	}
	got, err := db.SessionByResume(f.t.Context(), s.Resume.Chain)
	if err != nil || !got.Ended.Equal(start.Add(time.Hour)) || got.Reason != agent.ReasonAdmin || got.Resume.Current != [32]byte{} {
		f.t.Errorf("the session that was ended: %+v, %v", got, err)
	}
}

// heals checks that the store works again and that nothing is unwritten.
func (f *faulty) heals(ended agent.Session) {
	f.t.Helper()
	f.look(f.t.Context())
	check(f.t, f.Ping(f.t.Context()))
	check(f.t, f.EndSession(f.t.Context(), f.mustOpen().ID, agent.SessionEnd{At: start, Reason: agent.ReasonLogout}))
	if f.unwritten.any() {
		f.t.Errorf("unwritten: %+v", f.unwritten.snapshot())
	}
	f.isEnded(f.Store, ended)
	if content, err := os.ReadFile(f.path + endsSuffix); err != nil || len(content) != endsSize || strings.Trim(string(content), "\x00") != "" {
		f.t.Errorf("the file of ends is not empty: %v", err)
	}
}

// onSmallDisk runs a test with a directory on a disk of 16 MiB. fill fills the disk, clear makes room again.
func onSmallDisk(t *testing.T, test func(t *testing.T, dir string, fill, clear func())) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		dir := t.TempDir()
		check(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"))
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		filler := filepath.Join(dir, "filler")
		test(t, dir, func() {
			if err := os.WriteFile(filler, make([]byte, 32<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
		}, func() { check(t, os.Remove(filler)) })
	})
}

// A full disk refuses what is new. Ends hold, administrators can sign in, and room on the disk is enough to heal.
func TestDiskFull(t *testing.T) {
	onSmallDisk(t, func(t *testing.T, dir string, fill, clear func()) {
		f := newFaulty(t, dir)
		for i := range times {
			s := f.mustOpen()
			fill()
			var err error
			for err == nil && f.sessions < times*10_000 { // the log may still have room
				_, err = f.opens()
			}
			f.refused(err, agent.StoreNoSpace)
			_, err = f.UpdateSettings(t.Context(), func(*agent.Settings) error { return nil })
			f.refused(err, agent.StoreNoSpace)
			f.endsDuring(s)
			f.look(t.Context())
			f.refused(f.SetRemoteAccess(t.Context(), f.user, true), agent.StoreNoSpace)
			signedIn := f.signInDuring(fmt.Sprint("browser ", i))
			clear()
			f.heals(s)
			for _, id := range signedIn {
				if _, err := f.BrowserSession(t.Context(), id); err != nil {
					t.Errorf("browser %s: %v", id, err)
				}
			}
		}
	})
}

// signInDuring signs browsers in and out while the store is unavailable, and returns those that stay signed in.
func (f *faulty) signInDuring(name string) []string {
	f.t.Helper()
	ctx := f.t.Context()
	session := agent.BrowserSession{ID: name, UserID: f.admin, Created: start, LastSeen: start, Expires: start.Add(time.Hour)}
	gone := session
	gone.ID += " gone"
	check(f.t, f.SaveBrowserSession(ctx, session))
	check(f.t, f.SaveBrowserSession(ctx, gone))
	check(f.t, f.TouchBrowserSession(ctx, session.ID, start.Add(time.Minute), session.Expires))
	check(f.t, f.EndBrowserSession(ctx, gone.ID))
	if _, err := f.BrowserSession(ctx, gone.ID); !errors.Is(err, agent.ErrNotFound) {
		f.t.Errorf("signed out: %v", err)
	}
	if got, err := f.BrowserSession(ctx, session.ID); err != nil || !got.LastSeen.Equal(start.Add(time.Minute)) {
		f.t.Errorf("signed in: %+v, %v", got, err)
	}
	if list, err := f.BrowserSessions(ctx, f.admin); err != nil || !slices.ContainsFunc(list, func(b agent.BrowserSession) bool { return b.ID == name }) {
		f.t.Errorf("%d browsers of the administrator without this one: %v", len(list), err)
	}
	session.UserID, session.ID = f.user, "of a user"
	f.refused(f.SaveBrowserSession(ctx, session), agent.StoreNoSpace)
	return []string{name}
}

// The ends of browsers' sessions hold while the disk is full, and after kill -9.
func TestDiskFullSignsOut(t *testing.T) {
	onSmallDisk(t, func(t *testing.T, dir string, fill, clear func()) {
		ctx := t.Context()
		f := newFaulty(t, dir)
		for _, id := range []string{"one", "two", "three"} {
			check(t, f.SaveBrowserSession(ctx, agent.BrowserSession{ID: id, UserID: f.user, Created: start, LastSeen: start, Expires: start}))
		}
		fill()
		for err := error(nil); err == nil; {
			_, err = f.opens()
		}
		check(t, f.EndBrowserSessions(ctx, f.user, "two"))
		next, err := Open(ctx, f.path)
		check(t, err)
		defer next.Close()
		check(t, next.KeepUnwritten())
		for _, db := range []*Store{f.Store, next} {
			if list, err := db.BrowserSessions(ctx, f.user); err != nil || len(list) != 1 || list[0].ID != "two" {
				t.Errorf("signed in are %+v, %v", list, err)
			}
			if err := db.TouchBrowserSession(ctx, "one", start, start); !errors.Is(err, agent.ErrNotFound) {
				t.Errorf("a browser that was signed out is touched: %v", err)
			}
		}
		clear()
		f.look(ctx)
		if list, err := f.BrowserSessions(ctx, f.user); err != nil || len(list) != 1 || f.unwritten.any() {
			t.Errorf("signed in are %+v, %v", list, err)
		}
	})
}

// A lock that another process holds delays the first write alone, and only for seconds.
func TestLocked(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, t.TempDir())
	for i := range times {
		s := f.mustOpen()
		unlock := lock(t, f.path)
		began := time.Now()
		_, err := f.opens()
		if took := time.Since(began); took > 2*busyTimeout {
			t.Errorf("refused after %v", took)
		}
		f.refused(err, agent.StoreLocked)
		began = time.Now()
		for range 100 {
			_, err := f.opens()
			f.refused(err, agent.StoreLocked)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%v for what is refused at once", took)
		}
		if i == 0 {
			f.endsDuring(s)
			_, err := f.writer.Exec("PRAGMA busy_timeout = 50") // the other times need not last as long
			check(t, err)
		} else {
			check(t, f.EndSession(t.Context(), s.ID, agent.SessionEnd{At: start.Add(time.Hour), Reason: agent.ReasonAdmin}))
			f.isEnded(f.Store, s)
		}
		unlock()
		f.heals(s)
	}
}

// A session that comes back is open, whatever end the database has not taken; and what is unwritten at the close is
// written then.
func TestUnwritten(t *testing.T) {
	ctx := t.Context()
	f := newFaulty(t, t.TempDir())
	back, over := f.mustOpen(), f.mustOpen()
	broken := &agent.Error{Code: agent.CodeStoreUnavailable, Trouble: agent.StoreFailed}
	f.fault.Store(broken)
	for _, s := range []agent.Session{back, over} {
		check(t, f.EndSession(ctx, s.ID, agent.SessionEnd{At: start.Add(time.Hour), Reason: agent.ReasonLost, Rx: 1 << 40, Tx: 1 << 41, MAC: "02:00:00:00:00:09"}))
		check(t, f.EndSession(ctx, s.ID, agent.SessionEnd{At: start.Add(2 * time.Hour), Reason: agent.ReasonAdmin})) // keeps its first end
	}
	if err := f.SaveSession(ctx, back); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if open, err := f.OpenSessions(ctx); err != nil || len(open) != 0 {
		t.Errorf("%+v, %v", open, err)
	}
	counted := func(s agent.Session) bool {
		return s.RxStored == 1<<40 && s.TxStored == 1<<41 && s.MACStored == "02:00:00:00:00:09"
	}
	if got, err := f.SessionByResume(ctx, over.Resume.Chain); err != nil || !counted(got) {
		t.Errorf("%+v, %v", got, err)
	}
	f.fault.Store(nil)
	check(t, f.SaveSession(ctx, back))
	check(t, f.Store.Close())

	next := openStore(t, f.path)
	check(t, next.KeepUnwritten())
	if open, err := next.OpenSessions(ctx); err != nil || len(open) != 1 || open[0].ID != back.ID {
		t.Errorf("%+v, %v", open, err)
	}
	got, err := next.SessionByResume(ctx, over.Resume.Chain)
	if err != nil || !got.Ended.Equal(start.Add(time.Hour)) || got.Reason != agent.ReasonLost || !counted(got) || next.unwritten.any() {
		t.Errorf("%+v, %v, unwritten: %v", got, err, next.unwritten.any())
	}
}

// A file of ends that is removed while the store runs is created again with the unwritten ends.
func TestEndsFileRemoved(t *testing.T) {
	f := newFaulty(t, t.TempDir())
	s := f.mustOpen()
	check(t, os.Remove(f.path+endsSuffix))
	f.look(t.Context())
	f.fault.Store(&agent.Error{Code: agent.CodeStoreUnavailable, Trouble: agent.StoreFailed})
	f.endsDuring(s)
}

// A file that was cut off or that holds something else brings back what is whole before that.
func TestEndsFile(t *testing.T) {
	whole := record{Session: "one", At: 1, Reason: agent.ReasonAdmin}.line()
	second := record{Browser: "two"}.line()
	for name, content := range map[string][]byte{
		"cut off": slices.Concat(whole, second[:len(second)-3]),
		"zeros":   slices.Concat(whole, make([]byte, 100), second),
		"garbage": slices.Concat(whole, []byte("garbage\n"), second),
		"changed": slices.Concat(whole, []byte("0"), second[1:]),
	} {
		path := filepath.Join(t.TempDir(), "ends")
		check(t, os.WriteFile(path, content, 0o600))
		var u unwritten
		check(t, u.open(path))
		if len(u.ended) != 1 || len(u.signedOut) != 0 || u.used != int64(len(whole)) {
			t.Errorf("%s: %+v", name, u.snapshot())
		}
		u.addEnd("three", agent.SessionEnd{At: start, Reason: agent.ReasonLost})
		check(t, u.close())
		var again unwritten
		check(t, again.open(path))
		if len(again.ended) != 2 {
			t.Errorf("%s, and one more: %+v", name, again.snapshot())
		}
		check(t, again.close())
	}
}

// TestEndOnlyInMemory: an end that could not be written to the file is not reported as written, also the second time, and is
// written when the file takes it again.
func TestEndOnlyInMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ends")
	var u unwritten
	check(t, u.open(path))
	writable := u.file
	readOnly, err := os.Open(path)
	check(t, err)
	u.file = readOnly
	for range 2 {
		if u.addEnd("one", agent.SessionEnd{At: start, Reason: agent.ReasonLost}) {
			t.Error("an end that is not in the file counts as written")
		}
	}
	check(t, readOnly.Close())
	u.file = writable
	if !u.addEnd("one", agent.SessionEnd{At: start.Add(time.Hour), Reason: agent.ReasonAdmin}) || !u.addEnd("counted", agent.SessionEnd{At: start, Rx: 1, Tx: 2, MAC: "m"}) {
		t.Error("not written")
	}
	check(t, u.close())
	var again unwritten
	check(t, again.open(path))
	if e := again.ended["one"]; e.Reason != agent.ReasonLost || !e.At.Equal(start) {
		t.Errorf("after a restart: %+v", e)
	}
	if e := again.ended["counted"]; e.Rx != 1 || e.Tx != 2 || e.MAC != "m" {
		t.Errorf("after a restart: %+v", e)
	}
	check(t, again.close())
}

// TestEndsFileHalfRewritten: when rewriting the file fails halfway, the next end that is reported as written is in the file, and
// so are the others.
func TestEndsFileHalfRewritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ends")
	var u unwritten
	check(t, u.open(path))
	for _, id := range []string{"one", "two"} {
		u.addEnd(id, agent.SessionEnd{At: start, Reason: agent.ReasonLost})
	}
	writable := u.file
	readOnly, err := os.Open(path)
	check(t, err)
	u.file = readOnly
	u.removeEnd("one")
	check(t, readOnly.Close())
	u.file = writable
	_, err = writable.WriteAt([]byte("half a record"), 0)
	check(t, err)
	if !u.addEnd("three", agent.SessionEnd{At: start, Reason: agent.ReasonAdmin}) {
		t.Error("not written")
	}
	check(t, u.close())
	var again unwritten
	check(t, again.open(path))
	if _, two := again.ended["two"]; !two || len(again.ended) != 2 {
		t.Errorf("after a restart: %+v", again.ended)
	}
	check(t, again.close())
}

// lock makes a connection of another program lock the database.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	check(t, err)
	conn, err := db.Conn(t.Context())
	check(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	check(t, err)
	return func() {
		_, err := conn.ExecContext(t.Context(), "ROLLBACK")
		check(t, errors.Join(err, conn.Close(), db.Close()))
	}
}

// What is written into a file that is no longer in its place would be lost, so it is refused until the file is back.
func TestMoved(t *testing.T) {
	for name, c := range map[string]struct{ away, back func(path string) error }{
		"moved": {func(path string) error { return os.Rename(path, path+".away") },
			func(path string) error { return os.Rename(path+".away", path) }},
		"removed": {func(path string) error { return errors.Join(os.Link(path, path+".away"), os.Remove(path)) },
			func(path string) error { return os.Link(path+".away", path) }},
		"replaced": {func(path string) error {
			return errors.Join(os.Rename(path, path+".away"), os.WriteFile(path, []byte("another"), 0o600))
		}, func(path string) error { return os.Rename(path+".away", path) }},
		"log removed": {func(path string) error { return os.Rename(path+"-wal", path+".away") },
			func(path string) error { return os.Rename(path+".away", path+"-wal") }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, t.TempDir())
			for range times {
				s := f.mustOpen()
				check(t, c.away(f.path))
				_, err := f.opens()
				f.refused(err, agent.StoreMoved)
				f.look(t.Context())
				f.refused(err, agent.StoreMoved)
				check(t, f.EndSession(t.Context(), s.ID, agent.SessionEnd{At: start.Add(time.Hour), Reason: agent.ReasonAdmin}))
				f.isEnded(f.Store, s)
				check(t, c.back(f.path))
				f.heals(s)
				_ = os.Remove(f.path + ".away")
			}
		})
	}
}

// Without descriptors the store goes on: it has opened all its files at the start.
func TestNoDescriptors(t *testing.T) {
	f := newFaulty(t, t.TempDir())
	var before unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	none := before
	none.Cur = 0
	for range times {
		check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
		s, err := f.opens()
		errs := []error{err, f.EndSession(t.Context(), s.ID, agent.SessionEnd{At: start, Reason: agent.ReasonLogout}), f.Ping(t.Context())}
		for range readers {
			errs = append(errs, f.read(t.Context(), func(*sql.Tx) error { return f.Ping(t.Context()) })) // two at a time
		}
		check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before))
		check(t, errors.Join(errs...))
	}
}

// Watch tells once of what is wrong and once that it is over.
func TestWatch(t *testing.T) {
	f := newFaulty(t, t.TempDir())
	reports := make(chan error, 10)
	over := make(chan struct{})
	go func() {
		defer close(over)
		f.Watch(t.Context(), func(err error) { reports <- err })
	}()
	check(t, os.Rename(f.path, f.path+".away"))
	if err := <-reports; !errors.Is(err, errMoved) {
		t.Errorf("%v", err)
	}
	check(t, os.Rename(f.path+".away", f.path))
	if err := <-reports; err != nil {
		t.Errorf("%v", err)
	}
	if len(reports) > 0 {
		t.Errorf("%v", <-reports)
	}
	t.Cleanup(func() { <-over })
}

// A process that starts while the disk is full or the database is locked runs, and takes over what was ended before.
func TestOpenUnavailable(t *testing.T) {
	onSmallDisk(t, func(t *testing.T, dir string, fill, clear func()) {
		f := newFaulty(t, dir)
		fill()
		for err := error(nil); err == nil; {
			_, err = f.opens()
		}
		next, err := Open(t.Context(), f.path)
		check(t, err)
		defer next.Close()
		f.Store = next
		f.refused(next.Ping(t.Context()), agent.StoreNoSpace)
		clear()
	})
}

func TestOpenLocked(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, t.TempDir())
	unlock := lock(t, f.path)
	defer unlock()
	next, err := Open(t.Context(), f.path)
	check(t, err)
	defer next.Close()
	f.Store = next
	f.refused(next.Ping(t.Context()), agent.StoreLocked)
}
