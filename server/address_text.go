package server

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

var errNotText = problem.New(problem.Invalid, problem.CodeInvalidParameter, "The address holds a NUL character or is not valid UTF-8. Ids, filters and other parameters are text.")

// readable refuses addresses that no database can be asked for: PostgreSQL takes neither NUL nor what isn't UTF-8. A webhook
// looks nothing up by its address, and says the same of every client that doesn't exist.
func requireText(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Path() != webhookRoute && !isText(c.Request().URL) {
			return errNotText
		}
		return next(c)
	}
}

// isText reports whether all that an address says is text.
func isText(u *url.URL) bool {
	if !plainText(u.Path) {
		return false
	}
	if !strings.Contains(u.RawQuery, "%") {
		return plainText(u.RawQuery)
	}
	for name, values := range u.Query() {
		if !plainText(name) || !plainText(strings.Join(values, "")) {
			return false
		}
	}
	return true
}

func plainText(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }
