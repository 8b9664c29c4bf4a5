package server

import (
	"net/http"
	"strings"

	"beckon/internal/problem"
)

// errUnauthorized is one answer for all: no token, a wrong one, a client that does not exist.
var errUnauthorized = problem.New(problem.Unauthenticated, "unauthorized",
	"The call needs the token of this client: Authorization: Bearer mgc_… . Either the client does not exist or the token is not its own.")

// errNoClient is the same where the address names no client.
var errNoClient = problem.New(problem.Unauthenticated, "unauthorized",
	"The call needs a client's token: Authorization: Bearer mgc_… . None was sent, or it is no client's.")

// bearer returns the token of the Authorization header, or nothing when there is none, another scheme, or more than
// one. The scheme's name is case-insensitive (RFC 9110, section 11.1).
func bearer(h http.Header) string {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	token = strings.TrimLeft(token, " ")
	if strings.ContainsAny(token, " ,\t") {
		return ""
	}
	return token
}
