package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// silenceTimeout is the time without any message or ping after which the connection counts as lost.
const silenceTimeout = protocol.PingEvery + protocol.PingTimeout

// runSession runs a session until it ends, and closes the connection.
func (c *client) runSession(ctx context.Context, l *link) *failure {
	p := ping{clock: c.clock}
	defer p.end()
	c.prover = newProver(c, l)
	defer c.prover.end()
	c.sso = newSSOExtension(ctx, c, l)
	defer c.sso.cancel()
	c.extending = false
	var changeLate <-chan time.Time // of the answer to c.change
	stopChange := func() {}
	defer func() { stopChange() }()
	for {
		silent, stop := c.clock.Timer(silenceTimeout)
		select {
		case <-ctx.Done():
			stop()
			c.logOut(l)
			l.close()
			return c.stoppedByUser()
		case <-silent:
			l.closeNow()
			return c.sessionEnd(agent.ReasonLost, "", fmt.Errorf("nothing came from the gateway for %v", silenceTimeout))
		case <-c.cfg.NetworkChanged:
			p.begin(l)
			c.prover.recheck()
		case <-c.prover.checkDue:
			c.prover.recheck()
		case err := <-c.prover.result:
			c.prover.finished(err)
		case <-p.answered:
			p.end()
		case <-p.late:
			stop()
			l.closeNow()
			return c.sessionEnd(agent.ReasonLost, "", errors.New("the network has changed, and the gateway does not answer a ping"))
		case password := <-c.extendRequests():
			c.extend(l, password)
		case change := <-c.changeRequests():
			c.startChange(l, change)
			stopChange()
			changeLate, stopChange = c.clock.Timer(loginTimeout)
		case <-changeLate:
			if c.change != nil {
				c.changeUncertain()
			}
		case t := <-c.sso.tokens:
			c.sso.answer(t)
		case <-l.pinged:
		case works := <-c.tunnelWorks:
			c.showTunnel(works)
		case m, ok := <-l.incoming:
			if !ok {
				stop()
				l.close()
				return c.sessionEnd(agent.ReasonLost, "", l.closeErr)
			}
			if f := c.handle(l, m); f != nil {
				stop()
				l.close()
				return f
			}
		}
		stop()
	}
}

// handle handles a message within a session. It returns why the session ended, or nil.
func (c *client) handle(l *link, m any) *failure {
	switch m := m.(type) {
	case *protocol.Ended:
		return c.sessionEnd(agent.Reason(m.Reason), m.Message, nil)
	case *protocol.Notice:
		c.showNotice(m)
	case *protocol.AuthState:
		if c.change != nil || m.Code == protocol.PasswordChanged {
			c.changeAnswered(m)
			return nil
		}
		if c.extending {
			c.extended(m)
			return nil
		}
		if !m.Authorized { // an old gateway, without the message ended
			f := c.refusal(m.Code, m.Message, 0, nil)
			f.outcome, f.codeIsReason = EndedByGateway, true
			return f
		}
		c.updateSession(m)
	case *protocol.SSOReply:
		c.sso.challenged(m)
	case *protocol.Trust:
		c.learn(l, m)
	case *protocol.AddressToken:
		c.prover.takeToken(m)
	case *protocol.Error:
		if c.change != nil {
			f := c.refusal(m.Code, m.Message, 0, nil)
			c.explainUnknownChange(f)
			c.changeOver(NoticePasswordKept, f.message)
			return nil
		}
		c.prover.refused()
		c.cfg.Log("error from the gateway: " + agent.Clean(m.Code+" "+m.Message, maxMessage))
	case *malformed:
		c.cfg.Log(m.err.Error())
	}
	return nil
}
