package egress

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Allowed are URLs that may be got, each with all that is below its path.
type Allowed []allowedURL

// allowedURL is one of them: "https://*.example.com/api".
type allowedURL struct {
	text, scheme, port string
	host               string // "*.example.com" for all names below example.com
	path               string // without a slash at its end; "" for all
}

// ParseAllowed reads a list of URLs. at is the one that cannot be used, where there is an error.
func ParseAllowed(list []string) (allowed Allowed, at int, err error) {
	for i, text := range list {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
			return nil, i, fmt.Errorf("must be a URL such as https://api.example.com/v1/, " +
				"or https://*.example.com/ for all names below example.com")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return nil, i, fmt.Errorf("must be scheme, host and path alone")
		case strings.Contains(strings.TrimPrefix(u.Hostname(), "*."), "*"):
			return nil, i, fmt.Errorf("may have a * in place of the first names of a host only, " +
				"as in https://*.example.com/")
		}
		allowed = append(allowed, allowedURL{
			text, u.Scheme, portOf(u), strings.ToLower(u.Hostname()), strings.TrimSuffix(u.Path, "/"),
		})
	}
	return allowed, 0, nil
}

// String lists them.
func (a Allowed) String() string {
	texts := make([]string, len(a))
	for i, u := range a {
		texts[i] = u.text
	}
	return strings.Join(texts, ", ")
}

// Check finds out whether a URL is one of them. The error is a *Refused.
func (a Allowed) Check(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return refuse("", "The URL cannot be read")
	}
	if !slices.ContainsFunc(a, func(allowed allowedURL) bool { return allowed.has(u) }) {
		return refuse("", "The URL is none of those that egress.httpGet allows: %s", a)
	}
	return nil
}

func (a allowedURL) has(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	below, isWild := strings.CutPrefix(a.host, "*")
	if u.Scheme != a.scheme || portOf(u) != a.port || u.User != nil || isWild && !strings.HasSuffix(host, below) ||
		!isWild && host != a.host {
		return false
	}
	if a.path == "" {
		return true
	}
	// What a server makes of these in a path is not known, and so they may lead out of the one that is allowed.
	escaped := strings.ToLower(u.EscapedPath())
	for _, part := range []string{"%2f", "%5c", "%2e", "\\", "//", ";"} {
		if strings.Contains(escaped, part) {
			return false
		}
	}
	clean := path.Clean("/" + u.Path)
	return clean == a.path || strings.HasPrefix(clean, a.path+"/")
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
