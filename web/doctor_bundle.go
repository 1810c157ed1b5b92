package web

import (
	"context"
	"io"

	"ideco-agent/templates/locale"
)

// Bundle implements handlers.Doctor.
func (d *doctor) Bundle(ctx context.Context, w io.Writer, l *locale.Localizer) error {
	_, err := d.Check(ctx)
	return err
}
