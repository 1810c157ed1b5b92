package pipe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/seat"
)

// Limits of a line in bytes, its end included.
const (
	maxRequest = 16 << 10
	maxAnswer  = 256 << 10
)

// Types of requests.
const (
	typeHello  = "hello"
	typeProbe  = "knock" // not "probe": a window and a service of different versions understand each other during an update
	typeRest   = "rest"
	typeLogin  = "login"
	typeExtend = "extend"
	typeLogout = "logout"
	typeEnd    = "end"
)

// Types of answers.
const (
	typeStatus  = "status"
	typeRefused = "refused"
)

// request is a line of a window.
type request struct {
	Type     string `json:"type"`
	Version  string `json:"version,omitempty"`
	Lang     string `json:"lang,omitempty"`
	Login    string `json:"login,omitempty"`
	Password string `json:"password,omitempty"`
}

// answer is a line of the service.
type answer struct {
	Type    string         `json:"type"`
	Status  *keeper.Status `json:"status,omitempty"`
	Control seat.Control   `json:"control,omitempty"`
	CanEnd  bool           `json:"can_end,omitempty"`
	Problem *problem       `json:"problem,omitempty"`
	Code    string         `json:"code,omitempty"`
	Message string         `json:"message,omitempty"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func statusOf(v seat.View) answer {
	a := answer{Type: typeStatus, Status: &v.Status, Control: v.Control, CanEnd: v.CanEnd}
	if v.Problem != nil {
		a.Problem = &problem{v.Problem.Code, v.Problem.Message}
	}
	return a
}

// view is the reverse of statusOf.
func (a answer) view() seat.View {
	v := seat.View{Control: a.Control, CanEnd: a.CanEnd}
	if a.Status != nil {
		v.Status = *a.Status
	}
	if a.Problem != nil {
		v.Problem = &seat.Problem{Code: a.Problem.Code, Message: a.Problem.Message}
	}
	return v
}

// line is the answer as it is sent. A window can do without notices that no window would have the room for.
func (a answer) line() []byte {
	b := line(a)
	if len(b) > maxAnswer && a.Status != nil {
		short := *a.Status
		short.Notices, a.Status = nil, &short
		b = line(a)
	}
	return b
}

// errTooLong never repeats what the line said: there may be a password in it.
var errTooLong = errors.New("a line is too long")

// errMalformed does not either.
var errMalformed = errors.New("a line is no message")

// lines reads messages.
type lines struct{ r *bufio.Reader }

func newLines(r io.Reader, max int) lines { return lines{bufio.NewReaderSize(r, max)} }

// next reads one message. io.EOF is the end between two of them.
func (l lines) next(into any) error {
	line, err := l.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return errTooLong
	case errors.Is(err, io.EOF) && len(line) > 0:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	}
	if json.Unmarshal(line, into) != nil {
		return errMalformed
	}
	return nil
}

// line is a message as it is sent.
func line(message any) []byte {
	b, err := json.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("%T: %v", message, err)) // texts and numbers can always be written
	}
	return append(b, '\n')
}
