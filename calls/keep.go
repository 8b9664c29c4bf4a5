package calls

import (
	"bytes"
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/calls/kept"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// The values of credentials are also masked where they occur elsewhere in the request, if they have at least this many
// bytes. Shorter ones may be ordinary words.
const (
	minCredential = 8  // the value of a header or parameter that authenticates the caller
	minNamed      = 16 // the value of one whose name suggests a secret; see secret.Named
)

// perCallHeaders are about the connection or about a single call, and would be wrong in a replay.
var perCallHeaders = []string{
	"Accept",
	"Accept-Encoding",
	"Connection",
	"Content-Encoding",
	"Content-Length",
	"Idempotency-Key",
	"Prefer",
	"Transfer-Encoding",
}

// captureRequest sets captured, without credentials, if the client keeps requests. It needs the body, which runRequest
// releases. A replay is not kept again.
func (c *Call) captureRequest() {
	r := c.request
	if c.service.Kept == nil || c.Client.KeepRequests == 0 || r.replayOf != "" || checkAgentID(r.Agent) != nil {
		return
	}
	k := kept.Request{
		ID:        kept.NewID(),
		ClientID:  c.Client.ID,
		RequestID: r.RequestID,
		At:        r.ReceivedAt,
		Source:    c.channel.Source,
		Agent:     r.Agent,
		Method:    cmp.Or(r.Method, http.MethodPost),
		Bytes:     int64(len(r.Body)),
	}
	found := credentialsOf(r, c.catalog.Clients, c.Client)
	k.Header, k.Query = found.safeHeader(), found.safeQuery()
	k.Body, k.Omitted = c.keptBody(&k)
	k.Body = found.mask(k.Body)
	c.captured = &k
}

// keepRequest stores captured together with the outcome of the call. The response does not wait for that.
func (c *Call) keepRequest() {
	k := c.captured
	if k == nil || c.Original != nil || c.Answer != nil {
		return
	}
	k.RunID = c.RunID()
	switch {
	case c.Refused != nil:
		k.Code = problem.Of(c.Refused).Code
	case c.Skipped != "":
		k.Code = SkipCode(c.Skipped)
	}
	c.service.Kept.Add(*k, c.Client.KeepRequests)
}

// keptBody returns the body without the callback of the call, whose headers may hold secrets. If the body cannot be
// kept, omitted says why. It may change the Content-Type of k.
func (c *Call) keptBody(k *kept.Request) (body []byte, omitted string) {
	r := c.request
	switch {
	case r.hasFiles(), r.upload != nil && c.channel != Form:
		return nil, kept.Files
	case len(r.Body) > kept.MaxBody:
		return nil, kept.TooLarge
	case c.channel == Form, c.channel != API && !c.Client.NamesCallbacks():
		return r.Body, ""
	}
	kind, err := kindOf(r.Header)
	if err != nil {
		return nil, kept.Unreadable
	}
	text, _, err := kind.toUTF8(r.Body)
	if err != nil {
		return nil, kept.Unreadable
	}
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) {
		return r.Body, ""
	}
	if !jsontext.Value(text).IsValid() {
		return nil, kept.Unreadable
	}
	if rest := otherMembers(text, []string{"webhook"}); len(rest) != len(text) {
		k.Header.Set("Content-Type", "application/json")
		return []byte(cmp.Or(rest, "{}")), ""
	}
	return r.Body, ""
}

// credentials finds the credentials of a request, wherever in the request they occur.
type credentials struct {
	request     *Request
	isHeader    func(name string) bool // reports whether a header authenticates the caller
	isParameter func(name string) bool // the same for a query parameter
	values      []string               // of such headers and parameters, and parts of them; see minCredential
}

func credentialsOf(r *Request, all *clients.Set, client *clients.Member) credentials {
	c := credentials{request: r, isParameter: client.HidesQuery, isHeader: func(name string) bool {
		return name == "Authorization" || name == "Cookie" || client.Hides(name) || all.Proofs.IsHeader(name)
	}}
	for name, values := range r.Header {
		c.add(values, c.isHeader(name), secret.Named(name))
	}
	for name, values := range r.Query {
		c.add(values, c.isParameter(name), secret.Named(name))
	}
	return c
}

// add adds values and their parts, such as the token of "Bearer mgc_…". isNamed says that they belong to a name that
// suggests a secret.
func (c *credentials) add(values []string, isCredential, isNamed bool) {
	isSeparator := func(r rune) bool { return strings.ContainsRune(" ;,=", r) }
	for _, value := range values {
		for _, part := range append(strings.FieldsFunc(value, isSeparator), value) {
			if isCredential && len(part) >= minCredential || isNamed && len(part) >= minNamed {
				c.values = append(c.values, part, url.QueryEscape(part))
			}
		}
	}
}

func (c credentials) isIn(text string) bool {
	return slices.ContainsFunc(c.values, func(value string) bool { return strings.Contains(text, value) })
}

// safeHeader returns the headers without credentials and without perCallHeaders.
func (c credentials) safeHeader() http.Header {
	safe := http.Header{}
	for name, values := range c.request.Header {
		switch {
		case secret.Named(name), c.isHeader(name), slices.Contains(perCallHeaders, name), c.isIn(name):
		case name == "Content-Type" || !slices.ContainsFunc(values, c.isIn):
			safe[name] = slices.Clone(values)
		}
	}
	return safe
}

// safeQuery returns the query without credentials.
func (c credentials) safeQuery() url.Values {
	safe := url.Values{}
	for name, values := range c.request.Query {
		if !secret.Named(name) && !c.isParameter(name) && !c.isIn(name) && !slices.ContainsFunc(values, c.isIn) {
			safe[name] = slices.Clone(values)
		}
	}
	return safe
}

// mask replaces the credentials in a body by •••.
func (c credentials) mask(body []byte) []byte {
	for _, value := range c.values {
		if bytes.Contains(body, []byte(value)) {
			body = bytes.ReplaceAll(body, []byte(value), []byte(secret.Mask))
		}
	}
	return body
}
