package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// withDecodedPath returns a request whose path is percent-encoded only where it has to be, so that %63i finds the
// same route as ci (RFC 3986, section 6.2.2.2). An encoded slash stays encoded: it separates nothing.
func withDecodedPath(r *http.Request) *http.Request {
	r = withoutTrailingSlash(r)
	if r.URL.RawPath == "" { // nothing is encoded: the router reads URL.Path
		return r
	}
	segments := strings.Split(r.URL.RawPath, "/")
	for i, segment := range segments {
		text, err := url.PathUnescape(segment)
		if err != nil {
			return r // net/http accepts no such path
		}
		segments[i] = url.PathEscape(text)
	}
	u := *r.URL
	u.RawPath = strings.Join(segments, "/")
	r = r.WithContext(r.Context()) // a shallow copy
	r.URL = &u
	return r
}

// withoutTrailingSlash returns a request whose path does not end with a slash: that is no other address.
func withoutTrailingSlash(r *http.Request) *http.Request {
	path := strings.TrimRight(r.URL.Path, "/")
	if path == "" || path == r.URL.Path {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = path, strings.TrimRight(u.RawPath, "/")
	r = r.WithContext(r.Context()) // a shallow copy
	r.URL = &u
	return r
}

// decodeParams decodes the parameters of a path that the router read in its encoded form.
func decodeParams(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath == "" {
			return next(c)
		}
		values := make([]string, len(c.ParamValues()))
		for i, value := range c.ParamValues() {
			text, err := url.PathUnescape(value)
			if err != nil {
				text = value
			}
			values[i] = text
		}
		c.SetParamValues(values...)
		return next(c)
	}
}
