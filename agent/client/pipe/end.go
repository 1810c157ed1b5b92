package pipe

import (
	"context"
	"errors"
	"net"
	"time"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

// EndResult is the result of End.
type EndResult int

const (
	Ended        EndResult = iota
	NoAccess               // had access
	NotPermitted           // the caller lacks an administrator's elevated rights
)

const (
	endTimeout = 20 * time.Second // until the access has ended
	endTries   = 3                // in Wine the first connection gets no answer
)

// End ends any user's access on this computer. The caller needs an administrator's elevated rights. It
// serves an administrator whose own window runs without them: a second window cannot be opened in the same Windows
// session.
func End(ctx context.Context, cfg RemoteConfig) (o EndResult, err error) {
	if cfg.Dial == nil {
		cfg.Dial = Dial
	}
	for try := 0; try < endTries; try++ {
		if o, err = end(ctx, cfg.Dial, cfg.Lang); !errors.Is(err, errSilent) {
			break
		}
	}
	return o, err
}

func end(ctx context.Context, dial func(context.Context) (net.Conn, error), lang locale.Lang) (EndResult, error) {
	dialling, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	conn, err := dial(dialling)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	in := newLineReader(conn, maxAnswer)
	now, err := greet(ctx, conn, in, lang)
	switch {
	case err != nil:
		return 0, err
	case now.Holder == session.Nobody:
		return NoAccess, nil
	case now.Holder == session.Other && !now.CanEnd:
		return NotPermitted, nil
	}
	if err := conn.SetDeadline(time.Now().Add(endTimeout)); err != nil {
		return 0, err
	}
	if _, err := conn.Write(encodeLine(request{Type: typeEnd})); err != nil {
		return 0, err
	}
	return Ended, untilFree(in)
}

// untilFree reads statuses until nobody has access.
func untilFree(in lineReader) error {
	for {
		var a answer
		switch err := in.next(&a); {
		case isTimeout(err):
			return errSilent
		case err != nil:
			return err
		}
		switch {
		case a.Type == typeRefused:
			return errors.New(a.Message)
		case a.Type == typeStatus && a.Holder == session.Nobody:
			return nil
		}
	}
}
