package chat

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"beckon/agents"
	"beckon/internal/problem"
)

const userAgent = "Beckon"

// address finds the base URL of a provider and which headers it gets. Azure's older style needs the query:
// …/openai/deployments/NAME?api-version=2024-10-21.
func address(p agents.Provider, w *wire, found *problem.Fields) (*url.URL, http.Header) {
	base := p.URL
	if base == "" {
		base = w.url
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		found.Add("provider.url", "must be an http or https URL")
		return nil, nil
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if strings.HasSuffix(strings.TrimRight(u.Path, "/"), w.path) {
		found.Add("provider.url", "must be the base URL, without %s", w.path)
	}
	if !httpguts.ValidHeaderFieldValue(p.APIKey.Reveal()) {
		found.Add("provider.apiKey", "must not hold a line break or another control character")
	}
	headers := http.Header{"User-Agent": {userAgent}, "Content-Type": {"application/json"}}
	w.authorize(headers, p.APIKey.Reveal())
	for name, value := range p.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			found.Add("provider.headers", "%q is not a header that can be sent", name)
			continue
		}
		headers[textproto.CanonicalMIMEHeaderKey(name)] = []string{value.Reveal()}
	}
	if u.Path == "" {
		u.Path = "/" // or JoinPath makes a path that doesn't begin with one
	}
	return u, headers
}

// headersFor adds the type of answer that is wanted. What the provider's own headers say stands.
func headersFor(headers http.Header, accept string) http.Header {
	headers = headers.Clone()
	if headers.Get("Accept") == "" {
		headers.Set("Accept", accept)
	}
	return headers
}

// withoutQuery is an address as the log may have it: some providers want their key in the query.
func withoutQuery(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.ForceQuery = "", false
	return shown.String()
}
