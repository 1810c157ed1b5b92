package handlers

import (
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// uploadPath takes the files of a certificate. Its requests may be larger than others.
const uploadPath = "/admin/certificate/upload"

// adminCertificateUpload adds a certificate. A refused form comes back without files, pasted text and password: a private key is
// never sent to the browser.
func (s *Site) adminCertificateUpload(c echo.Context) error {
	files, err := uploadedFiles(c)
	if err != nil {
		return err
	}
	_, err = s.uploadCertificate(c, files, c.FormValue("password"))
	if problems := problemsIn(err); problems != nil {
		l := who(c).L
		return s.refuseCertificate(c, http.StatusBadRequest, l.T(locale.AlertCheckFields), func(d *templates.AdminCertificateData) {
			d.Upload.Errors = fieldTexts(l, problems)
		})
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastCertificateUploaded, templates.UploadedPath)
}

// uploadedFiles returns the files and the pasted text of the form.
func uploadedFiles(c echo.Context) ([][]byte, error) {
	files := [][]byte{[]byte(c.FormValue("text"))}
	form, err := c.MultipartForm()
	if err != nil {
		return files, nil
	}
	for _, header := range form.File["files"] {
		content, err := readFile(header, agent.MaxUpload)
		if err != nil {
			return nil, err
		}
		files = append(files, content)
	}
	return files, nil
}

// readFile returns an uploaded file. Of a file over the limit it returns limit+1 bytes.
func readFile(header *multipart.FileHeader, limit int64) ([]byte, error) {
	file, err := header.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit+1))
}

// uploadCertificate adds a certificate. Errors: those of Certificates.Upload.
func (s *Site) uploadCertificate(c echo.Context, files [][]byte, password string) (Uploaded, error) {
	added, err := s.Certificates.Upload(c.Request().Context(), files, password, who(c).User.FullLogin())
	if err != nil {
		return Uploaded{}, err
	}
	s.act(c, actOn(agent.ActCertificateUploaded, added.ID, strings.Join(added.Names, ", ")), "certificate", added.ID)
	return added, nil
}

// uploaded returns a handler that calls action with the uploaded certificate whose ID is in the path.
func (s *Site) uploaded(action func(echo.Context, Uploaded) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		list := s.Certificates.Uploaded()
		i := slices.IndexFunc(list, func(u Uploaded) bool { return idText(u.ID) == c.Param("id") })
		if i < 0 {
			return agent.ErrNotFound
		}
		return action(c, list[i])
	}
}

// adminCertificateRemove asks, then removes an uploaded certificate.
func (s *Site) adminCertificateRemove(c echo.Context, u Uploaded) error {
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmCertificateRemove(who(c).L, uploadedRow(u))))
	}
	if err := s.removeCertificate(c, u); err != nil {
		return err
	}
	return done(c, locale.ToastCertificateRemoved, templates.UploadedPath)
}

func (s *Site) removeCertificate(c echo.Context, u Uploaded) error {
	if err := s.Certificates.RemoveUploaded(c.Request().Context(), u.ID, who(c).User.FullLogin()); err != nil {
		return err
	}
	s.act(c, actOn(agent.ActCertificateRemoved, u.ID, strings.Join(u.Names, ", ")), "certificate", u.ID)
	return nil
}

// uploadedRow returns an uploaded certificate for the page, with its names in Unicode.
func uploadedRow(u Uploaded) templates.UploadedCertificate {
	row := templates.UploadedCertificate{ID: u.ID, Added: u.Added, Certificate: u.Certificate, KeyLost: u.KeyLost}
	for _, name := range u.Serves {
		row.Serves = append(row.Serves, unicodeName(name))
	}
	return row
}

func uploadedRows(list []Uploaded) []templates.UploadedCertificate {
	rows := make([]templates.UploadedCertificate, len(list))
	for i, u := range list {
		rows[i] = uploadedRow(u)
	}
	return rows
}
