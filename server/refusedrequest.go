package server

import (
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"beckon/clients"
	"beckon/internal/secret"
)

// The bounds of what is kept of a refused call.
const (
	maxRefusedHeaders = 40
	maxRefusedValue   = 256 // bytes of a header field
	maxRefusedName    = 64  // bytes of its name, and of other names
	maxRefusedText    = 512 // bytes of the path and of the reason
	maxRefusedQuery   = 20  // names of parameters

	// minFound is how long an admin token is that is looked for inside of other text.
	minFound = 8
	// maxScrubbed is how much of a text is looked at. Escaped as often as it may be it is still longer than what is shown.
	maxScrubbed = 16 << 10
)

var (
	// What looks like a secret wherever it stands: our own tokens and those of others, and JSON Web Tokens.
	secretText = regexp.MustCompile(`(?i)(mgc|whsec|whsk|whpk|ghp)_[A-Za-z0-9_+/=-]{4,}|\b(sk|pk)_[A-Za-z0-9_+/=-]{4,}|\b(sk|pk|glpat|xox[a-z])-[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_.-]+`)
	// Credentials behind their scheme, the values of a query and of what has a telling name, and who a URL is for.
	secretAfter = regexp.MustCompile(`(?i)\b(bearer|basic|token|apikey)([ :=]+)[^\s,;]+`)
	queryValue  = regexp.MustCompile(`([?&][^=&?\s]{0,64}=)[^&\s]+`)
	named       = regexp.MustCompile(`([A-Za-z0-9_.-]+)(["']?\s*[:=]\s*)("[^"]*"?|'[^']*'?|[^\s,;:=&"']+)`)
	userInfo    = regexp.MustCompile(`(//)[^/\s@]+@`)
	jsonText    = regexp.MustCompile(`^\s*(\{|\[\s*["{\[])`) // JSON
	queryName   = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,40}$`)

	escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	word    = regexp.MustCompile(`[^\s,;"'<>()]+`)
	part    = regexp.MustCompile(`[^/?&=:|]+`)
)

// maxUnescaped is how many times over a text may be percent-encoded and still be seen through.
const maxUnescaped = 3

// masker hides what must not be kept of a request: what looks like a secret, and what is known to be one.
type masker struct {
	admin   secret.String // the admin token
	clients *clients.Set
}

// request are the header fields of a request as they may be kept.
func (m masker) request(r *http.Request) map[string]string {
	shown := map[string]string{}
	if r.Host != "" {
		shown["Host"] = plain(m.scrub(r.Host), maxRefusedValue)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if len(shown) == maxRefusedHeaders {
			break
		}
		shown[plain(m.scrub(name), maxRefusedName)] = plain(m.field(name, r.Header[name]), maxRefusedValue)
	}
	return shown
}

func (m masker) field(name string, values []string) string {
	parts := make([]string, len(values))
	for i, value := range values {
		switch {
		case strings.EqualFold(name, "Authorization"):
			parts[i] = shownCredentials(value)
		case secret.Named(name):
			parts[i] = secret.String(value).String()
		default:
			parts[i] = m.scrub(value)
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

// path is the path of a request with the names of its parameters, but not their values.
func (m masker) path(u *url.URL) string {
	path := plain(m.scrub(u.EscapedPath()), maxRefusedText)
	var names []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name == "" || len(names) == maxRefusedQuery {
			continue
		}
		// A name without a value may be a secret itself: one in base64 ends in "=".
		if strings.Trim(value, "=") == "" || !queryName.MatchString(name) || m.scrub(name) != name {
			name = secret.Mask
		}
		names = append(names, name)
	}
	if len(names) > 0 {
		path += "?" + strings.Join(names, "=…&") + "=…"
	}
	return path
}

// scrub masks what is a secret in a text, or looks like one, however it is escaped.
func (m masker) scrub(text string) string {
	if len(text) > maxScrubbed {
		text = text[:maxScrubbed] // of the rest nothing is shown
	}
	bare := text
	for range maxUnescaped {
		bare = escaped.ReplaceAllStringFunc(bare, func(code string) string {
			b, _ := hex.DecodeString(code[1:]) // it is two digits
			return string(b)
		})
	}
	if masked := m.mask(bare); masked != bare {
		return masked
	}
	return text
}

func (m masker) mask(text string) string {
	if jsonText.MatchString(text) {
		return secret.Mask
	}
	if len(m.admin) >= minFound {
		text = strings.ReplaceAll(text, m.admin.Reveal(), secret.Mask)
	}
	text = word.ReplaceAllStringFunc(text, func(word string) string {
		if m.isToken(word) {
			return secret.Mask
		}
		return part.ReplaceAllStringFunc(word, func(part string) string {
			if m.isToken(part) {
				return secret.Mask
			}
			return part
		})
	})
	text = secretText.ReplaceAllString(text, secret.Mask)
	text = secretAfter.ReplaceAllString(text, "$1$2"+secret.Mask)
	text = userInfo.ReplaceAllString(text, "${1}"+secret.Mask+"@")
	text = queryValue.ReplaceAllString(text, "$1"+secret.Mask)
	return named.ReplaceAllStringFunc(text, func(pair string) string {
		found := named.FindStringSubmatch(pair)
		if !secret.Named(found[1]) {
			return pair
		}
		return found[1] + found[2] + secret.Mask
	})
}

// isToken reports whether a text is the admin token or a client's.
func (m masker) isToken(text string) bool {
	return m.admin != "" && text == m.admin.Reveal() || m.clients.ByToken(text) != nil
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
