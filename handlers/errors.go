package handlers

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// refusal is an error with its own text in the catalogues. It is not logged.
type refusal struct {
	status  int
	message string // id in the catalogues; also the code of the REST answer
}

func (r refusal) Error() string { return r.message }

// statusNotAccepted is the vendor's status for a request to REST that was understood, but asks for something that is not possible.
const statusNotAccepted = 542

// restError is an error as a REST answer.
type restError struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"` // what is wrong, by field
}

// answerError answers and logs every error of every route. Of an unexpected error the person sees only a reference that is
// in the log.
func (s *Site) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		s.answerFailed(c, err)
		return
	}
	v, ok := c.Get(visitorKey).(*visitor)
	if !ok {
		v = &visitor{L: locale.For()}
	}
	if errors.Is(err, echo.ErrMethodNotAllowed) && !s.administrationAnswers(v) {
		c.Response().Header().Del(echo.HeaderAllow)
		err = echo.ErrNotFound // hide which administration paths exist
	}
	status, answer, ref := s.explain(err, v.L)
	var refused *agent.Error
	if errors.As(err, &refused) && refused.Trouble != "" && v.User != nil && v.User.Administrator() {
		answer.Message = v.L.Store(refused.Trouble)
	}
	if status >= http.StatusInternalServerError {
		level := slog.LevelError
		if cutOff(c) && errors.Is(err, context.Canceled) {
			level = slog.LevelDebug
		}
		s.Log.Log(context.Background(), level, "request failed", "method", c.Request().Method, "path", c.Path(), "ref", ref, "error", err)
	}
	if refused != nil {
		retryAfter(c, refused)
	}
	if isREST(c) && (status == http.StatusConflict || status == http.StatusBadRequest && answer.Fields != nil) {
		status = statusNotAccepted
	}
	if (v.kind == page || v.kind == oneTimeToken) && !isREST(c) && c.Get(visitorKey) != nil {
		err = s.answerErrorPage(c, status, answer, ref)
	} else if isREST(c) || v.kind == rest {
		err = c.JSON(status, answer)
	} else {
		err = c.String(status, answer.Message+"\n")
	}
	if err != nil {
		s.answerFailed(c, err)
	}
}

// answerFailed logs why an answer could not be sent. A lost connection is logged at debug level: clients can cause it at
// will.
func (s *Site) answerFailed(c echo.Context, err error) {
	level := slog.LevelWarn
	if cutOff(c) && !errors.As(err, new(panicked)) {
		level = slog.LevelDebug
	}
	s.Log.Log(context.Background(), level, "answer failed", "path", c.Path(), "error", err)
}

// cutOff reports whether the connection is lost: net/http cancels a request's context when reading or writing fails.
func cutOff(c echo.Context) bool { return c.Request().Context().Err() != nil }

// explain returns the status and the text for an error.
func (s *Site) explain(err error, l *locale.Localizer) (status int, answer restError, ref string) {
	var (
		refused  *agent.Error
		own      refusal
		body     badJSON
		problems agent.Problems
		problem  agent.Problem
		order    *agent.CertificateProblem
		httpErr  *echo.HTTPError
	)
	if errors.As(err, &problem) {
		problems = agent.Problems{problem}
	}
	switch {
	case errors.As(err, &refused):
		return statusOf(refused.Code), restError{string(refused.Code), l.Refusal(refused), nil}, refused.Ref
	case errors.As(err, &body):
		return http.StatusBadRequest, restError{locale.BadRequest, body.text(l), body.fields(l)}, ""
	case errors.As(err, &own):
		return own.status, restError{own.message, l.T(own.message), nil}, ""
	case problems != nil || errors.As(err, &problems):
		fields := fieldTexts(l, problems)
		return http.StatusBadRequest, restError{problems[0].Code, fields[problems[0].Field], fields}, ""
	case errors.As(err, &order):
		return http.StatusBadRequest, restError{string(order.Code), l.CertificateCause(*order) + " " + l.CertificateCure(*order), nil}, ""
	case errors.Is(err, agent.ErrNotFound):
		return http.StatusNotFound, restError{locale.NotFound, l.T(locale.NotFound), nil}, ""
	case errors.Is(err, agent.ErrLastAdministrator):
		return http.StatusConflict, restError{locale.AlertLastAdministrator, l.T(locale.AlertLastAdministrator), nil}, ""
	case errors.As(err, &httpErr) && httpErr.Code < http.StatusInternalServerError:
		id := messageOf(httpErr.Code)
		return httpErr.Code, restError{id, l.T(id), nil}, ""
	}
	refused = agent.AsError(err)
	return http.StatusInternalServerError, restError{string(refused.Code), l.Refusal(refused), nil}, refused.Ref
}

// errorTitles are the headings of errors for which the heading of their status would be wrong.
var errorTitles = map[string]string{
	locale.SetupLinkOver:            "error_link_over_title",
	locale.FormExpired:              "error_form_expired_title",
	locale.CrossOrigin:              "error_refused_title",
	locale.DomainAbsent:             "error_download_title",
	locale.InstallerAbsent:          "error_download_title",
	locale.PortableAbsent:           "error_download_title",
	string(agent.CodeAgentDisabled): "error_download_title",
}

func (s *Site) answerErrorPage(c echo.Context, status int, answer restError, ref string) error {
	d := templates.ErrorFor(who(c).L, status, ref)
	if answer.Message != "" {
		d.Text = answer.Message
	}
	if title := errorTitles[answer.Code]; title != "" {
		d.Title = who(c).L.T(title)
	}
	return s.render(c, status, templates.Error(s.page(c), d))
}

// render writes the page only after it was rendered completely, so no half page is sent under a 200.
func (s *Site) render(c echo.Context, status int, component templ.Component) error {
	var b bytes.Buffer
	if err := component.Render(c.Request().Context(), &b); err != nil {
		return err
	}
	return c.HTMLBlob(status, b.Bytes())
}

func fieldTexts(l *locale.Localizer, problems agent.Problems) map[string]string {
	texts := make(map[string]string, len(problems))
	for _, p := range problems {
		if texts[p.Field] == "" {
			texts[p.Field] = l.Problem(p)
		}
	}
	return texts
}

func statusOf(code agent.Code) int {
	switch code {
	case agent.CodeBadCredentials:
		return http.StatusUnauthorized
	case agent.CodeTooManyAttempts:
		return http.StatusTooManyRequests
	case agent.CodeDirectoryUnreachable, agent.CodeStoreUnavailable:
		return http.StatusServiceUnavailable
	case agent.CodeBadMessage:
		return http.StatusBadRequest
	case agent.CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusForbidden
}

func messageOf(status int) string {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return locale.NotFound
	case http.StatusForbidden:
		return locale.Forbidden
	case http.StatusRequestEntityTooLarge:
		return locale.TooLarge
	case http.StatusMisdirectedRequest:
		return locale.Misdirected
	}
	return locale.BadRequest
}

// retryAfter sets the Retry-After header.
func retryAfter(c echo.Context, e *agent.Error) {
	if e.Wait > 0 {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(seconds(e)))
	}
}

// seconds returns a refusal's wait in whole seconds, rounded up.
func seconds(e *agent.Error) int { return int(math.Ceil(e.Wait.Seconds())) }

// securityEvent logs an event that administrators search for or feed to fail2ban.
func (s *Site) securityEvent(c echo.Context, event string, attrs ...any) {
	v := who(c)
	log := s.Log.With("event", event, "peer", v.Peer.String())
	if v.User != nil {
		log = log.With("by", v.User.FullLogin())
	}
	log.Info("security", attrs...)
}
