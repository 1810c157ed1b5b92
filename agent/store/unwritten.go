package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"ideco-agent/agent"
)

// unwritten has what is not in the database yet: the ends of sessions and of browsers' sessions, and the browsers in which
// administrators have signed in meanwhile. The methods that read the database add it to what they read.
//
// The ends are also in a file beside the database, so that what was ended does not come back after kill -9. That file has
// its size from the start and is written in place, so a full disk takes an end, too. (Not so where a file system writes
// everything to a new place, as btrfs and ZFS do.) An end is in the file before it is in the database, and leaves it
// after. Without the file, as in the commands beside a gateway, there is nothing unwritten.
type unwritten struct {
	mu       sync.Mutex // guards what follows
	file     *os.File   // nil before KeepUnwritten
	used     int64      // bytes of the file
	sessions map[string]end
	browsers map[string]bool
	signedIn map[string]agent.BrowserSession
}

// end is when and why a session ended.
type end struct {
	at     time.Time
	reason agent.Reason
}

// record is a line of the file, after its checksum (CRC-32, 8 digits in hex, and a space). The first line that is none
// ends the list.
type record struct {
	Session string       `json:"session,omitempty"`
	At      int64        `json:"at,omitempty"` // microseconds since 1970
	Reason  agent.Reason `json:"reason,omitempty"`
	Browser string       `json:"browser,omitempty"`
}

const (
	endsSuffix = "-ends"   // of the file's name, after that of the database
	endsSize   = 512 << 10 // of the file in bytes, enough for some thousand ends
)

// KeepUnwritten makes the store keep in a file what the database does not take. It also brings back what the process before
// could not write, for Watch to write. Only the process that has locked the data directory may call it, once.
func (s *Store) KeepUnwritten() error {
	if err := s.unwritten.open(s.file.path + endsSuffix); err != nil {
		return fmt.Errorf("open the file of ended sessions: %w", err)
	}
	return nil
}

// open reads the file and makes it when it is missing.
func (u *unwritten) open(path string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	f, content, err := openEnds(path)
	if err != nil {
		return err
	}
	u.sessions, u.browsers, u.signedIn = map[string]end{}, map[string]bool{}, map[string]agent.BrowserSession{}
	u.file = f
	for line := range bytes.Lines(content) {
		r, ok := parseRecord(line)
		if !ok {
			break
		}
		if u.used += int64(len(line)); r.Browser != "" {
			u.browsers[r.Browser] = true
		} else {
			u.sessions[r.Session] = end{time.UnixMicro(r.At).UTC(), r.Reason}
		}
	}
	return nil
}

// openEnds opens the file, gives it its size and reads it.
func openEnds(path string) (*os.File, []byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	content, err := os.ReadFile(path)
	if missing := endsSize - len(content); err == nil && missing > 0 {
		_, err = f.WriteAt(make([]byte, missing), int64(len(content)))
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, content, nil
}

// reopen makes the file anew if it was removed, moved or replaced.
func (u *unwritten) reopen(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return
	}
	now, err := os.Stat(path)
	if opened, e := u.file.Stat(); e != nil || err == nil && os.SameFile(now, opened) {
		return
	}
	f, content, err := openEnds(path)
	if err != nil {
		return // until the next time
	}
	_ = u.file.Close()
	u.file, u.used = f, int64(len(content))
	u.rewrite()
}

func (u *unwritten) close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return nil
	}
	err := u.file.Close()
	u.file = nil
	return err
}

func (r record) line() []byte {
	b, _ := json.Marshal(r) // never fails for strings and numbers
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(b), b)
}

func parseRecord(line []byte) (r record, ok bool) {
	sum, text, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || crc32.ChecksumIEEE(text) != uint32(want) || json.Unmarshal(text, &r) != nil {
		return record{}, false
	}
	return r, r.Session != "" || r.Browser != ""
}

// add appends records to the file. The caller holds mu.
func (u *unwritten) add(records ...record) error {
	var b []byte
	for _, r := range records {
		b = append(b, r.line()...)
	}
	if _, err := u.file.WriteAt(b, u.used); err != nil {
		return err
	}
	u.used += int64(len(b))
	return nil
}

// rewrite replaces the records of the file by what is unwritten now. The caller holds mu. A failure is made good by the next
// change: a record that is no longer needed does no harm.
func (u *unwritten) rewrite() {
	var b []byte
	for id, e := range u.sessions {
		b = append(b, record{Session: id, At: micros(e.at), Reason: e.reason}.line()...)
	}
	for id := range u.browsers {
		b = append(b, record{Browser: id}.line()...)
	}
	used := int64(len(b))
	if rest := u.used - used; rest > 0 {
		b = append(b, make([]byte, rest)...)
	}
	if _, err := u.file.WriteAt(b, 0); err == nil {
		u.used = used
	}
}

func (u *unwritten) any() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.sessions)+len(u.browsers)+len(u.signedIn) > 0
}

// addEnd adds the end of a session. An ended one keeps its end. It reports whether the end is in the file.
func (u *unwritten) addEnd(id string, e end) (inFile bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return false
	}
	if _, is := u.sessions[id]; is {
		return true
	}
	u.sessions[id] = e
	return u.add(record{Session: id, At: micros(e.at), Reason: e.reason}) == nil
}

// removeEnd removes the end of a session that is in the database, or of one that is open again.
func (u *unwritten) removeEnd(id string) (e end, was bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e, was = u.sessions[id]; was {
		delete(u.sessions, id)
		u.rewrite()
	}
	return e, was
}

func (u *unwritten) isEnded(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, is := u.sessions[id]
	return is
}

// overlay makes a session what it is once the database has everything.
func (u *unwritten) overlay(session *agent.Session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	e, is := u.sessions[session.ID]
	if !is {
		return
	}
	if session.Ended.IsZero() {
		session.Ended, session.Reason = e.at, e.reason
	}
	if !e.reason.Reconnects() {
		session.Resume.Current, session.Resume.Previous = [32]byte{}, [32]byte{}
	}
}

// addSignOuts adds the ends of browsers' sessions. It reports whether they are in the file.
func (u *unwritten) addSignOuts(ids ...string) (inFile bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return false
	}
	var records []record
	for _, id := range ids {
		delete(u.signedIn, id)
		u.browsers[id] = true
		records = append(records, record{Browser: id})
	}
	return u.add(records...) == nil
}

// removeSignOuts removes the ends of browsers' sessions that are in the database.
func (u *unwritten) removeSignOuts(ids ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil || len(ids) == 0 {
		return
	}
	for _, id := range ids {
		delete(u.browsers, id)
	}
	u.rewrite()
}

// addSignIn adds the session of a browser. Of too many the one that was not seen for longest ends.
func (u *unwritten) addSignIn(session agent.BrowserSession) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return false
	}
	if !u.browsers[session.ID] {
		u.signedIn[session.ID] = session
	}
	if len(u.signedIn) > browsersPerUser {
		oldest := session
		for _, other := range u.signedIn {
			if other.LastSeen.Before(oldest.LastSeen) {
				oldest = other
			}
		}
		delete(u.signedIn, oldest.ID)
	}
	return true
}

// touch updates the session of a browser that is kept in memory. It reports whether there is one.
func (u *unwritten) touch(id string, seen, expires time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	session, is := u.signedIn[id]
	if is {
		session.LastSeen, session.Expires = seen, expires
		u.signedIn[id] = session
	}
	return is
}

// signedInAs is the session of a browser that is kept in memory.
func (u *unwritten) signedInAs(id string) (session agent.BrowserSession, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	session, ok = u.signedIn[id]
	return session, ok
}

func (u *unwritten) isSignedOut(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.browsers[id]
}

// overlayBrowsers adds to a person's sessions of browsers those in memory and takes out those that have ended.
func (u *unwritten) overlayBrowsers(user agent.UserID, list []agent.BrowserSession) []agent.BrowserSession {
	u.mu.Lock()
	defer u.mu.Unlock()
	list = slices.DeleteFunc(list, func(b agent.BrowserSession) bool { return u.browsers[b.ID] })
	for _, b := range u.signedIn {
		if b.UserID == user {
			list = append(list, b)
		}
	}
	slices.SortStableFunc(list, func(a, b agent.BrowserSession) int { return b.LastSeen.Compare(a.LastSeen) })
	return list
}

// snapshot is what is unwritten at one moment.
type snapshot struct {
	sessions map[string]end
	browsers map[string]bool
	signedIn map[string]agent.BrowserSession
}

// writeUnwritten writes what is unwritten in a transaction that write makes.
func (s *Store) writeUnwritten(ctx context.Context, write func(context.Context, func(*sql.Tx) error) error) error {
	var written snapshot
	err := write(ctx, func(tx *sql.Tx) error {
		written = s.unwritten.snapshot() // now, because a session may just have been opened again
		return written.write(ctx, tx)
	})
	if err == nil {
		s.unwritten.remove(written)
	}
	return err
}

func (u *unwritten) snapshot() snapshot {
	u.mu.Lock()
	defer u.mu.Unlock()
	return snapshot{maps.Clone(u.sessions), maps.Clone(u.browsers), maps.Clone(u.signedIn)}
}

func (d snapshot) write(ctx context.Context, tx *sql.Tx) error {
	for id, e := range d.sessions {
		if err := endSession(ctx, tx, id, e.at, e.reason); err != nil && !errors.Is(err, agent.ErrNotFound) {
			return err
		}
	}
	for id := range d.browsers {
		if _, err := tx.ExecContext(ctx, `DELETE FROM browser_sessions WHERE id = $1`, id); err != nil {
			return err
		}
	}
	for _, b := range d.signedIn {
		_, err := findUser(ctx, tx, b.UserID)
		if errors.Is(err, agent.ErrNotFound) {
			continue
		}
		if err == nil {
			err = saveBrowserSession(ctx, tx, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remove removes what was written.
func (u *unwritten) remove(written snapshot) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(written.sessions)+len(written.browsers)+len(written.signedIn) == 0 {
		return
	}
	maps.DeleteFunc(u.sessions, func(id string, e end) bool { return written.sessions[id] == e })
	maps.DeleteFunc(u.browsers, func(id string, _ bool) bool { return written.browsers[id] })
	maps.DeleteFunc(u.signedIn, func(id string, _ agent.BrowserSession) bool { _, is := written.signedIn[id]; return is })
	u.rewrite()
}
