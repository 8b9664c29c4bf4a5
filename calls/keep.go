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

// How long the values are at least that are searched for in the rest of a request: shorter ones may be any word.
const (
	minCredential = 8  // of a header or parameter that proves who calls
	minNamed      = 16 // of one whose name only sounds like it
)

// onceHeaders are about the connection or about one call, and would be wrong in a replay.
var onceHeaders = []string{"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Idempotency-Key", "Prefer", "Transfer-Encoding"}

// holdRequest takes what is kept of the call, while its body is there, if its client keeps requests. A replay is not kept again.
func (c *Call) holdRequest() {
	r := c.request
	if c.service.Kept == nil || c.Client.KeepRequests == 0 || r.replayOf != "" || checkAgentID(r.Agent) != nil {
		return
	}
	k := kept.Request{ID: kept.NewID(), ClientID: c.Client.ID, RequestID: r.RequestID, At: r.ReceivedAt, Source: c.sender.Source, Agent: r.Agent,
		Method: cmp.Or(r.Method, http.MethodPost), Bytes: int64(len(r.Body))}
	hidden := hiddenIn(r, c.catalog.Clients, c.Client)
	k.Header, k.Query = hidden.header(), hidden.query()
	k.Body, k.Omitted = c.keptBody(&k)
	k.Body = hidden.black(k.Body)
	c.held = &k
}

// keepRequest keeps the request, with what has become of it. The answer does not wait for that.
func (c *Call) keepRequest() {
	k := c.held
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

// keptBody returns the body as it is kept: without the callback of the call, whose headers may hold secrets.
func (c *Call) keptBody(k *kept.Request) (body []byte, omitted string) {
	r := c.request
	switch {
	case r.hasFiles(), r.upload != nil && c.sender != Form:
		return nil, kept.Files
	case len(r.Body) > kept.MaxBody:
		return nil, kept.TooLarge
	case c.sender == Form, c.sender != API && !c.Client.NamesCallbacks():
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

// hidden tells the credentials of a request from the rest of it.
type hidden struct {
	request           *Request
	proves, provesURL func(name string) bool // a header or parameter by which callers prove themselves
	values            []string
}

func hiddenIn(r *Request, all *clients.Set, client *clients.Member) hidden {
	h := hidden{request: r, provesURL: client.HidesQuery, proves: func(name string) bool {
		return name == "Authorization" || name == "Cookie" || client.Hides(name) || all.Proofs.IsHeader(name)
	}}
	for name, values := range r.Header {
		h.add(values, h.proves(name), secret.Named(name))
	}
	for name, values := range r.Query {
		h.add(values, h.provesURL(name), secret.Named(name))
	}
	return h
}

func (h *hidden) add(values []string, proves, named bool) {
	for _, value := range values {
		for _, part := range append(strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" ;,=", r) }), value) {
			if proves && len(part) >= minCredential || named && len(part) >= minNamed {
				h.values = append(h.values, part, url.QueryEscape(part))
			}
		}
	}
}

func (h hidden) isIn(text string) bool {
	return slices.ContainsFunc(h.values, func(value string) bool { return strings.Contains(text, value) })
}

func (h hidden) header() http.Header {
	kept := http.Header{}
	for name, values := range h.request.Header {
		switch {
		case secret.Named(name), h.proves(name), slices.Contains(onceHeaders, name), h.isIn(name):
		case name == "Content-Type" || !slices.ContainsFunc(values, h.isIn):
			kept[name] = slices.Clone(values)
		}
	}
	return kept
}

func (h hidden) query() url.Values {
	kept := url.Values{}
	for name, values := range h.request.Query {
		if !secret.Named(name) && !h.provesURL(name) && !h.isIn(name) && !slices.ContainsFunc(values, h.isIn) {
			kept[name] = slices.Clone(values)
		}
	}
	return kept
}

// black puts ••• in the place of the credentials in a body.
func (h hidden) black(body []byte) []byte {
	for _, value := range h.values {
		if bytes.Contains(body, []byte(value)) {
			body = bytes.ReplaceAll(body, []byte(value), []byte(secret.Mask))
		}
	}
	return body
}
