package calls

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
)

// maxPriority is the last of the priorities in the queue.
const maxPriority = 4

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
	var found runMembers
	if err := readMembers(body, d, found.memberFor); err != nil {
		return Prompt{}, err
	}
	p, err := found.read(body)
	if err != nil {
		return Prompt{}, err
	}
	if p.Agent, err = oneAgent(p.Agent, r.Agent); err != nil {
		return Prompt{}, err
	}
	return p, checkText(p.Text)
}

// runMembers are the members of such an object that are understood.
type runMembers struct {
	promptMembers
	input, workflow, priority jsontext.Value
}

func (m *runMembers) memberFor(name string) *jsontext.Value {
	switch name {
	case "input":
		return &m.input
	case "workflowId":
		return &m.workflow
	case "priority":
		return &m.priority
	}
	return m.promptMembers.memberFor(name)
}

func (m *runMembers) read(body []byte) (p Prompt, err error) {
	if err := m.readOptions(&p); err != nil {
		return Prompt{}, err
	}
	workflow, err := optionalString("workflowId", m.workflow)
	if err != nil {
		return Prompt{}, err
	}
	if workflow != "" && p.Agent != "" && workflow != p.Agent {
		return Prompt{}, invalidParameter("workflowId", "differs from agent; name it once")
	}
	if p.Agent == "" {
		p.Agent = workflow
	}
	if !isAbsent(m.priority) {
		if p.Priority, err = strconv.Atoi(string(m.priority)); err != nil || p.Priority < 1 || p.Priority > maxPriority {
			return Prompt{}, invalidParameter("priority", "must be a whole number from 1 (first) to %d (last)", maxPriority)
		}
	}
	p.Text, err = m.text(body)
	return p, err
}

func (m *runMembers) text(body []byte) (string, error) {
	switch {
	case !isAbsent(m.input) && !isAbsent(m.prompt):
		return "", invalidParameter("input", "and prompt are both there; send one of them")
	case isAbsent(m.input) && isAbsent(m.prompt):
		return "", problem.New(problem.Invalid, problem.CodeEmptyPrompt, "The run has nothing to work on. Send it as input (a string or an object) or as prompt (a string).")
	case isAbsent(m.input):
		if m.prompt.Kind() != jsontext.KindString {
			return "", problem.New(problem.Invalid, problem.CodeInvalidPrompt, "prompt must be a string.")
		}
		return unquote(m.prompt), nil
	}
	switch m.input.Kind() {
	case jsontext.KindString:
		return unquote(m.input), nil
	case jsontext.KindBeginObject:
		return textOf(m.input, body), nil
	}
	return "", invalidParameter("input", "must be a string or an object")
}
