package calls

import (
	"net/http"
	"strings"
)

// BearerToken returns the token of the Authorization header, or nothing when there is none, another scheme, or more
// than one. The scheme's name is case-insensitive (RFC 9110, section 11.1).
func BearerToken(h http.Header) string {
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
