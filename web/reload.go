package web

import (
	"context"
	"errors"
	"fmt"

	"ideco-agent/web/certs"
)

// reloader reads again what may have changed beside the gateway.
type reloader struct {
	config       Config
	root         *certs.Authority
	certificates *certificates
	settings     *settings
	changed      func() // called when the root or its successor may be another one
}

// reload reads the log level, the root, and the uploaded and ordered certificates. What cannot be read stays as it is; the errors say
// why. Nothing is read from a directory that others can change.
func (r *reloader) reload(ctx context.Context) error {
	if err := checkData(r.config.Data, r.config.Log); err != nil {
		return err
	}
	errs := []error{r.level(), r.root.Reload(r.settings.Current().Domains())}
	if err := r.certificates.reload(ctx); err != nil {
		errs = append(errs, fmt.Errorf("read the uploaded certificates: %w", err))
	}
	errs = append(errs, r.certificates.orders.Reload())
	r.changed()
	return errors.Join(errs...)
}

func (r *reloader) level() error {
	if r.config.ReadLevel == nil {
		return nil
	}
	level, err := r.config.ReadLevel()
	if err == nil {
		r.config.Level.Set(level)
	}
	return err
}
