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
	NoAccess               // there was no access
	NotPermitted           // the caller lacks an administrator's elevated rights
)

const (
	endTimeout = 20 * time.Second // until the access has ended
	endTries   = 3                // in Wine the first connection gets no answer
)

// End ends any user's access on this computer. The caller needs an administrator's elevated rights. It is for an
// administrator whose window has no elevated rights: a Windows session can have only one window.
func End(ctx context.Context, cfg RemoteConfig) (result EndResult, err error) {
	if cfg.Dial == nil {
		cfg.Dial = Dial
	}
	for try := 0; try < endTries; try++ {
		if result, err = end(ctx, cfg.Dial, cfg.Lang); !errors.Is(err, errSilent) {
			break
		}
	}
	return result, err
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
	status, err := sendHello(ctx, conn, in, request{Lang: string(lang)})
	switch {
	case err != nil:
		return 0, err
	case status.Holder == session.Nobody:
		return NoAccess, nil
	case status.Holder == session.Other && !status.CanEnd:
		return NotPermitted, nil
	}
	if err := conn.SetDeadline(time.Now().Add(endTimeout)); err != nil {
		return 0, err
	}
	if _, err := conn.Write(encodeLine(request{Type: typeEnd})); err != nil {
		return 0, err
	}
	return Ended, waitForEnd(in)
}

// waitForEnd reads statuses until there is no access.
func waitForEnd(in lineReader) error {
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
