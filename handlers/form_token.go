package handlers

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
)

// The form token: a random value in a cookie that every form repeats in a hidden field. The __Host- prefix keeps other
// hosts of the domain from setting it (RFC 6265bis, 4.1.3.2).
const formCookie = "__Host-ideco-form"

const formTokenKey = "form-token"

// formToken returns the token for this browser's forms. It sets the cookie if there is none.
func formToken(c echo.Context) string {
	if token, ok := c.Get(formTokenKey).(string); ok {
		return token
	}
	token := cookieValue(c, formCookie)
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 32 {
		token = randomToken()
		c.SetCookie(&http.Cookie{Name: formCookie, Value: token, Path: "/", Secure: true, HttpOnly: true,
			SameSite: http.SameSiteLaxMode})
	}
	c.Set(formTokenKey, token)
	return token
}

func validFormToken(c echo.Context) bool {
	token := cookieValue(c, formCookie)
	return token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(c.FormValue(templates.CSRFField))) == 1
}

// randomToken returns 256 random bits in base64url.
func randomToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b)
}
