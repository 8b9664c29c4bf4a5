package server

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"beckon/internal/secret"
)

// The bounds of what is kept of a refused call.
const (
	maxRefusedHeaders = 40
	maxRefusedValue   = 256 // bytes of a header field
	maxRefusedName    = 64  // bytes of its name, and of other names
	maxRefusedText    = 512 // bytes of the path and of the reason
	maxRefusedQuery   = 20  // names of parameters
)

var (
	secretName = regexp.MustCompile(`(?i)auth|cookie|token|secret|key|passw|pwd|signature|credential|session|jwt|csrf|xsrf|assertion|cert`)
	// What looks like a secret wherever it stands: our own tokens and those of others, JSON Web Tokens, credentials behind
	// their scheme, and the values of a query.
	secretText  = regexp.MustCompile(`(?i)\b(mgc|whsec|whsk|whpk|sk|pk|ghp)_[A-Za-z0-9_+/=-]{4,}|\b(sk|pk|glpat|xox[a-z])-[A-Za-z0-9_-]{20,}|\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_.-]+`)
	secretAfter = regexp.MustCompile(`(?i)\b(bearer|basic|token|apikey)([ :=]+)[^\s,;]+`)
	queryValue  = regexp.MustCompile(`([?&][^=&?\s]{0,64}=)[^&\s]+`)
	userInfo    = regexp.MustCompile(`(//)[^/\s@]+@`)
	queryName   = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,40}$`)
)

// shownRequest are the header fields of a request as they may be kept.
func shownRequest(r *http.Request) map[string]string {
	shown := map[string]string{}
	if r.Host != "" {
		shown["Host"] = plain(scrub(r.Host), maxRefusedValue)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if len(shown) == maxRefusedHeaders {
			break
		}
		shown[plain(scrub(name), maxRefusedName)] = plain(shownField(name, r.Header[name]), maxRefusedValue)
	}
	return shown
}

func shownField(name string, values []string) string {
	parts := make([]string, len(values))
	for i, value := range values {
		switch {
		case strings.EqualFold(name, "Authorization"):
			parts[i] = shownCredentials(value)
		case secretName.MatchString(name):
			parts[i] = secret.String(value).String()
		default:
			parts[i] = scrub(value)
		}
	}
	return strings.Join(parts, ", ")
}

// authSchemes are those that can be shown: of another word, nobody knows that it isn't the secret.
var authSchemes = []string{"Bearer", "Basic", "Digest", "Token", "ApiKey", "Negotiate", "HMAC", "Signature", "AWS4-HMAC-SHA256"}

// shownCredentials leaves of an Authorization header its scheme.
func shownCredentials(value string) string {
	first, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	for _, scheme := range authSchemes {
		if strings.EqualFold(first, scheme) {
			return strings.TrimSpace(scheme + " " + secret.String(rest).String())
		}
	}
	return secret.String(value).String()
}

// shownPath is the path of a request with the names of its parameters, but not their values.
func shownPath(u *url.URL) string {
	path := plain(scrub(u.EscapedPath()), maxRefusedText)
	var names []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, hasValue := strings.Cut(part, "=")
		if name == "" || len(names) == maxRefusedQuery {
			continue
		}
		// A name without a value may be a secret itself.
		if !hasValue || !queryName.MatchString(name) || scrub(name) != name {
			name = secret.Mask
		}
		names = append(names, name)
	}
	if len(names) > 0 {
		path += "?" + strings.Join(names, "=…&") + "=…"
	}
	return path
}

// scrub masks what looks like a secret in a text.
func scrub(text string) string {
	if len(text) > 2*maxRefusedText {
		text = text[:2*maxRefusedText] // the rest is not shown
	}
	text = secretText.ReplaceAllString(text, secret.Mask)
	text = secretAfter.ReplaceAllString(text, "$1$2"+secret.Mask)
	text = userInfo.ReplaceAllString(text, "${1}"+secret.Mask+"@")
	return queryValue.ReplaceAllString(text, "$1"+secret.Mask)
}

// plain is text that every database takes, cut to a length in bytes.
func plain(text string, most int) string {
	const more = "…"
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= most {
		return text
	}
	cut := most - len(more)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}
