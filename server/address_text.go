package server

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

var errNotText = problem.New(problem.Invalid, problem.CodeInvalidParameter,
	"The address holds a NUL character or is not valid UTF-8. Ids, filters and other parameters are text.")

// requireText refuses addresses that are not text: PostgreSQL takes neither NUL nor invalid UTF-8. Webhooks are
// exempt: they query nothing by their address, and answer every client that does not exist in the same way.
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
