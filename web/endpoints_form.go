package web

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/units"
)

// endpointFields are the fields of the form, in its order.
var endpointFields = []labelled{
	{"format", "Format"},
	{"url", "URL"},
	{"template", "Template"},
	{"secret", "Secret"},
	{"to", "To"},
	{"from", "From"},
	{"as", "Posted as"},
	{"repositories", "Repositories"},
	{"subject", "Subject"},
	{"replyTo", "Reply to"},
	{"method", "Method"},
	{"path", "Path"},
	{"body", "Body"},
	{"events", "Events"},
	{"otherEvents", "Other events"},
	{"agents", "Agents and flows"},
	{"clients", "Clients"},
	{"signature", "Signature"},
	{"vendor", "Vendor"},
	{"headers", "Headers"},
	{"retry", "Retries"},
	{"waits", "Custom schedule"},
	{"timeout", "Timeout"},
	{"rateLimit", "Max attempts per second"},
	{"since", "Created since"},
}

// Choices that have a text beside them.
const (
	formatTemplate = "template"
	retryList      = "list"
)

// endpointForm is an endpoint as its form has it: as it was typed, right or wrong.
type endpointForm struct {
	ID, Name, URL      string
	Enabled            bool
	Events             []string // those that are ticked
	OtherEvents        string
	Agents, Clients    string
	Format, Template   string
	To, Method         string
	From, As           string
	Repositories       string
	Subject, ReplyTo   string
	Path, Body         string
	Signature, Vendor  string
	Retry, Waits       string
	Headers            []headerLine
	Timeout, RateLimit string
	secret             secret.String            // never shown again
	headers            map[string]secret.String // as they were typed
	wrongHeaders       problem.Fields
	typedSecrets       bool // secrets were typed, which are not shown again
}

// endpointFormOf is the form of an endpoint that there is.
func endpointFormOf(e deliveries.Endpoint) endpointForm {
	f := endpointForm{
		ID:           e.ID,
		Name:         e.Name,
		URL:          e.ShownURL(),
		Enabled:      e.IsEnabled(),
		Agents:       strings.Join(e.Agents, ", "),
		Clients:      strings.Join(e.Clients, ", "),
		Format:       e.Format,
		Signature:    e.Signature,
		Vendor:       e.Vendor,
		Retry:        e.Retry.Policy,
		Headers:      headerLines(e.Headers),
		To:           e.To,
		From:         e.From,
		As:           e.As,
		Repositories: strings.Join(e.Repositories, ", "),
		Subject:      e.Subject,
		ReplyTo:      e.ReplyTo,
		Method:       e.Method,
		Path:         e.Path,
		Body:         e.Body,
	}
	var others []string
	for _, name := range e.Events {
		if slices.Contains(deliveries.EventNames(), name) {
			f.Events = append(f.Events, name)
		} else {
			others = append(others, name)
		}
	}
	f.OtherEvents = strings.Join(others, ", ")
	if strings.Contains(e.Format, "{{") {
		f.Format, f.Template = formatTemplate, e.Format
	}
	if len(e.Retry.Waits) > 0 {
		waits := make([]string, len(e.Retry.Waits))
		for i, wait := range e.Retry.Waits {
			waits[i] = wait.String()
		}
		f.Retry, f.Waits = retryList, strings.Join(waits, ", ")
	}
	if e.Timeout != 0 {
		f.Timeout = e.Timeout.String()
	}
	if e.RateLimit != 0 {
		f.RateLimit = strconv.Itoa(e.RateLimit)
	}
	return f
}

// IsDestination reports whether the form is that of a receiver that people read.
func (f endpointForm) IsDestination() bool {
	return deliveries.Endpoint{Format: f.Format}.IsDestination()
}

// HasHeaders reports whether deliveries get headers.
func (s endpointScreen) HasHeaders() bool {
	return s.ErrorOf("headers") != "" || slices.ContainsFunc(s.Form.Headers, func(l headerLine) bool { return l.Name != "" })
}

// ChoosesEvents reports whether events are chosen, or what is chosen is wrong.
func (s endpointScreen) ChoosesEvents() bool {
	return len(s.Form.Events) > 0 || s.Form.OtherEvents+s.ErrorOf("events")+s.ErrorOf("otherEvents") != ""
}

// HasSignature reports whether deliveries are signed in another way than by default.
func (s endpointScreen) HasSignature() bool {
	f := s.Form
	return f.Vendor != "" || f.Signature != "" && f.Signature != string(signature.Standard) ||
		s.ErrorOf("signature")+s.ErrorOf("vendor") != ""
}

// readEndpointForm takes a form as it was sent. have is what is kept, or the zero Endpoint.
func readEndpointForm(sent url.Values, have deliveries.Endpoint) endpointForm {
	f := endpointForm{
		ID:           trimmed(sent, "id"),
		Name:         trimmed(sent, "name"),
		URL:          trimmed(sent, "url"),
		Enabled:      sent.Has("enabled"),
		Events:       sent["events"],
		OtherEvents:  trimmed(sent, "otherEvents"),
		Agents:       joined(sent, "agents"),
		Clients:      joined(sent, "clients"),
		Format:       trimmed(sent, "format"),
		Template:     trimmed(sent, "template"),
		Signature:    trimmed(sent, "signature"),
		Vendor:       trimmed(sent, "vendor"),
		Retry:        trimmed(sent, "retry"),
		Waits:        trimmed(sent, "waits"),
		Timeout:      trimmed(sent, "timeout"),
		RateLimit:    trimmed(sent, "rateLimit"),
		To:           trimmed(sent, "to"),
		From:         trimmed(sent, "from"),
		As:           trimmed(sent, "as"),
		Repositories: trimmed(sent, "repositories"),
		Subject:      trimmed(sent, "subject"),
		ReplyTo:      trimmed(sent, "replyTo"),
		Method:       trimmed(sent, "method"),
		Path:         trimmed(sent, "path"),
		Body:         trimmed(sent, "body"),
		secret:       secret.String(trimmed(sent, "secret")),
	}
	f.Headers, f.headers, f.typedSecrets = typedHeaders(sent, have.Headers, &f.wrongHeaders)
	f.typedSecrets = f.typedSecrets || f.secret != ""
	return f
}

// endpoint reads what was typed, and says what cannot be read. What is as it is by default is left out.
func (f endpointForm) endpoint(have deliveries.Endpoint) (e deliveries.Endpoint, wrong problem.Fields) {
	e = deliveries.Endpoint{
		ID:           f.ID,
		Name:         catalog.OmitDefault(f.Name, f.ID),
		URL:          f.URL,
		Secret:       f.secret,
		Events:       append(slices.Clone(f.Events), splitList(f.OtherEvents)...),
		Agents:       splitList(f.Agents),
		Clients:      splitList(f.Clients),
		Format:       catalog.OmitDefault(f.Format, deliveries.DefaultFormat),
		Signature:    catalog.OmitDefault(f.Signature, string(signature.Standard)),
		Vendor:       catalog.OmitDefault(f.Vendor, signature.DefaultVendor),
		Headers:      f.headers,
		To:           f.To,
		From:         f.From,
		As:           f.As,
		Repositories: splitList(f.Repositories),
		Subject:      f.Subject,
		ReplyTo:      f.ReplyTo,
		Method:       f.Method,
		Path:         f.Path,
		Body:         f.Body,
	}
	if e.IsDestination() { // which hides what is chosen for the others
		e.Signature, e.Vendor = "", ""
	}
	if !f.Enabled {
		e.Enabled = new(bool)
	}
	kept := endpointFormOf(have)
	switch {
	case f.Format == formatTemplate:
		e.Format = f.Template
		if !strings.Contains(f.Template, "{{") {
			wrong.Add("format", `has no {{…}}: write one that makes JSON, such as {"text": {{json .data.output}}}`)
		}
	case f.Template != "" && f.Template != kept.Template:
		wrong.Add("template", "is filled in but not selected: select “a template” above, or empty this field")
	}
	e.Retry = f.retry(&wrong)
	if f.Retry != retryList && f.Waits != "" && f.Waits != kept.Waits {
		wrong.Add("waits", "are filled in but not selected: select “my own” above, or empty this field")
	}
	wrong = append(wrong, f.wrongHeaders...)
	readInto(&wrong, "timeout", f.Timeout, &e.Timeout)
	if e.Timeout == units.Duration(deliveries.DefaultTimeout) {
		e.Timeout = 0
	}
	e.RateLimit = readCount(&wrong, "rateLimit", f.RateLimit, 0)
	return e, wrong
}

func (f endpointForm) retry(wrong *problem.Fields) (r deliveries.Retry) {
	if f.Retry != retryList {
		return deliveries.Retry{Policy: catalog.OmitDefault(f.Retry, deliveries.RetrySvix)}
	}
	for _, text := range splitList(f.Waits) {
		var wait units.Duration
		if err := wait.UnmarshalText([]byte(text)); err != nil {
			wrong.Add("retry", "%v", err)
			return r
		}
		r.Waits = append(r.Waits, wait)
	}
	if len(r.Waits) == 0 {
		wrong.Add("retry", "write how long to wait before each retry, such as 10s, 1m, 1h")
	}
	return r
}

// joined returns the values of a field that is sent more than once: the boxes that are ticked, and what is typed besides.
func joined(sent url.Values, path string) string {
	return strings.TrimSpace(strings.Join(slices.DeleteFunc(slices.Clone(sent[path]), isBlank), ", "))
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// splitList splits a text at commas, spaces and line breaks.
func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}

// moveToTypedFields moves errors of a template or of custom waits to the fields that they were typed into.
func (f endpointForm) moveToTypedFields(found problem.Fields) problem.Fields {
	for i := range found {
		if f.Format == formatTemplate && found[i].Path == "format" {
			found[i].Path = "template"
		}
		if f.Retry == retryList && found[i].Path == "retry" {
			found[i].Path = "waits"
		}
	}
	return found
}

// moveToOtherEvents moves errors of events that were typed, which come behind the ticked ones, to the field for them.
func (f endpointForm) moveToOtherEvents(found problem.Fields) problem.Fields {
	list := slices.Clone(found)
	for i := range list {
		var n int
		if _, err := fmt.Sscanf(list[i].Path, "events[%d]", &n); err == nil && n >= len(f.Events) {
			list[i].Path = fmt.Sprintf("otherEvents[%d]", n-len(f.Events))
		}
	}
	return list
}

// shortPaths turns paths into the fields of the form, and keeps what they said in the message: "headers.X-Env", "retry[1]".
func shortPaths(found problem.Fields) problem.Fields {
	short := make(problem.Fields, len(found))
	for i, f := range found {
		short[i] = problem.Field{Path: fieldOf(f.Path), Message: f.Message}
		rest := f.Path[len(short[i].Path):]
		if n, err := strconv.Atoi(strings.Trim(rest, "[]")); err == nil {
			short[i].Message = fmt.Sprintf("number %d: %s", n+1, f.Message)
		} else if rest != "" {
			short[i].Message = strings.TrimPrefix(rest, ".") + ": " + f.Message
		}
	}
	return short
}
