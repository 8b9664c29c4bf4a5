package calls

import (
	"bytes"
	"cmp"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
	"beckon/runs"
)

// ReadRunPrompt takes a prompt from a request to the runs API: a JSON object with input (a string, or an object that becomes
// the prompt as it is) or prompt, agent or workflowId, sessionId, metadata, priority and webhook. The
// error is a problem: Unsupported for another type, else Invalid.
func ReadRunPrompt(r *Request) (Prompt, error) {
	kind, err := kindOf(r.Header)
	if err != nil {
		return Prompt{}, err
	}
	body, kind, err := kind.text(r.Body)
	if err != nil {
		return Prompt{}, err
	}
	if kind.format != jsonFormat && r.Header.Get("Content-Type") != "" {
		return Prompt{}, problem.New(problem.Unsupported, problem.CodeUnsupportedMediaType, "Send the run as JSON, with Content-Type: application/json.")
	}
	d := newDecoder(body)
	if len(bytes.TrimSpace(body)) == 0 || d.PeekKind() != jsontext.KindBeginObject {
		return Prompt{}, problem.New(problem.Invalid, problem.CodeInvalidJSON, "The body must be a JSON object with input or prompt.")
	}
	found, err := readMembers(body, d, runMembers)
	if err != nil {
		return Prompt{}, err
	}
	p, err := found.readRun(body)
	if err != nil {
		return Prompt{}, err
	}
	if p.Agent, err = oneAgent(p.Agent, r.Agent); err != nil {
		return Prompt{}, err
	}
	return p, checkText(p.Text)
}

// runMembers are the members that are read of such an object.
var runMembers = append([]string{"input", "workflowId", "priority"}, promptMembers...)

func (m members) readRun(body []byte) (p Prompt, err error) {
	if err := m.readOptions(&p); err != nil {
		return Prompt{}, err
	}
	workflow, err := m.text("workflowId")
	if err != nil {
		return Prompt{}, err
	}
	if workflow != "" && p.Agent != "" && workflow != p.Agent {
		return Prompt{}, invalidParameter("workflowId", "differs from agent; name it once")
	}
	p.Agent = cmp.Or(p.Agent, workflow)
	if priority := m["priority"]; !isAbsent(priority) {
		if p.Priority, err = strconv.Atoi(string(priority)); err != nil || p.Priority < runs.PriorityFirst || p.Priority > runs.PriorityLast {
			return Prompt{}, invalidParameter("priority", "must be a whole number from %d (first) to %d (last)", runs.PriorityFirst, runs.PriorityLast)
		}
	}
	p.Text, err = m.input(body)
	return p, err
}

// input is what the run works on.
func (m members) input(body []byte) (string, error) {
	input, prompt := m["input"], m["prompt"]
	switch {
	case !isAbsent(input) && !isAbsent(prompt):
		return "", invalidParameter("input", "and prompt are both there; send one of them")
	case isAbsent(input) && isAbsent(prompt):
		return "", problem.New(problem.Invalid, problem.CodeEmptyPrompt, "The run has nothing to work on. Send it as input (a string or an object) or as prompt (a string).")
	case isAbsent(input):
		return m.prompt()
	}
	switch input.Kind() {
	case jsontext.KindString:
		return unquote(input), nil
	case jsontext.KindBeginObject:
		return textOf(input, body), nil
	}
	return "", invalidParameter("input", "must be a string or an object")
}
