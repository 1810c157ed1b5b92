package templates

import (
	"github.com/a-h/templ"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// field is one labelled input with its helper text, whose place an error takes.
type field struct {
	Name  string // in the form; also the element's id
	Label string
	Value string
	Help  string
	Error string

	Type         string // "text" when empty
	Autocomplete string // "off" when empty
	InputMode    string
	Max          int // characters
	Focus        bool
	ReadOnly     bool
	Tools        string // of a password: "show", or "new" for show, generate and copy
	Twin         string // the field that a generated password is repeated in
}

// newPassword is a field for a password that is being set.
func newPassword(l *locale.Localizer, label, problem string) field {
	return field{
		Name:         "psw",
		Label:        label,
		Help:         l.T("password_help", locale.Args{"Min": agent.MinPassword}),
		Error:        problem,
		Type:         "password",
		Autocomplete: "new-password",
		Tools:        "new",
	}
}

// repeatedPassword is the field in which the same password is typed again.
func repeatedPassword(label, problem string) field {
	return field{Name: "psw2", Label: label, Error: problem, Type: "password", Autocomplete: "new-password"}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// inputMode is the keyboard that a telephone shows for a number.
func inputMode(n agent.Number) string {
	if n.Fraction {
		return "decimal"
	}
	return "numeric"
}

// describe ties an input to the note under it.
func describe(f field) templ.Attributes {
	attributes := templ.Attributes{}
	if f.Error != "" {
		attributes["aria-invalid"] = "true"
	}
	if f.Error != "" || f.Help != "" {
		attributes["aria-describedby"] = f.Name + "-note"
	}
	return attributes
}

// twinned makes a generated password fill the field of the repetition too.
func twinned(f field) field {
	f.Twin = "psw2"
	return f
}
