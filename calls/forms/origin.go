package forms

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// nullOrigin is what a browser sends for pages that are opened from disk, for sandboxed frames, and for pages whose
// referrer policy is no-referrer.
const nullOrigin = "null"

// AllowsOrigin reports whether pages of an origin may send the form.
func (f Form) AllowsOrigin(origin string) bool { return slices.Contains(f.Origins, origin) }

// Allows reports whether the page that a request comes from may send the form. It uses the Origin header or,
// without one, the Referer. A request with neither is allowed: a program can leave out both, so refusing it would
// keep nobody out.
func (f Form) Allows(h http.Header) bool {
	if origins := h.Values("Origin"); len(origins) > 0 {
		return len(origins) == 1 && f.AllowsOrigin(origins[0])
	}
	referers := h.Values("Referer")
	if len(referers) == 0 {
		return true
	}
	page, ok := absolute(referers[0])
	return ok && len(referers) == 1 && f.AllowsOrigin(originOf(page))
}

// PageOf returns the URL of the page that a request comes from, if its origin is listed and the request says it;
// otherwise the origin. It is empty if neither is known.
func (f Form) PageOf(h http.Header) string {
	if page, ok := absolute(h.Get("Referer")); ok && f.AllowsOrigin(originOf(page)) {
		return page.String()
	}
	if origin := h.Get("Origin"); origin != nullOrigin && f.AllowsOrigin(origin) {
		return origin + "/"
	}
	return ""
}

// RedirectTo returns where a visitor goes after the form: the wanted address, if it is of a listed origin, else
// that of the form. It is empty for the page of thanks. wanted may be a path of the page's own origin.
func (f Form) RedirectTo(wanted string, h http.Header) string {
	if strings.HasPrefix(wanted, "/") && !strings.HasPrefix(wanted, "//") {
		if page, ok := absolute(f.PageOf(h)); ok {
			wanted = originOf(page) + wanted
		}
	}
	if to, ok := absolute(wanted); ok && f.AllowsOrigin(originOf(to)) {
		return to.String()
	}
	return f.Redirect
}

// absolute reads a URL of a web page. What browsers and Go could read in two ways is none.
func absolute(text string) (*url.URL, bool) {
	if len(text) > 2048 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return nil, false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil, false
	}
	return u, true
}

// originOf returns the origin of a page, as browsers write it.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "" || port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = strings.TrimSuffix(strings.TrimSuffix(host, port), ":")
	}
	return u.Scheme + "://" + host
}

func validOrigin(origin string) bool {
	u, ok := absolute(origin)
	return origin == nullOrigin || ok && originOf(u) == origin
}
