package templates

import (
	"bytes"
	"context"
	"io"

	"github.com/a-h/templ"
)

// marked are the fields of a page that have an error, in the order of the page. The template note adds them.
type marked struct {
	fields []field
	first  string // name of the field that gets the focus; empty in the first pass
}

type markedKey struct{}

// markedIn returns what the page that is rendered has marked. It is never nil.
func markedIn(ctx context.Context) *marked {
	if m, ok := ctx.Value(markedKey{}).(*marked); ok {
		return m
	}
	return &marked{}
}

// withMarked renders the content of a page and, above it, the message of a failed action with a link to each marked field. A page
// without a marked field is rendered once. Otherwise the first pass only finds the fields: where the focus goes is known after it.
func withMarked(p Page) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		content := templ.GetChildren(ctx)
		var body bytes.Buffer
		found := &marked{}
		if err := content.Render(context.WithValue(templ.ClearChildren(ctx), markedKey{}, found), &body); err != nil {
			return err
		}
		if len(found.fields) > 0 {
			body.Reset()
			again := &marked{first: found.fields[0].Name}
			if err := content.Render(context.WithValue(templ.ClearChildren(ctx), markedKey{}, again), &body); err != nil {
				return err
			}
		}
		if err := refused(p, found.fields).Render(ctx, w); err != nil {
			return err
		}
		_, err := body.WriteTo(w)
		return err
	})
}

// mark notes that a field has an error.
func mark(ctx context.Context, f field) {
	m := markedIn(ctx)
	m.fields = append(m.fields, f)
}

// focus returns autofocus for the field that gets it: the first marked one, or without any the one with Focus. The browser scrolls to it,
// also without script.
func focus(ctx context.Context, f field) templ.Attributes {
	first := markedIn(ctx).first
	if f.Name == first || first == "" && f.Focus {
		return templ.Attributes{"autofocus": true}
	}
	return nil
}

// group returns the attributes of a fieldset with a note. The link in the message of a failed action can lead to it and give it the focus.
func group(ctx context.Context, f field) templ.Attributes {
	attributes := describe(f)
	attributes["id"] = f.Name
	if f.Error != "" {
		attributes["tabindex"] = "-1"
	}
	for name, value := range focus(ctx, f) {
		attributes[name] = value
	}
	return attributes
}
