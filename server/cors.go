package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/cors"

	"beckon/calls"
)

// preflightAge is how long a browser may remember that it may call. The origin of each call is checked all the same.
const preflightAge = 10 * time.Minute

// allowOrigins returns the middleware that lets pages of other origins call a client from a browser: those that the client lists,
// at its webhook and at the routes of its runs. Cookies are not allowed there. Other pages get answers without CORS headers.
func (s *Server) allowOrigins() echo.MiddlewareFunc {
	headers := cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return s.allowsOrigin(r, origin), nil
		},
		AllowedHeaders: []string{"*"}, // a client's proof may be in any header
		ExposedHeaders: []string{
			runIDHeader, requestIDHeader, verdictHeader, "Location", "Retry-After", "Preference-Applied", "Idempotency-Replayed",
			"RateLimit", "RateLimit-Policy", "WWW-Authenticate", "Allow",
		},
		MaxAge: int(preflightAge.Seconds()),
	})
	return func(next echo.HandlerFunc) echo.HandlerFunc { // Echo calls this for every request
		return func(c echo.Context) error {
			r := c.Request()
			if r.Header.Get("Origin") == "" || !isCallPath(c.Path()) {
				return next(c)
			}
			r.SetPathValue("clientID", c.Param("clientID"))
			var err error
			headers.ServeHTTP(c.Response(), r, func(http.ResponseWriter, *http.Request) { err = next(c) })
			return err
		}
	}
}

// isCallPath reports whether a route is the webhook's or one of the runs API.
func isCallPath(route string) bool {
	if isAdminPath(route) {
		return false
	}
	for _, prefix := range runPrefixes {
		if path, ok := strings.CutPrefix(route, prefix); ok {
			return strings.HasPrefix(path, "webhooks/") || strings.HasPrefix(path, "runs") ||
				strings.HasPrefix(path, "nodes/")
		}
	}
	return false
}

// allowsOrigin reports whether pages of an origin may make a request. A preflight of the runs API does not say
// whose token the request is going to have: any client's origins will do, and the request itself is checked by its
// client. So is one with a token that is no client's, which is told so.
func (s *Server) allowsOrigin(r *http.Request, origin string) bool {
	all := s.Calls.Catalog().Clients
	if id := r.PathValue("clientID"); id != "" {
		client := all.Get(id)
		return client != nil && client.AllowsOrigin(origin)
	}
	if client := all.ByToken(calls.BearerToken(r.Header)); client != nil {
		return client.AllowsOrigin(origin)
	}
	return all.AllowsOrigin(origin)
}
