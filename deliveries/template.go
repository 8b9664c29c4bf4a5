package deliveries

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
	"beckon/internal/render"
)

// The bounds of one rendering.
const (
	maxTemplated  = 1 << 20
	templatedTime = 100 * time.Millisecond
)

// templated is a format that its user has written: a template over .id, .type, .runId, .workflowId, .success, .data,
// .metadata, .error, .createdAt, .timestamp (Unix milliseconds) and .run. What it makes must be JSON.
type templated struct{ template *render.Template }

func parseTemplate(text string) (format, error) {
	parsed, err := render.Parse(text)
	if err != nil {
		return nil, problem.New(problem.Invalid, "invalid_format", "%s", err.Error())
	}
	return templated{parsed}, nil
}

func (t templated) render(m message) ([]byte, string, error) {
	data, err := t.data(m)
	if err != nil {
		return nil, "", err
	}
	text, err := t.template.Render(data, render.Limits{MaxBytes: maxTemplated, Time: templatedTime})
	if err != nil {
		return nil, "", problem.New(problem.Unprocessable, problem.CodeTemplateFailed,
			"The endpoint's format cannot be rendered over this event: %s. Correct its template.",
			strings.TrimSuffix(err.Error(), "."))
	}
	body := bytes.TrimSpace([]byte(text))
	if err := checkJSON(body); err != nil {
		return nil, "", err
	}
	return body, jsonType, nil
}

// data is what the template sees of a message.
func (t templated) data(m message) (map[string]any, error) { return m.dataFor(t.template) }

// dataFor is what a template sees of the message.
func (m message) dataFor(t *render.Template) (map[string]any, error) {
	data, err := m.data()
	switch {
	case err != nil:
		return nil, err
	case m.IsSample:
		unknown := t.Unknown()
		if data["metadata"] = unknown; m.RunID != "" {
			data["run"] = sampleRun(m, unknown)
		}
	case m.run != nil:
		m.run["artifacts"] = []any{}
		if about, ok := data["data"].(map[string]any); ok && about["artifacts"] != nil {
			m.run["artifacts"] = about["artifacts"]
		}
		data["run"] = m.run
	}
	return data, nil
}

// data is what a template sees of the message, besides its run.
func (m message) data() (map[string]any, error) {
	p, err := m.payload()
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"id":        m.ID,
		"type":      p.Type,
		"runId":     nil,
		"run":       nil,
		"createdAt": p.CreatedAt.UTC(),
		"timestamp": p.CreatedAt.UnixMilli(),
	}
	if m.RunID != "" {
		data["runId"] = m.RunID
	}
	for name, value := range map[string]jsontext.Value{
		"workflowId": p.WorkflowID,
		"success":    p.Success,
		"data":       p.Data,
		"metadata":   p.Metadata,
		"error":      p.Error,
	} {
		if data[name] = nil; value == nil {
			continue
		}
		if data[name], err = render.JSON(value); err != nil {
			return nil, problem.New(problem.Internal, "invalid_payload",
				"A template cannot read the record of this event.").Because(err)
		}
	}
	return data, nil
}

// checkJSON takes one JSON value: no comments, no names twice, nothing behind it. It says where it is wrong and never
// what is there, which may be the run's output.
func checkJSON(body []byte) error {
	at, err := endOfJSON(body)
	if at < 0 {
		return nil
	}
	line, column := position(body, at)
	return problem.New(problem.Unprocessable, "invalid_template_output",
		"The endpoint's format made something that is not JSON: see line %d, column %d of it. "+
			"Have its template write values with json, as in {\"text\": {{json .data.output}}}.",
		line, column).Because(err)
}

// whyNoJSON says where a text stops being JSON.
func whyNoJSON(body []byte) string {
	at, _ := endOfJSON(body)
	if at >= len(body) {
		return "ends too early: a brace, a bracket or a quote is missing"
	}
	line, column := position(body, at)
	return fmt.Sprintf("is not JSON from line %d, column %d on", line, column)
}

// endOfJSON finds the byte from which on a text is not one JSON value; -1 when it is.
func endOfJSON(body []byte) (at int, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	_, err = d.ReadValue()
	rest := bytes.TrimLeft(body[d.InputOffset():], " \t\r\n")
	if err == nil && len(rest) == 0 {
		return -1, nil
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return min(int(syntactic.ByteOffset), len(body)), err
	}
	return len(body) - len(rest), err
}

func position(body []byte, at int) (line, column int) {
	before := body[:at]
	return bytes.Count(before, []byte("\n")) + 1, at - bytes.LastIndexByte(before, '\n')
}
