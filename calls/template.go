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

// templateTime bounds the rendering of a client's template.
const templateTime = 100 * time.Millisecond

// renderPrompt renders a client's template over a request. The agent may come from ?agent= and nothing from the body, which
// belongs to the template. The error is a problem: Unprocessable when the template cannot be rendered over this
// request, else as of ReadPrompt.
func renderPrompt(t *render.Template, c *clients.Member, r *Request, maxBytes int) (Prompt, error) {
	kind, err := kindOf(r.Header)
	if err != nil {
		return Prompt{}, err
	}
	agent, err := agentOf(r.Query)
	if err != nil {
		return Prompt{}, err
	}
	data, err := templateData(t, c, r, kind)
	if err != nil {
		return Prompt{}, err
	}
	text, err := t.Render(data, render.Limits{MaxBytes: maxBytes, Time: templateTime})
	if err != nil {
		return Prompt{}, problem.New(problem.Unprocessable, problem.CodeTemplateFailed, "The client's template cannot be rendered over this request: %v.", err)
	}
	if isBlank(text) {
		return Prompt{}, problem.New(problem.Invalid, problem.CodeEmptyPrompt, "The prompt is empty: the client's template makes nothing of this request.")
	}
	return Prompt{Text: text, Agent: agent}, checkText(text)
}

// templateData makes what the template mentions. A body that says what it is must be that, mentioned or not.
func templateData(t *render.Template, c *clients.Member, r *Request, kind bodyKind) (map[string]any, error) {
	raw, kind, err := kind.text(r.Body)
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
	data := map[string]any{"body": body, "client": map[string]any{"id": c.ID, "name": name}, "receivedAt": r.ReceivedAt.UTC()}
	if t.Mentions("text") {
		data["text"] = strings.ToValidUTF8(string(raw), "\uFFFD") // a multipart body may hold files
	}
	if t.Mentions("headers") {
		data["headers"] = safeHeaders(c, r.Header)
	}
	if source := c.Sender; t.Mentions("event") && source != nil {
		data["event"] = source.Event(r.delivery()).Map()
	}
	if t.Mentions("query") {
		data["query"] = queryData(c, r.Query)
	}
	return data, nil
}

// templateBody returns the parsed JSON or form, or nil where there is neither.
func templateBody(t *render.Template, kind bodyKind, raw []byte) (any, error) {
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, nil
	case kind.format == jsonFormat:
		if !t.Mentions("body") {
			return nil, checkJSON(raw)
		}
		body, err := render.JSON(raw)
		if err != nil {
			return nil, invalidJSON(raw, err)
		}
		return body, nil
	case kind.isForm():
		fields, err := kind.fields(raw)
		return formData(fields), err
	}
	if err := checkUTF8(raw); err != nil || !t.Mentions("body") {
		return nil, err
	}
	body, err := render.JSON(raw)
	if err != nil {
		return nil, nil // a text, which is in .text
	}
	return body, nil
}

// formData has a string for every field, or a list where a field is repeated.
func formData(fields []field) map[string]any {
	data := make(map[string]any, len(fields))
	for _, f := range fields {
		addValue(data, f.name, f.value)
	}
	return data
}

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

// safeHeaders has the headers by their lower-case names, without those that prove who the caller is. A template's
// result goes to a model and into the run's record.
func safeHeaders(c *clients.Member, header http.Header) map[string]string {
	safe := make(map[string]string, len(header))
	for name, values := range header {
		if !secret.Named(name) && !c.Hides(name) {
			safe[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
		}
	}
	return safe
}
