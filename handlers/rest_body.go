package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// decode reads a request's JSON object. A field that does not exist is refused by name: a setting that is spelt wrong
// must not look saved. So is null, also in a list, in any field but the nullable ones.
func decode(c echo.Context, into any, nullable ...string) error {
	b, fields, err := readObject(c)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badJSON{err}
	}
	var problems agent.Problems
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(nullable, name) && hasNull(fields[name]) {
			problems = append(problems, agent.Problem{Field: name, Code: "field_required"})
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

// readObject reads a request's JSON object: as it is, and field by field.
func readObject(c echo.Context) ([]byte, map[string]json.RawMessage, error) {
	b, err := io.ReadAll(c.Request().Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, echo.ErrStatusRequestEntityTooLarge) {
		return nil, nil, echo.ErrStatusRequestEntityTooLarge
	}
	var fields map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err == nil && fields == nil {
		err = errors.New("null is no object")
	}
	if err != nil {
		return nil, nil, badJSON{err}
	}
	return b, fields, nil
}

// hasNull tells whether a value is null, or a list with null in it.
func hasNull(value json.RawMessage) bool {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return false
	}
	return list == nil || slices.ContainsFunc(list, func(one json.RawMessage) bool { return string(one) == "null" })
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

// doneREST answers a request that has nothing to tell but that it worked.
func doneREST(c echo.Context, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}
