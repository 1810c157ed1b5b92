package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminDirectoryKeytab replaces the keytab of a directory.
func (s *Site) adminDirectoryKeytab(c echo.Context, d agent.DirectorySettings) error {
	file, err := uploadedKeytab(c)
	if err == nil && len(file) == 0 {
		err = agent.Problem{Field: "keytab", Code: "field_required"}
	}
	if err == nil {
		err = s.setKeytab(c, d, file)
	}
	if problems := problemsIn(err); problems != nil {
		return s.directoryPage(c, http.StatusBadRequest, d, templates.AdminDirectoryData{Form: templates.NewDirectoryForm(d)}, problems, locale.AlertCheckFields)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastKeytabSaved, templates.DirectoryPath(d.ID)+"#sso-title")
}

// adminDirectoryKeytabRemove asks, then removes the keytab.
func (s *Site) adminDirectoryKeytabRemove(c echo.Context, d agent.DirectorySettings) error {
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmKeytabRemove(who(c).L, d)))
	}
	if err := s.setKeytab(c, d, nil); err != nil {
		return err
	}
	return done(c, locale.ToastKeytabRemoved, templates.DirectoryPath(d.ID)+"#sso-title")
}

// setKeytab stores a keytab; an empty one removes it.
func (s *Site) setKeytab(c echo.Context, d agent.DirectorySettings, file []byte) error {
	if err := s.Directories.SetKeytab(c.Request().Context(), d.ID, file); err != nil {
		return err
	}
	code := agent.ActKeytabSaved
	if len(file) == 0 {
		code = agent.ActKeytabRemoved
	}
	s.act(c, actOn(code, d.ID, d.Name, hiddenChange("keytab")), "directory", d.Name)
	return nil
}

// uploadedKeytab returns the uploaded file; empty without one.
func uploadedKeytab(c echo.Context) ([]byte, error) {
	header, err := c.FormFile("keytab")
	if err != nil {
		return nil, nil
	}
	return readFile(header, agent.MaxKeytab)
}
