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
	"ideco-agent/templates/locale"
)

// decode reads a request's JSON object. It refuses unknown fields, because a misspelt setting must not look saved. It
// refuses null, also inside a list, except in the nullable fields.
func decode(c echo.Context, into any, nullable ...string) error {
	b, fields, err := readObject(c)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return readBadJSON(err, b, "")
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

// readObject reads a request's JSON object, raw and by field.
func readObject(c echo.Context) ([]byte, map[string]json.RawMessage, error) {
	b, err := readBody(c)
	if err != nil {
		return nil, nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, nil, readBadJSON(err, b, "")
	}
	if fields == nil {
		return nil, nil, badJSON{id: locale.JSONObject}
	}
	return b, fields, nil
}

func readBody(c echo.Context) ([]byte, error) {
	b, err := io.ReadAll(c.Request().Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, echo.ErrStatusRequestEntityTooLarge) {
		return nil, echo.ErrStatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, badJSON{id: locale.BadRequest} // the connection is gone
	}
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), nil // the byte-order mark of a file that Windows wrote
}

// hasNull reports whether a value is null or a list that contains null.
func hasNull(value json.RawMessage) bool {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return false
	}
	return list == nil || slices.ContainsFunc(list, func(one json.RawMessage) bool { return string(one) == "null" })
}

// optional is a field that may be absent or null.
type optional[T any] struct {
	Set   bool // the field is present
	Value *T   // nil: it is null
}

func (o *optional[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	return json.Unmarshal(b, &o.Value)
}

// into stores the value in *to, if there is one.
func (o optional[T]) into(to *T) {
	if o.Value != nil {
		*to = *o.Value
	}
}

// doneREST answers a request without a result: {} or the error.
func doneREST(c echo.Context, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}
