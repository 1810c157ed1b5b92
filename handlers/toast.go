package handlers

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates/locale"
)

// leaveToast carries the id of a message to the next page.
func leaveToast(c echo.Context, id string) {
	c.SetCookie(&http.Cookie{Name: toastCookie, Value: id, Path: "/", MaxAge: 60, Secure: c.IsTLS(), HttpOnly: true,
		SameSite: http.SameSiteLaxMode})
}

// takeToast is the message that the last act left. Only ids of our own messages count, whatever the cookie says.
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

// done answers a form that worked: the message, and the page to go on with.
func done(c echo.Context, toast, path string) error {
	leaveToast(c, toast)
	return c.Redirect(http.StatusSeeOther, path)
}
