package store

import (
	"bytes"
	"cmp"
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

// unwritten holds what is not in the database yet: the ends of sessions and of browser sessions, and, from while the database could
// not be written, the browser sessions of administrators who have signed in and what administrators have done. The methods that read the
// database add it to what they read, except for acts.
//
// The ends are also in a file beside the database, so that what has ended does not come back after kill -9. The file has
// its full size from the start and is written in place, so that an end can be written even when the disk is full (except on
// copy-on-write file systems such as btrfs and ZFS). An end is written to the file before it is written to the
// database, and removed from the file afterwards. Without KeepUnwritten, as in "ideco-portal admin", nothing is kept here.
type unwritten struct {
	mu        sync.Mutex // guards the fields below
	file      *os.File   // nil before KeepUnwritten
	used      int64      // bytes of the file that are in use; what is behind them is zero
	stale     bool       // rewrite has failed, perhaps halfway
	ended     map[string]agent.SessionEnd
	signedOut map[string]bool
	signedIn  map[string]agent.BrowserSession
	acts      []agent.Act // see addActs
}

// record is the end of a session or of a browser session. A line of the file is the record's CRC-32 as 8 hex digits, a
// space and the record as JSON. The first line that is not valid ends the list.
type record struct {
	Session string       `json:"session,omitempty"`
	At      int64        `json:"at,omitempty"` // microseconds since 1970
	Reason  agent.Reason `json:"reason,omitempty"`
	Rx      uint64       `json:"rx,omitempty"`
	Tx      uint64       `json:"tx,omitempty"`
	MAC     string       `json:"mac,omitempty"`
	Browser string       `json:"browser,omitempty"`
}

const (
	endsSuffix = "-ends"   // the file's name is that of the database with this suffix
	endsSize   = 512 << 10 // of the file in bytes, enough for some thousand ends
)

// KeepUnwritten makes the store keep ends in a file until they are in the database, and administrators' sign-ins in memory. It
// reads the ends that the previous process left in the file; Watch writes them to the database. Only the process that has
// locked the data directory may call it, once.
func (s *Store) KeepUnwritten() error {
	if err := s.unwritten.open(s.file.path + endsSuffix); err != nil {
		return fmt.Errorf("open the file of ended sessions: %w", err)
	}
	return nil
}

// open reads the file, or makes it when it is missing.
func (u *unwritten) open(path string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	f, content, err := openEnds(path)
	if err != nil {
		return err
	}
	u.ended, u.signedOut, u.signedIn = map[string]agent.SessionEnd{}, map[string]bool{}, map[string]agent.BrowserSession{}
	u.file = f
	for line := range bytes.Lines(content) {
		r, ok := parseRecord(line)
		if !ok {
			break
		}
		if u.used += int64(len(line)); r.Browser != "" {
			u.signedOut[r.Browser] = true
		} else {
			u.ended[r.Session] = agent.SessionEnd{At: time.UnixMicro(r.At).UTC(), Reason: r.Reason, Rx: r.Rx, Tx: r.Tx, MAC: r.MAC}
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

// reopen opens the file again if it was removed, moved or replaced, and writes the records to it.
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
		return // Watch calls it again
	}
	_ = u.file.Close()
	u.file, u.used = f, int64(len(content)) // the whole file may hold old records
	_ = u.rewrite()                         // the next change tries again
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

func recordOf(id string, e agent.SessionEnd) record {
	return record{Session: id, At: micros(e.At), Reason: e.Reason, Rx: e.Rx, Tx: e.Tx, MAC: e.MAC}
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

// add appends records to the file, which are in the maps already. The caller holds mu.
func (u *unwritten) add(records ...record) error {
	if u.stale {
		return u.rewrite()
	}
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

// rewrite replaces the records of the file with the ends that are unwritten now. The caller holds mu. After an error the next
// change rewrites the file.
func (u *unwritten) rewrite() error {
	var b []byte
	for id, e := range u.ended {
		b = append(b, recordOf(id, e).line()...)
	}
	for id := range u.signedOut {
		b = append(b, record{Browser: id}.line()...)
	}
	used := int64(len(b))
	if rest := u.used - used; rest > 0 {
		b = append(b, make([]byte, rest)...)
	}
	_, err := u.file.WriteAt(b, 0)
	if u.stale = err != nil; !u.stale {
		u.used = used
	}
	return err
}

func (u *unwritten) any() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.ended)+len(u.signedOut)+len(u.signedIn)+len(u.acts) > 0
}

// addEnd keeps the end of a session. An earlier end stays. The record is written to the file in either case, so that calling it
// again repeats a write that failed. It reports whether the record is in the file.
func (u *unwritten) addEnd(id string, e agent.SessionEnd) (inFile bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return false
	}
	if earlier, is := u.ended[id]; is {
		e = earlier
	}
	u.ended[id] = e
	return u.add(recordOf(id, e)) == nil
}

// removeEnd removes and returns the end of a session, if there is one: it is in the database now, or no longer holds.
func (u *unwritten) removeEnd(id string) (e agent.SessionEnd, was bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e, was = u.ended[id]; was {
		delete(u.ended, id)
		_ = u.rewrite()
	}
	return e, was
}

func (u *unwritten) isEnded(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, is := u.ended[id]
	return is
}

// overlay applies the unwritten end of a session to what the database has of the session.
func (u *unwritten) overlay(session *agent.Session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	e, is := u.ended[session.ID]
	if !is {
		return
	}
	if session.Ended.IsZero() {
		session.Ended, session.Reason = e.At, e.Reason
		session.RxStored, session.TxStored = max(session.RxStored, e.Rx), max(session.TxStored, e.Tx)
		session.MACStored = cmp.Or(e.MAC, session.MACStored)
	}
	if !e.Reason.Reconnects() {
		session.Resume.Current, session.Resume.Previous = [32]byte{}, [32]byte{}
	}
}

// addSignOuts adds the ends of browser sessions. It reports whether they are in the file.
func (u *unwritten) addSignOuts(ids ...string) (inFile bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return false
	}
	var records []record
	for _, id := range ids {
		delete(u.signedIn, id)
		u.signedOut[id] = true
		records = append(records, record{Browser: id})
	}
	return u.add(records...) == nil
}

// removeSignOuts removes the ends of browser sessions that are in the database.
func (u *unwritten) removeSignOuts(ids ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil || len(ids) == 0 {
		return
	}
	for _, id := range ids {
		delete(u.signedOut, id)
	}
	_ = u.rewrite()
}

// addSignIn keeps a browser session in memory. When there are more than browsersPerUser, of all administrators together,
// the one last seen longest ago ends. A session that has signed out is not kept. It returns false before KeepUnwritten.
func (u *unwritten) addSignIn(session agent.BrowserSession) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return false
	}
	if !u.signedOut[session.ID] {
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

// touch updates a browser session that is kept in memory. It reports whether there is one.
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

// signIn returns a browser session that is kept in memory.
func (u *unwritten) signIn(id string) (session agent.BrowserSession, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	session, ok = u.signedIn[id]
	return session, ok
}

func (u *unwritten) isSignedOut(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.signedOut[id]
}

// overlayBrowsers removes from a person's browser sessions those that have ended, and adds those in memory.
func (u *unwritten) overlayBrowsers(user agent.UserID, list []agent.BrowserSession) []agent.BrowserSession {
	u.mu.Lock()
	defer u.mu.Unlock()
	list = slices.DeleteFunc(list, func(b agent.BrowserSession) bool { return u.signedOut[b.ID] })
	for _, b := range u.signedIn {
		if b.UserID == user {
			list = append(list, b)
		}
	}
	slices.SortStableFunc(list, func(a, b agent.BrowserSession) int { return b.LastSeen.Compare(a.LastSeen) })
	return list
}

// unwrittenCopy is what is unwritten at one moment.
type unwrittenCopy struct {
	ended     map[string]agent.SessionEnd
	signedOut map[string]bool
	signedIn  map[string]agent.BrowserSession
	acts      []agent.Act
}

// writeUnwritten writes what is unwritten to the database, in one transaction that inTransaction runs, and then removes it here.
func (s *Store) writeUnwritten(ctx context.Context, inTransaction func(context.Context, func(*sql.Tx) error) error) error {
	var written unwrittenCopy
	err := inTransaction(ctx, func(tx *sql.Tx) error {
		written = s.unwritten.snapshot() // in the transaction: a SaveSession just before may have removed an end
		return written.write(ctx, tx)
	})
	if err == nil {
		s.unwritten.remove(written)
	}
	return err
}

func (u *unwritten) snapshot() unwrittenCopy {
	u.mu.Lock()
	defer u.mu.Unlock()
	return unwrittenCopy{maps.Clone(u.ended), maps.Clone(u.signedOut), maps.Clone(u.signedIn), slices.Clone(u.acts)}
}

func (d unwrittenCopy) write(ctx context.Context, tx *sql.Tx) error {
	for id, e := range d.ended {
		if err := endSession(ctx, tx, id, e); err != nil && !errors.Is(err, agent.ErrNotFound) {
			return err
		}
	}
	for id := range d.signedOut {
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
	if len(d.acts) == 0 {
		return nil
	}
	return addActs(ctx, tx, d.acts)
}

// remove removes what was written.
func (u *unwritten) remove(written unwrittenCopy) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.acts = slices.Delete(u.acts, 0, min(len(written.acts), len(u.acts))) // the newest are at the end
	if len(written.ended)+len(written.signedOut)+len(written.signedIn) == 0 {
		return
	}
	maps.DeleteFunc(u.ended, func(id string, e agent.SessionEnd) bool { return written.ended[id] == e })
	maps.DeleteFunc(u.signedOut, func(id string, _ bool) bool { return written.signedOut[id] })
	maps.DeleteFunc(u.signedIn, func(id string, _ agent.BrowserSession) bool { _, is := written.signedIn[id]; return is })
	_ = u.rewrite()
}
