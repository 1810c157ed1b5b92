package handlers

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"ideco-agent/templates/locale"
)

// badJSON is what is wrong with the form of a request's JSON, apart from the values.
type badJSON struct {
	id    string // of the message
	field string // empty: it is about the whole body
	at    int    // the character at which the body is no JSON, from 1
}

func (b badJSON) Error() string { return "body: " + b.id + " " + b.field }

// text returns the words for a person.
func (b badJSON) text(l *locale.Localizer) string {
	return l.T(b.id, locale.Args{"Field": b.field, "At": b.at})
}

// fields returns the text by field, as for a wrong value; nil if it is about the whole body.
func (b badJSON) fields(l *locale.Localizer) map[string]string {
	if b.field == "" {
		return nil
	}
	return map[string]string{b.field: b.text(l)}
}

// readBadJSON turns an error of encoding/json into badJSON, whose texts are in the catalogues. field is the field that body
// belongs to; empty for the whole body, whose error may name the field.
func readBadJSON(err error, body []byte, field string) badJSON {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	const unknown = "json: unknown field " // has no type
	name, isUnknown := strings.CutPrefix(err.Error(), unknown)
	switch {
	case isUnknown:
		field, _ = strconv.Unquote(name)
		return badJSON{id: locale.JSONUnknown, field: field}
	case errors.As(err, &kind):
		if field == "" {
			field = kind.Field
		}
		return badJSON{id: wantedJSON(kind, field), field: field}
	case len(strings.TrimSpace(string(body))) == 0:
		return badJSON{id: locale.JSONEmpty}
	case errors.As(err, &syntax):
		return badJSON{id: locale.JSONSyntax, at: utf8.RuneCount(body[:min(max(int(syntax.Offset), 1), len(body))])}
	}
	return badJSON{id: locale.JSONSyntax, at: utf8.RuneCount(body)}
}

// wantedJSON returns the id of the message that says what a field takes.
func wantedJSON(err *json.UnmarshalTypeError, field string) string {
	if field == "" {
		return locale.JSONObject
	}
	switch err.Type.Kind() {
	case reflect.Bool:
		return locale.JSONBool
	case reflect.String:
		return locale.JSONText
	case reflect.Slice:
		return locale.JSONList
	case reflect.Float64:
		return locale.JSONNumber
	}
	return locale.JSONWhole
}
