package handlers

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// restorePath takes a backup. Its request may be large, so the handler reads it part by part.
const restorePath = templates.BackupsPath + "/restore"

// maxRestoreTime limits how long an upload of a backup may take.
const maxRestoreTime = 30 * time.Minute

const uploadKey = "upload"

// preventForgeryOfUpload is preventForgery for a form with a large file. It reads no more than the form token, which must be the first
// part; the handler reads the others with uploadedParts.
func (s *Site) preventForgeryOfUpload(next echo.HandlerFunc) echo.HandlerFunc {
	ordinary := s.preventForgery(page)(next)
	return func(c echo.Context) error {
		r := c.Request()
		if t, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); t != echo.MIMEMultipartForm {
			return ordinary(c)
		}
		r.URL.RawQuery = ""
		parts, err := r.MultipartReader()
		if err != nil {
			return refusal{http.StatusBadRequest, locale.BadRequest}
		}
		name, token, err := smallPart(parts)
		r.Form, r.PostForm = url.Values{}, url.Values{}
		if err == nil && name == templates.CSRFField {
			r.Form.Set(name, token)
		}
		if !validFormToken(c) {
			return refusal{http.StatusForbidden, locale.FormExpired}
		}
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Now().Add(maxRestoreTime))
		c.Set(uploadKey, parts)
		return next(c)
	}
}

// maxSmallPart limits a part of a form that is not a file, in bytes.
const maxSmallPart = 8 << 10

// smallPart reads the next part of a form, which is no file.
func smallPart(parts *multipart.Reader) (name, value string, err error) {
	part, err := parts.NextPart()
	if err != nil {
		return "", "", err
	}
	text, err := io.ReadAll(io.LimitReader(part, maxSmallPart+1))
	if len(text) > maxSmallPart {
		err = errors.New("a field of the form is too long")
	}
	return part.FormName(), string(text), err
}

// adminBackupsRestore checks an uploaded backup and asks whether to restore it. The key comes before the file in the form.
func (s *Site) adminBackupsRestore(c echo.Context) error {
	parts, ok := c.Get(uploadKey).(*multipart.Reader)
	if !ok {
		return s.refuseBackup(c, agent.Problem{Field: "file", Code: locale.FieldBackupFile}, untouched)
	}
	name, key, err := smallPart(parts)
	if err != nil || name != "key" {
		return refusal{http.StatusBadRequest, locale.BadRequest}
	}
	part, err := parts.NextPart()
	if err != nil || part.FormName() != "file" {
		return refusal{http.StatusBadRequest, locale.BadRequest}
	}
	if part.FileName() == "" {
		return s.refuseBackup(c, agent.Problem{Field: "file", Code: locale.FieldBackupFile}, untouched)
	}
	v := who(c)
	staged, content, err := s.Backups.Stage(c.Request().Context(), part, key, agent.Act{Source: agent.ActByPage, Login: v.User.FullLogin(), Peer: v.Peer})
	if err != nil {
		return s.refuseBackup(c, err, untouched)
	}
	s.restores.dropOwn(c)
	token := s.restores.add(c, maxRestores, staged)
	if token == "" {
		return refusal{http.StatusServiceUnavailable, locale.TooManyDownload}
	}
	live := len(s.Sessions.Sessions())
	return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmRestore(v.L, token, content, live)))
}

// maxRestores is how many browser sessions may be asked at the same time. Only the backup that was staged last can be restored.
const maxRestores = 10

// adminBackupsApply ends all sessions and restarts the gateway with the backup.
func (s *Site) adminBackupsApply(c echo.Context) error {
	staged, ok := s.restores.take(c, c.FormValue("restore"))
	if !ok {
		return s.refuseBackup(c, agent.Problem{Field: "file", Code: locale.FieldRestoreOver}, untouched)
	}
	err := s.Backups.Restore(staged)
	if errors.Is(err, agent.ErrNotFound) {
		return s.refuseBackup(c, agent.Problem{Field: "file", Code: locale.FieldRestoreOver}, untouched)
	}
	if err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActBackupRestored})
	p := s.page(c)
	p.Path, p.Query = templates.BackupsPath, ""
	return s.render(c, http.StatusOK, templates.AdminRestoring(p))
}
