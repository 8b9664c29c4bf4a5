package calls

import (
	"net/http"
	"strings"
)

// BearerToken returns the bearer token of the Authorization header. It returns "" if the header is missing, is there
// more than once, has another scheme or is malformed. The scheme is case-insensitive (RFC 9110, section 11.1).
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
