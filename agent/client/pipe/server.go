package pipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

const (
	firstByteTimeout = 2 * time.Second  // until the first byte, which Identify needs
	helloTimeout     = 10 * time.Second // until hello is complete
	writeTimeout     = 10 * time.Second // for a window to read a message

	maxFailures  = 5 // consecutive, of the listener
	failurePause = time.Second

	// maxOpen limits the connections. Beyond it the oldest connection that has sent nothing is closed, so that one
	// person with many idle connections cannot block windows, which send hello at once.
	maxOpen = 256
	// maxWindows limits the connections of one person.
	maxWindows = 8
)

// ServerConfig configures a Server. Clock may be nil.
type ServerConfig struct {
	Manager       Manager
	ChooseGateway func() (settings.Gateway, error) // see session.NewLocal
	// Identify returns the user of a window. It is called once, after the window has sent something.
	Identify func(net.Conn) (Caller, error)
	Log      func(text string)
	Clock    client.Clock
}

// Server is the service's end of the pipe. It does not close the manager.
type Server struct {
	cfg     ServerConfig
	broker  *broker
	quit    chan struct{} // closed by Close
	serving sync.WaitGroup

	mu     sync.Mutex // guards the fields below, and serving.Add
	closed bool
	open   map[io.Closer]struct{}

	silent  []net.Conn     // open connections that have sent nothing, oldest first
	persons map[Person]int // numbers of identified connections
}

// NewServer returns a server; Serve starts it.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Clock == nil {
		cfg.Clock = client.SystemClock
	}
	return &Server{cfg: cfg, quit: make(chan struct{}), open: map[io.Closer]struct{}{}, persons: map[Person]int{},
		broker: &broker{manager: cfg.Manager, chooseGateway: cfg.ChooseGateway, log: cfg.Log, clock: cfg.Clock, windows: map[*window]struct{}{}}}
}

// Serve accepts windows until Close, or until the listener has failed several times in a row. A single failure may
// come from a window that has already closed.
func (s *Server) Serve(l net.Listener) error {
	if !s.addListener(l) {
		l.Close()
		return nil
	}
	for failures := 0; ; {
		conn, err := l.Accept()
		if err != nil {
			if failures++; !s.waitToRetry(failures, err) {
				return s.serveResult(err)
			}
			continue
		}
		failures = 0
		if !s.beginServing() {
			conn.Close()
			continue // Accept then reports that it is closed
		}
		go func() {
			defer s.serving.Done()
			s.ServeWindow(conn)
		}()
	}
}

// beginServing counts a connection that Close waits for; false = Close was called before.
func (s *Server) beginServing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.serving.Add(1)
	}
	return !s.closed
}

// waitToRetry waits after a failure of the listener; false = too many failures, or the server is closed.
func (s *Server) waitToRetry(failures int, err error) bool {
	if failures >= maxFailures || errors.Is(err, net.ErrClosed) {
		return false
	}
	over, stop := s.cfg.Clock.Timer(failurePause)
	defer stop()
	select {
	case <-over:
		return true
	case <-s.quit:
		return false
	}
}

// serveResult returns the result of Serve: nil after Close.
func (s *Server) serveResult(err error) error {
	select {
	case <-s.quit:
		return nil
	default:
		return fmt.Errorf("pipe: %w", err)
	}
}

// ServeWindow serves one window until its connection ends.
func (s *Server) ServeWindow(conn net.Conn) {
	if !s.addConn(conn) {
		conn.Close()
		return
	}
	defer s.removeConn(conn)
	who, in, err := s.identify(conn)
	if err != nil {
		s.logRejected(err)
		return
	}
	defer s.uncount(who.Person)
	w, err := s.readHello(conn, who, in)
	if err != nil {
		s.logRejected(err)
		return
	}
	s.broker.join(w)
	ended, sent := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		if err := s.sendUpdates(conn, w, ended); isTimeout(err) {
			conn.Close() // otherwise the window would go on showing an old status
		} // after another error handleRequests reads the remaining requests and returns
	}()
	if err := s.handleRequests(in, w); err != nil {
		s.cfg.Log("pipe: connection closed: " + agent.Clean(err.Error(), maxLogged))
	}
	close(ended)
	conn.Close()
	<-sent
	s.broker.leave(w)
}

func (s *Server) logRejected(why error) {
	s.cfg.Log("pipe: a window was rejected: " + agent.Clean(why.Error(), maxLogged))
}

// identify waits for the first byte, identifies the caller and counts the connection, which uncount undoes.
func (s *Server) identify(conn net.Conn) (Caller, lineReader, error) {
	in := newLineReader(conn, maxRequest)
	if err := conn.SetReadDeadline(time.Now().Add(firstByteTimeout)); err != nil {
		return Caller{}, in, err
	}
	if _, err := in.r.Peek(1); err != nil {
		return Caller{}, in, err
	}
	who, err := s.cfg.Identify(conn)
	switch {
	case err != nil:
		return Caller{}, in, err
	case who.User == "":
		return Caller{}, in, errors.New("the window has no user")
	}
	return who, in, s.count(conn, who.Person)
}

// count counts the connection for a person, up to maxWindows.
func (s *Server) count(conn net.Conn, p Person) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.persons[p] >= maxWindows {
		return fmt.Errorf("%d windows are open in Windows session %d", maxWindows, p.Session)
	}
	s.removeSilent(conn)
	s.persons[p]++
	return nil
}

func (s *Server) uncount(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.persons[p]--; s.persons[p] == 0 {
		delete(s.persons, p)
	}
}

func (s *Server) readHello(conn net.Conn, who Caller, in lineReader) (*window, error) {
	if err := conn.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, err
	}
	var r request
	if err := in.next(&r); err != nil {
		return nil, err
	}
	if r.Type != typeHello {
		return nil, errors.New("the first message is not hello")
	}
	lang, _ := locale.Parse(r.Lang)
	s.cfg.Log(fmt.Sprintf("pipe: window of version %q in Windows session %d", agent.Clean(r.Version, 40), who.Session))
	return &window{caller: who, lang: lang, hasTickets: r.Tickets}, conn.SetReadDeadline(time.Time{})
}

// handleRequests handles requests until the window disconnects, which is no error.
func (s *Server) handleRequests(in lineReader, w *window) error {
	for {
		var r request
		switch err := in.next(&r); {
		case errors.Is(err, errTooLong), errors.Is(err, errMalformed):
			return err
		case err != nil:
			return nil
		}
		s.broker.handle(w, r)
	}
}

// sendUpdates sends refusals, questions and changes of the status until ended is closed.
func (s *Server) sendUpdates(conn net.Conn, w *window, ended <-chan struct{}) error {
	changed, leave := s.cfg.Manager.Watch()
	defer leave()
	var shown []byte
	for {
		refusals, now := s.broker.unsent(w)
		var out []byte
		for _, p := range refusals {
			out = append(out, encodeLine(refusal{typeRefused, p})...)
		}
		for _, q := range s.broker.unsentQuestions(w) {
			out = append(out, encodeLine(q)...)
		}
		if l := statusLine(now); !bytes.Equal(l, shown) {
			out, shown = append(out, l...), l
		}
		if len(out) > 0 {
			if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				return err
			}
			if _, err := conn.Write(out); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ended:
			return nil
		}
	}
}

// SessionLeft ends the access when it belongs to a Windows session whose user has logged off, disconnected or switched to
// another session.
func (s *Server) SessionLeft(session uint32) { s.broker.sessionLeft(session) }

// ServiceStops is called before the manager is closed, so that the end of the access does not count as a logout.
func (s *Server) ServiceStops() { s.broker.serviceStops() }

// Owner returns the person who has access or is logging in; false = there is none.
func (s *Server) Owner() (Person, bool) { return s.broker.owner() }

// Close closes all connections and waits until they have ended. It does not end the access.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.quit)
	}
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
	s.broker.close()
}

// addListener adds c to open, which Close closes; false = Close was called before.
func (s *Server) addListener(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[c] = struct{}{}
	}
	return !s.closed
}

// addConn adds a new connection; false = Close was called before, or maxOpen connections have all sent something.
func (s *Server) addConn(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if len(s.open) >= maxOpen {
		if len(s.silent) == 0 {
			return false
		}
		oldest := s.silent[0]
		oldest.Close()
		s.removeSilent(oldest)
		delete(s.open, oldest)
	}
	s.open[conn] = struct{}{}
	s.silent = append(s.silent, conn)
	return true
}

// removeSilent removes a connection from silent. mu is held.
func (s *Server) removeSilent(conn net.Conn) {
	for i, c := range s.silent {
		if c == conn {
			s.silent = append(s.silent[:i:i], s.silent[i+1:]...)
			return
		}
	}
}

func (s *Server) removeConn(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeSilent(conn)
	delete(s.open, conn)
}
