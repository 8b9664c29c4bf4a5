// Package basepath puts the path of server.publicURL in front of addresses, and takes it off again.
//
// A gateway at https://example.com/beckon answers below /beckon, and below / too: some proxies pass the path on,
// and others strip it. Inside, addresses have no such path. It is put in front where they leave: by Header, HTML
// and Join.
package basepath

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Path is the path of a public URL, such as /beckon. It is empty where the URL has none.
type Path string

// reserved begin the gateway's own addresses: below one of them it could not tell what was stripped.
var reserved = []string{"admin", "api", "v1", "a", "f", "r", "docs", "healthz", "readyz", "metrics", ".well-known"}

var segment = regexp.MustCompile(`^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$`)

// Of returns the path of a URL that Check accepts, and else none.
func Of(publicURL string) Path {
	u, err := url.Parse(publicURL)
	if err != nil || Check(u) != nil {
		return ""
	}
	return Path(strings.TrimRight(u.Path, "/"))
}

// Check returns an error that says what is wrong with the path of a URL.
func Check(u *url.URL) error {
	path := strings.Trim(u.Path, "/")
	if path == "" {
		return nil
	}
	segments := strings.Split(path, "/")
	for _, s := range segments {
		if !segment.MatchString(s) {
			return fmt.Errorf("must have a path of letters, digits and - . _ ~ only, " +
				"such as https://example.com/beckon")
		}
	}
	if slices.Contains(reserved, segments[0]) {
		return fmt.Errorf("must not have a path that begins with /%s, which is an address of the gateway itself",
			segments[0])
	}
	return nil
}

// Join returns a path of the gateway as its callers reach it. Other texts, and paths that begin with p, stay as
// they are.
func (p Path) Join(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || p.contains(path) {
		return path
	}
	return string(p) + path
}

// Strip returns a path without p, if it begins with it.
func (p Path) Strip(path string) string {
	if p == "" || !p.contains(path) {
		return path
	}
	if path = path[len(p):]; strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path // there may be a query behind it
}

// contains reports whether a path is p, or below it.
func (p Path) contains(path string) bool {
	rest, ok := strings.CutPrefix(path, string(p))
	return p != "" && ok && (rest == "" || strings.ContainsAny(rest[:1], "/?#"))
}

// Request returns a request whose path does not begin with p. Its path has to be encoded as little as possible.
func (p Path) Request(r *http.Request) *http.Request {
	if p == "" || !p.contains(r.URL.Path) {
		return r
	}
	u := *r.URL
	u.Path = p.Strip(u.Path)
	if u.RawPath != "" {
		u.RawPath = p.Strip(u.RawPath)
	}
	r = r.WithContext(r.Context()) // a shallow copy
	r.URL = &u
	return r
}

// Header puts p in front of the addresses in an answer's headers.
func (p Path) Header(h http.Header) {
	for _, name := range []string{"Location", "Hx-Redirect"} {
		if address := h.Get(name); p != "" && address != "" {
			h.Set(name, p.Join(address))
		}
	}
}

// address is an attribute of a page with a path, as html/template writes it: text between tags has no bare quotes.
var address = regexp.MustCompile(`( (?:href|src|action|formaction|hx-get|hx-post|data-follow|data-settle)=")(/[^"]*)"`)

// HTML returns a page of html/template, with p in front of the addresses that it links to, sends forms to, and loads.
func (p Path) HTML(page []byte) []byte {
	if p == "" {
		return page
	}
	return address.ReplaceAllFunc(page, func(found []byte) []byte {
		name, path, _ := strings.Cut(string(found), `"`)
		return []byte(name + `"` + p.Join(path))
	})
}
