package handlers

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates/locale"
)

// takeToast returns the message of the previous action. It accepts only ids of toasts, because the cookie is the browser's.
func takeToast(c echo.Context) string {
	id := cookieValue(c, toastCookie)
	if id == "" {
		return ""
	}
	c.SetCookie(&http.Cookie{Name: toastCookie, Path: "/", MaxAge: -1, Secure: c.IsTLS(), HttpOnly: true})
	if !slices.Contains(locale.Toasts, id) {
		return ""
	}
	return who(c).L.T(id)
}

// done answers a successful form with a redirect. A cookie takes the message's id to the next page.
func done(c echo.Context, toast, path string) error {
	c.SetCookie(&http.Cookie{Name: toastCookie, Value: toast, Path: "/", MaxAge: 60, Secure: c.IsTLS(), HttpOnly: true,
		SameSite: http.SameSiteLaxMode})
	return c.Redirect(http.StatusSeeOther, path)
}
