package pipe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ideco-agent/agent/client/session"
)

// Limits of a line in bytes, with its line end.
const (
	maxRequest = 128 << 10 // the largest token has 87,380 bytes in base64
	maxAnswer  = 256 << 10
)

// Types of requests.
const (
	typeHello       = "hello"
	typeProbe       = "knock" // cannot change: during an update, window and service have different versions
	typeStopProbing = "rest"  // likewise
	typeLogin       = "login"
	typeChange      = "change_password"
	typeExtend      = "extend"
	typeLogout      = "logout"
	typeEnd         = "end"
	typeLoginSSO    = "login_sso"
	typeTicket      = "ticket" // also a type of answers
)

// Types of answers.
const (
	typeStatus  = "status"
	typeRefused = "refused"
)

// request is a line from a window.
type request struct {
	Type     string `json:"type"`
	Version  string `json:"version,omitempty"`
	Lang     string `json:"lang,omitempty"`
	Login    string `json:"login,omitempty"`
	Password string `json:"password,omitempty"`
	// NewPassword is for typeChange.
	NewPassword string `json:"new_password,omitempty"`
	Tickets     bool   `json:"tickets,omitempty"` // of hello: the window can answer questions for tokens

	ID    int    `json:"id,omitempty"` // of the question that a ticket answers
	Token []byte `json:"token,omitempty"`
	Code  string `json:"code,omitempty"` // locale key of the problem, in place of Token
	Value string `json:"value,omitempty"`
}

// status is the service's line of typeStatus.
type status struct {
	Type string `json:"type"`
	session.Status
}

// refusal is the service's line of typeRefused.
type refusal struct {
	Type string `json:"type"`
	session.Problem
}

// question is the service's line of typeTicket.
type question struct {
	Type    string `json:"type"`
	ID      int    `json:"id"`
	Service string `json:"service"` // such as HTTP/gw.company.ru
}

// answer is any line of the service.
type answer struct {
	Type string `json:"type"`
	session.Status
	Code    string `json:"code"` // of a refusal, as Message is
	Message string `json:"message"`
	ID      int    `json:"id"` // of a question, as Service is
	Service string `json:"service"`
}

// statusLine encodes a status, without the notices when the line would be too long.
func statusLine(s session.Status) []byte {
	b := encodeLine(status{typeStatus, s})
	if len(b) > maxAnswer {
		s.Notices = nil
		b = encodeLine(status{typeStatus, s})
	}
	return b
}

// Errors never repeat the line, which may hold a password.
var errTooLong = errors.New("a line is too long")

var errMalformed = errors.New("a malformed line")

// lineReader reads messages.
type lineReader struct{ r *bufio.Reader }

func newLineReader(r io.Reader, max int) lineReader { return lineReader{bufio.NewReaderSize(r, max)} }

// next reads one message. io.EOF means that the connection ended between two messages.
func (l lineReader) next(into any) error {
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

// encodeLine returns a message as JSON with a line end.
func encodeLine(message any) []byte {
	b, err := json.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("%T: %v", message, err)) // cannot happen with texts and numbers
	}
	return append(b, '\n')
}
