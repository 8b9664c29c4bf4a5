package secret

import (
	"regexp"
	"strings"
)

var (
	secretName = regexp.MustCompile(`auth|cookie|token|secret|key|passw|passphrase|pwd|` +
		`signature|sig([^a-z]|$)|hmac|credential|session|jwt|csrf|xsrf|assertion|cert|vault`)
	// plainNames sound like it: what Bitbucket says of an event, and keys that open nothing.
	plainNames = map[string]bool{"x-event-key": true, "idempotency-key": true, "ce-partitionkey": true}
)

// Named reports whether a header field, a parameter or a member of that name is likely to hold a secret, or what
// proves who sent it, such as a signature.
func Named(name string) bool {
	name = strings.ToLower(name)
	return secretName.MatchString(name) && !plainNames[name]
}
