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

// The limits of what the list of refused calls keeps of each call.
const (
	maxRefusedHeaders = 40
	maxRefusedValue   = 256 // bytes of a header field
	maxRefusedName    = 64  // bytes of its name, and of other names
	maxRefusedText    = 512 // bytes of the path and of the reason
	maxRefusedQuery   = 20  // names of parameters

	// minFound is the shortest admin token that is searched for within other text.
	minFound = 8
	// maxScrubbed is how many bytes of a text are searched for secrets. Even when it is escaped three times, that
	// is more than is kept.
	maxScrubbed = 16 << 10
)

var (
	// Texts that look like secrets wherever they stand: Beckon's tokens, those of other vendors, and JSON Web Tokens.
	secretText = regexp.MustCompile(`(?i)(mgc|whsec|whsk|whpk|ghp)_[A-Za-z0-9_+/=-]{4,}` +
		`|\b(sk|pk)_[A-Za-z0-9_+/=-]{4,}` +
		`|\b(sk|pk|glpat|xox[a-z])-[A-Za-z0-9_-]{20,}` +
		`|eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_.-]+`)
	// Credentials after their scheme, values of queries, values whose names say that they are secret, and the user
	// info of a URL.
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

// maxUnescaped is how many layers of percent-encoding are decoded when a text is searched for secrets.
const maxUnescaped = 3

// masker replaces secrets in what is kept of a request: known ones, and texts that look like one.
type masker struct {
	admin   secret.String // the admin token
	clients *clients.Set
}

// request returns the header fields of a request without secrets.
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
			parts[i] = maskCredentials(value)
		case secret.Named(name), m.clients.Proofs.IsHeader(name):
			parts[i] = secret.String(value).String()
		default:
			parts[i] = m.scrub(value)
		}
	}
	return strings.Join(parts, ", ")
}

// authSchemes are the schemes of an Authorization header that are shown. Any other word may be the secret itself.
var authSchemes = []string{
	"Bearer", "Basic", "Digest", "Token", "ApiKey", "Negotiate", "HMAC", "Signature", "AWS4-HMAC-SHA256",
}

// maskCredentials returns the scheme of an Authorization header, with its credentials masked.
func maskCredentials(value string) string {
	first, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	for _, scheme := range authSchemes {
		if strings.EqualFold(first, scheme) {
			return strings.TrimSpace(scheme + " " + secret.String(rest).String())
		}
	}
	return secret.String(value).String()
}

// path returns the path of a request with the names of its query parameters, without their values.
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

// scrub masks the secrets in a text, and what looks like one, also where they are escaped.
func (m masker) scrub(text string) string {
	if len(text) > maxScrubbed {
		text = text[:maxScrubbed] // the rest is not kept
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

// plain returns a text without the characters that PostgreSQL refuses, cut to a length in bytes.
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
