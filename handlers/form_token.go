package handlers

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
)

// formCookie is the cookie of the form token: a random value that every form repeats in a hidden field. The __Host- prefix keeps other
// hosts of the domain from setting it (RFC 6265bis, 4.1.3.2).
const formCookie = "__Host-ideco-form"

const formTokenKey = "form-token"

// formToken returns the token of this browser. It sets the cookie if there is none.
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

// maskedFormToken returns the token for the forms of one answer: a random mask and the token XOR that mask. The answers are compressed, and
// a token that is the same in all of them could be guessed from their lengths, if an answer also repeats what a stranger chose (BREACH).
func maskedFormToken(c echo.Context) string {
	token, _ := base64.RawURLEncoding.DecodeString(formToken(c)) // valid: formToken checks the cookie
	masked := make([]byte, 2*len(token))
	mask := masked[:len(token)]
	_, _ = rand.Read(mask) // never fails (Go 1.24)
	subtle.XORBytes(masked[len(token):], token, mask)
	return base64.RawURLEncoding.EncodeToString(masked)
}

// maskedLength is the length of a masked token in base64url.
const maskedLength = 86

// unmask returns the token in a form's field. A field of another length has no mask and is returned as it is: a script may send the
// cookie's value.
func unmask(field string) string {
	if len(field) != maskedLength {
		return field
	}
	masked, err := base64.RawURLEncoding.DecodeString(field)
	if err != nil {
		return field
	}
	token := make([]byte, len(masked)/2)
	subtle.XORBytes(token, masked[:len(token)], masked[len(token):])
	return base64.RawURLEncoding.EncodeToString(token)
}

func validFormToken(c echo.Context) bool {
	token := cookieValue(c, formCookie)
	return token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(unmask(c.FormValue(templates.CSRFField)))) == 1
}

// randomToken returns 256 random bits in base64url.
func randomToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b)
}
