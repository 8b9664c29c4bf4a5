package calls

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/render"
	"beckon/internal/secret"
)

// templateTime limits the time to render a client's template.
const templateTime = 100 * time.Millisecond

// renderPrompt renders a client's template over a request. The body is data of the template, so only ?agent= can name
// an agent. The error is a problem: Unprocessable if the template fails on this request, else as in ReadPrompt.
func renderPrompt(t *render.Template, c *clients.Member, r *Request, maxBytes int) (Prompt, error) {
	kind, err := kindOf(r.Header)
	if err != nil {
		return Prompt{}, err
	}
	agent, err := agentFromQuery(r.Query)
	if err != nil {
		return Prompt{}, err
	}
	data, err := templateData(t, c, r, kind)
	if err != nil {
		return Prompt{}, err
	}
	text, spans, err := t.RenderSpans(data, render.Limits{MaxBytes: maxBytes, Time: templateTime})
	if err != nil {
		return Prompt{}, problem.New(problem.Unprocessable, problem.CodeTemplateFailed,
			"The client's template cannot be rendered with this request: %v.", err)
	}
	if isBlank(text) {
		return Prompt{}, problem.New(problem.Invalid, problem.CodeEmptyPrompt,
			"The prompt is empty: the client's template produces no text for this request.")
	}
	return Prompt{Text: text, Agent: agent, isOwn: true, spans: spans}, checkText(text)
}

// templateData returns the data of the template, without what the template does not mention. A body that is labelled
// JSON or a form must be valid, whether it is mentioned or not.
func templateData(t *render.Template, c *clients.Member, r *Request, kind bodyKind) (map[string]any, error) {
	raw, kind, err := kind.toUTF8(r.Body)
	if err != nil {
		return nil, err
	}
	body, err := templateBody(t, kind, raw)
	if err != nil {
		return nil, err
	}
	name := c.Name
	if name == "" {
		name = c.ID
	}
	data := map[string]any{
		"body":       body,
		"client":     map[string]any{"id": c.ID, "name": name},
		"receivedAt": r.ReceivedAt.UTC(),
	}
	if t.Mentions("text") {
		data["text"] = strings.ToValidUTF8(string(raw), "\uFFFD") // a multipart body may hold files
	}
	if t.Mentions("headers") {
		data["headers"] = safeHeaders(c, r.Header)
	}
	if c.IsForm() && t.Mentions("files") {
		data["files"] = r.filesData()
	}
	if t.Mentions("event") && c.Sender != nil {
		data["event"] = r.event(c).Map()
	}
	if t.Mentions("query") {
		data["query"] = queryData(c, r.Query)
	}
	return data, nil
}

// templateBody returns the parsed JSON or form; nil for any other body, or if the template does not mention it.
func templateBody(t *render.Template, kind bodyKind, raw []byte) (any, error) {
	if t.Mentions("body") {
		return parseBody(kind, raw)
	}
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, nil
	case kind.format == jsonFormat:
		return nil, checkJSON(raw)
	case kind.isForm():
		_, err := kind.fields(raw)
		return nil, err
	}
	return nil, checkUTF8(raw)
}

// parseBody returns the parsed JSON or form; nil for any other body.
func parseBody(kind bodyKind, raw []byte) (any, error) {
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, nil
	case kind.format == jsonFormat:
		body, err := render.JSON(raw)
		if err != nil {
			return nil, invalidJSON(raw, err)
		}
		return body, nil
	case kind.isForm():
		fields, err := kind.fields(raw)
		return formData(fields), err
	}
	if err := checkUTF8(raw); err != nil {
		return nil, err
	}
	body, err := render.JSON(raw)
	if err != nil {
		return nil, nil // plain text, which templates have as .text
	}
	return body, nil
}

// formData returns the value of each field by name: a string, or a list of strings for a repeated field.
func formData(fields []field) map[string]any {
	data := make(map[string]any, len(fields))
	for _, f := range fields {
		addValue(data, f.name, f.value)
	}
	return data
}

// queryData is formData for the parameters of the query.
func queryData(c *clients.Member, query url.Values) map[string]any {
	data := make(map[string]any, len(query))
	for name, values := range query {
		if c.HidesQuery(name) {
			continue
		}
		for _, value := range values {
			addValue(data, strings.ToValidUTF8(name, "\uFFFD"), strings.ToValidUTF8(value, "\uFFFD"))
		}
	}
	return data
}

// addValue adds a value under a name: the second value makes a list of the first.
func addValue(data map[string]any, name, value string) {
	switch have := data[name].(type) {
	case nil:
		data[name] = value
	case []any:
		data[name] = append(have, value)
	default:
		data[name] = []any{have, value}
	}
}

// safeHeaders returns the headers by lower-case name, without those that may hold credentials: the output of a template
// goes to a model and into the record of the run.
func safeHeaders(c *clients.Member, header http.Header) map[string]string {
	safe := make(map[string]string, len(header))
	for name, values := range header {
		if !secret.Named(name) && !c.Hides(name) {
			safe[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
		}
	}
	return safe
}
