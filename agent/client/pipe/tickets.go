package pipe

import (
	"context"
	"errors"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// windowTickets are the Kerberos tickets of an owner. The service runs as another user and cannot use them, so it asks one of the
// owner's windows for each token.
type windowTickets struct {
	broker *broker
	owner  Person
	name   string
}

func (t *windowTickets) Person() string { return t.name }

func (t *windowTickets) Token(ctx context.Context, service string) ([]byte, error) {
	q := t.broker.askForToken(t.owner, service)
	if q == nil {
		return nil, &client.TicketProblem{Key: locale.SSONoWindow}
	}
	defer t.broker.forget(q)
	t.broker.manager.Notify() // sends the question
	select {
	case r := <-q.answer:
		return r.token()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// token returns the token of a window's answer.
func (r request) token() ([]byte, error) {
	if r.Code != "" || len(r.Token) == 0 {
		return nil, &client.TicketProblem{Key: agent.Clean(r.Code, maxLogged), Value: agent.Clean(r.Value, maxLogged)}
	}
	return r.Token, nil
}

// ticketQuestion is a request for a token, to one window.
type ticketQuestion struct {
	question
	asked  *window
	answer chan request // holds one
	sent   bool
}

// askForToken queues a question for one of the person's windows that have tickets; nil = there is none.
func (b *broker) askForToken(p Person, service string) *ticketQuestion {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.windows {
		if w.caller.Person == p && w.hasTickets {
			b.lastQuestion++
			q := &ticketQuestion{question: question{typeTicket, b.lastQuestion, service}, asked: w, answer: make(chan request, 1)}
			b.questions = append(b.questions, q)
			return q
		}
	}
	return nil
}

func (b *broker) forget(q *ticketQuestion) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.questions {
		if other == q {
			b.questions = append(b.questions[:i:i], b.questions[i+1:]...)
			return
		}
	}
}

// answered handles the answer of a window.
func (b *broker) answered(w *window, r request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.questions {
		if q.ID == r.ID && q.asked == w {
			q.reply(r)
		}
	}
}

// reply takes the first answer; others are ignored.
func (q *ticketQuestion) reply(r request) {
	select {
	case q.answer <- r:
	default:
	}
}

// failQuestions answers the questions to a window that has left, with a problem. b.mu is held.
func (b *broker) failQuestions(w *window) {
	for _, q := range b.questions {
		if q.asked == w {
			q.reply(request{Code: locale.SSONoWindow})
		}
	}
}

// unsentQuestions returns the questions to a window that were not sent yet.
func (b *broker) unsentQuestions(w *window) (list []question) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.questions {
		if q.asked == w && !q.sent {
			q.sent = true
			list = append(list, q.question)
		}
	}
	return list
}

// tokenTimeout limits a window's Kerberos exchange.
const tokenTimeout = 30 * time.Second

// answerTicket makes the token for a question of the service. ctx ends with the connection.
func (r *Remote) answerTicket(ctx context.Context, a answer) {
	token, err := r.token(ctx, a.Service)
	q := request{Type: typeTicket, ID: a.ID, Token: token}
	if err != nil {
		r.cfg.Log("ticket: " + agent.Clean(err.Error(), maxLogged))
		problem := &client.TicketProblem{Key: locale.SSOFailed, Value: err.Error()}
		errors.As(err, &problem)
		q.Token, q.Code, q.Value = nil, problem.Key, agent.Clean(problem.Value, maxLogged)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() == nil {
		r.queue = append(r.queue, q)
		r.signalWake()
	}
}

// token makes a token. Only services with HTTP/, as gateways have, are allowed.
func (r *Remote) token(ctx context.Context, service string) ([]byte, error) {
	if r.cfg.Tickets == nil || !strings.HasPrefix(service, "HTTP/") {
		return nil, errors.New("a ticket for " + agent.Clean(service, maxLogged) + " was asked for")
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	token, err := r.cfg.Tickets.Token(ctx, service)
	if err != nil && ctx.Err() != nil {
		err = &client.TicketProblem{Key: locale.SSONoDomain, Err: err}
	}
	return token, err
}
