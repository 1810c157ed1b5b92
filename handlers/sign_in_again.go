package handlers

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Limits of a form that is kept while its person signs in again.
const (
	maxKeptForm   = 64 << 10 // bytes
	maxKeptFields = 1000     // a page with a field takes many times its bytes
)

// secretFields are never sent back in a page.
var secretFields = []string{templates.CSRFField, templates.AgainLogin, templates.AgainPassword, "password", "current", "psw", "psw2", "eab_hmac_key"}

// signInAgain answers a form that came after the sign-in had expired: the page asks for login and password, and has the fields of the form.
// With a login in the form it signs in. It returns nil if the form can go on.
func (s *Site) signInAgain(c echo.Context) error {
	signedOut := refusal{http.StatusUnauthorized, locale.NotSignedIn}
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxKeptForm)
	c.Request().URL.RawQuery = "" // as in preventForgery
	if c.Request().ParseForm() != nil || !ownForm(c) {
		return signedOut
	}
	d, ok := keptForm(c)
	if !ok {
		return signedOut
	}
	login, password := c.FormValue(templates.AgainLogin), c.FormValue(templates.AgainPassword)
	if login == "" && password == "" {
		return s.render(c, http.StatusUnauthorized, templates.SignInAgain(s.page(c), d))
	}
	err := s.signIn(c, login, password)
	if refused := (*agent.Error)(nil); errors.As(err, &refused) && refused.Code != agent.CodeInternal {
		retryAfter(c, refused)
		d.Login, d.Error = agent.Clean(login, agent.MaxLoginTyped), who(c).L.Refusal(refused)
		return s.render(c, statusOf(refused.Code), templates.SignInAgain(s.page(c), d))
	}
	return err
}

// sendAgain answers a form whose token was not valid, for instance because the browser has lost its cookies. The page has the fields of the
// form and a valid token. It reports false if another site may have made the form.
func (s *Site) sendAgain(c echo.Context) (answered bool, err error) {
	if c.Request().Header.Get("Sec-Fetch-Site") != "same-origin" {
		return false, nil
	}
	d, ok := keptForm(c)
	if !ok || who(c).User == nil {
		return false, nil
	}
	return true, s.render(c, http.StatusForbidden, templates.SignInAgain(s.page(c), d))
}

// ownForm reports whether a page of this browser made the form: by its token, or because the browser says so. It may have lost the cookies
// of the token and of the sign-in at once.
func ownForm(c echo.Context) bool {
	return validFormToken(c) || c.Request().Header.Get("Sec-Fetch-Site") == "same-origin"
}

// keptForm returns the fields of the request's form without its secrets. It reports false if they are too many to be kept, or have files.
func keptForm(c echo.Context) (templates.SignInAgainData, bool) {
	r := c.Request()
	d := templates.SignInAgainData{Action: r.URL.EscapedPath()}
	if r.MultipartForm != nil || len(r.PostForm) == 0 || len(r.PostForm.Encode()) > maxKeptForm {
		return d, false
	}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		if slices.Contains(secretFields, name) {
			d.Secrets = d.Secrets || secretTyped(r.PostForm, name)
			continue
		}
		for _, value := range r.PostForm[name] {
			d.Fields = append(d.Fields, templates.HiddenField{Name: name, Value: value})
		}
	}
	return d, len(d.Fields) <= maxKeptFields
}

// secretTyped reports whether a person typed a password or a key into this field of the form.
func secretTyped(form url.Values, name string) bool {
	return name != templates.CSRFField && name != templates.AgainLogin && name != templates.AgainPassword && form.Get(name) != ""
}
