package templates

import (
	"cmp"

	"github.com/a-h/templ"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// field is an input with its label and a note: the help or, instead of it, an error.
type field struct {
	Name  string // also the element's id
	Label string
	Value string
	Help  string
	Error string

	Type         string // "" = "text"
	Autocomplete string // "" = "off"
	InputMode    string
	Max          int // characters
	Focus        bool
	ReadOnly     bool
	Many         bool   // of a file: several may be chosen
	Tools        string // for a password: "show", or "new" (show, generate, copy)
	Twin         string // name of the field that also gets a generated password
}

// option is a choice of a select.
type option struct{ Value, Label string }

// newPassword is the field of a new password.
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

// repeatedPassword is the field that repeats the new password.
func repeatedPassword(label, problem string) field {
	return field{Name: "psw2", Label: label, Error: problem, Type: "password", Autocomplete: "new-password"}
}

// or returns the first text that is not empty.
var or = cmp.Or[string]

// inputMode selects a phone's keyboard for a number.
func inputMode(n agent.NumberSetting) string {
	if n.Fraction {
		return "decimal"
	}
	return "numeric"
}

// describe returns the ARIA attributes that link an input to its note.
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

// twinned makes a generated password also fill psw2.
func twinned(f field) field {
	f.Twin = "psw2"
	return f
}
