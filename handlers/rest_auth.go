package handlers

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// decode reads a request's JSON object. A field that does not exist is refused by name: a setting that is spelt wrong
// must not look saved.
func decode(c echo.Context, into any) error {
	d := json.NewDecoder(c.Request().Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the object")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, echo.ErrStatusRequestEntityTooLarge) {
		return echo.ErrStatusRequestEntityTooLarge
	}
	return badJSON{err}
}

// badJSON says what is wrong with a body in the decoder's words, which speak of the caller's own input alone.
type badJSON struct{ err error }

func (b badJSON) Error() string { return "body: " + b.err.Error() }
func (b badJSON) Unwrap() error { return b.err }

// optional is a field that may be left out, be null or have a value.
type optional[T any] struct {
	Set   bool // the field is there
	Value *T   // nil: it is null
}

func (o *optional[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	return json.Unmarshal(b, &o.Value)
}

// into writes the value where the field has one.
func (o optional[T]) into(to *T) {
	if o.Value != nil {
		*to = *o.Value
	}
}

// null is the problem of a field that is null and may not be.
func (o optional[T]) null(field string) agent.Problem {
	if o.Set && o.Value == nil {
		return agent.Problem{Field: field, Code: "field_required"}
	}
	return agent.Problem{}
}

func (s *Site) restLogin(c echo.Context) error {
	var body struct {
		Login    string `json:"login"`
		Password string `json:"password"`
		RestPath string `json:"rest_path"` // the vendor's scripts send it; here one cookie serves every path
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	if _, err := s.signIn(c, body.Login, body.Password); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

func (s *Site) restLogout(c echo.Context) error {
	if err := s.signOutBrowser(c); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// restPath are the paths of REST, also where no route is.
var restPath = regexp.MustCompile(`^/(web/auth|agent_backend|user_backend|monitor_backend|connect|address)(/|$)`)

// isREST tells by the path how an error of a request that met no route is answered.
func isREST(c echo.Context) bool {
	if v, ok := c.Get(visitorKey).(*visitor); ok && v.form == rest {
		return true
	}
	return restPath.MatchString(c.Request().URL.Path)
}
