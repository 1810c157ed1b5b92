package handlers

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Doctor finds out whether the gateway and what it needs work. It changes nothing.
type Doctor interface {
	// Check runs all checks. Whoever asks while they run gets the same result.
	Check(context.Context) (agent.CheckReport, error)
	// Last returns the last result; its time is zero before the first.
	Last() agent.CheckReport
	// Bundle runs the checks and writes the file for support, in the language: a zip without secrets.
	Bundle(context.Context, io.Writer, *locale.Localizer) error
}

// adminSystemDoctor shows the last result.
func (s *Site) adminSystemDoctor(c echo.Context) error {
	return s.render(c, http.StatusOK, templates.AdminSystemDoctor(s.page(c), templates.AdminSystemDoctorData{Report: s.Doctor.Last()}))
}

// adminSystemDoctorRun runs the checks and leads to the result.
func (s *Site) adminSystemDoctorRun(c echo.Context) error {
	if _, err := s.Doctor.Check(c.Request().Context()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, string(templates.SystemDoctor)+"#checks")
}

// adminSystemBundle answers with the file for support.
func (s *Site) adminSystemBundle(c echo.Context) error {
	var file bytes.Buffer
	if err := s.Doctor.Bundle(c.Request().Context(), &file, who(c).L); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActSupportFile})
	name := "ideco-portal-" + time.Now().UTC().Format("20060102-150405") + ".zip"
	c.Response().Header().Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return c.Blob(http.StatusOK, "application/zip", file.Bytes())
}
