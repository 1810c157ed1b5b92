package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"

	"ideco-agent/agent/access"
)

// TestLivenessFindsStuckParts: a part that does not answer is named until it answers, and is not asked again meanwhile.
func TestLivenessFindsStuckParts(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{}, 10)
	alive := liveness{
		newLivePart("good", func(context.Context) {}),
		newLivePart("hangs", func(context.Context) { asked <- struct{}{}; <-release }),
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan []string, 1)
		go func() { result <- alive.stuck(ctx) }()
		if len(asked) == 0 {
			asked <- <-asked // the question has come
		}
		cancel()
		if got := <-result; !slices.Contains(got, "hangs") {
			t.Errorf("stuck: %q", got)
		}
	}
	if len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
	close(release)
	if got := alive.stuck(t.Context()); len(got) > 0 {
		t.Errorf("stuck after the release: %q", got)
	}
}

// TestLivenessOfListeners: a listener answers only while somebody accepts its connections.
func TestLivenessOfListeners(t *testing.T) {
	under, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limiter := newConnLimiter(connLimits{host: 10, site: 10, outside: 10, lan: 10}, false, func(netip.Addr, string) bool { return true })
	l := limiter.listen(under).(*limitedListener)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan struct{})
	go func() {
		l.proveAccepting(ctx)
		close(answered)
	}()
	conn, err := under.Accept() // of the question, past the loop that must answer
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	select {
	case <-answered:
		t.Error("a listener without a loop answers")
	default:
	}
	cancel()
	<-answered

	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	l.proveAccepting(t.Context())
	under.Close()
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	l.proveAccepting(ctx) // returns although nobody listens
}

// TestStatusNamesStuckParts: the status names the parts that do not answer, without asking them for it.
func TestStatusNamesStuckParts(t *testing.T) {
	manager := access.NewManager(access.Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	s := &supervisor{manager: manager, log: slog.New(slog.DiscardHandler), health: func(context.Context) error { t.Error("asked"); return nil },
		alive: liveness{newLivePart("database", func(ctx context.Context) { <-ctx.Done() })}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.check(ctx, 1)
	if !slices.Equal(s.stuck, []string{"database"}) || s.ready {
		t.Errorf("stuck %q, ready %t", s.stuck, s.ready)
	}
}
