package clients

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"beckon/internal/problem"
)

// opaqueOrigin is what browsers send as the origin of sandboxed frames and local files.
const opaqueOrigin = "null"

// AllowsOrigin reports whether pages of this origin may call the client from a browser.
func (c Client) AllowsOrigin(origin string) bool { return slices.Contains(c.CORS, origin) }

// AllowsOrigin reports whether pages of this origin may call any of the clients.
func (s *Set) AllowsOrigin(origin string) bool { return s.origins[origin] }

// checkCORS finds the origins that no browser would send.
func (c Client) checkCORS() (found problem.Fields) {
	for i, origin := range c.CORS {
		path := fmt.Sprintf("cors[%d]", i)
		if wrong := checkOrigin(origin); wrong != "" {
			found.Add(path, "%s", wrong)
		} else if slices.Index(c.CORS, origin) < i {
			found.Add(path, "%q is there twice", origin)
		}
	}
	return found
}

// checkOrigin says what is wrong with an origin. A browser sends it as RFC 6454, section 6.2, writes it, and it is
// compared as a text.
func checkOrigin(origin string) string {
	const form = "must be an origin such as https://app.example.com or http://localhost:5173: scheme, host, " +
		"and port where it is not the scheme's own"
	if origin == opaqueOrigin {
		return ""
	}
	if strings.Contains(origin, "*") {
		return "must not contain *: list each origin whose pages may call the client"
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil {
		return form
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' }) {
		return "must have the host as browsers send it, in ASCII: xn--… for other letters"
	}
	port := ""
	if p := u.Port(); p != "" && p != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		port = ":" + p
	}
	sent := u.Scheme + "://" + strings.ToLower(strings.TrimSuffix(u.Host, ":"+u.Port())) + port
	if sent != origin {
		return "must be written as browsers send it: " + sent
	}
	return ""
}
