package calls

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/runs"
)

// ReadRunPrompt reads the prompt from the body of a request to the runs API, a JSON object with these members:
//
//	input or prompt      a string; input may also be an object, whose JSON is the prompt
//	agent or workflowId  the ID of an agent or flow
//	sessionId, metadata, priority, webhook
//
// If it has neither input nor prompt, the object of all other members is the prompt. A body that has none of these
// members, or is empty, brings no prompt. The error is a problem: Unsupported for another Content-Type, else Invalid.
func ReadRunPrompt(r *Request) (Prompt, error) {
	agent := r.Agent // in the URL
	body, err := r.runDocument()
	if err == nil && agent == "" && r.hasFiles() { // a body that is an audio file cannot name an agent
		agent, err = agentFromQuery(r.Query)
	}
	if err != nil {
		return Prompt{}, err
	}
	if len(body) == 0 {
		return Prompt{Agent: agent}, checkAgentID(agent)
	}
	d := newDecoder(body)
	if d.PeekKind() != jsontext.KindBeginObject {
		return Prompt{}, problem.New(problem.Invalid, problem.CodeInvalidJSON,
			"The body must be a JSON object, such as {\"input\": \"…\"}.")
	}
	found, err := readMembers(body, d, runMembers)
	if err != nil {
		return Prompt{}, err
	}
	p, err := found.readRun(body)
	if err != nil {
		return Prompt{}, err
	}
	if p.Agent, err = oneAgent(p.Agent, agent); err != nil {
		return Prompt{}, err
	}
	return p, checkText(p.Text)
}

// runDocument returns the JSON of a request to the runs API: its body, or for a form with files its other fields.
func (r *Request) runDocument() ([]byte, error) {
	if r.hasFiles() {
		return r.Body, nil
	}
	kind, err := kindOf(r.Header)
	if err != nil {
		return nil, err
	}
	body, kind, err := kind.toUTF8(r.Body)
	if err != nil {
		return nil, err
	}
	if kind.format != jsonFormat && r.Header.Get("Content-Type") != "" {
		return nil, problem.New(problem.Unsupported, problem.CodeUnsupportedMediaType,
			"Send the run as JSON, with Content-Type: application/json.")
	}
	return bytes.TrimSpace(body), nil
}

// runMembers are the members that ReadRunPrompt knows.
var runMembers = append([]string{"input", "workflowId", "priority"}, promptMembers...)

// readRun reads runMembers of a body.
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
		p.Priority, err = strconv.Atoi(string(priority))
		if err != nil || p.Priority < runs.PriorityFirst || p.Priority > runs.PriorityLast {
			return Prompt{}, invalidParameter("priority", "must be a whole number from %d (first) to %d (last)",
				runs.PriorityFirst, runs.PriorityLast)
		}
	}
	p.Text, err = m.input(body)
	return p, err
}

// input returns the prompt of a run: the member input, or prompt. If there is neither, it is the object of the
// members that are not runMembers.
func (m members) input(body []byte) (string, error) {
	input, prompt := m["input"], m["prompt"]
	switch {
	case !isAbsent(input) && !isAbsent(prompt):
		return "", invalidParameter("input", "and prompt are both there; send one of them")
	case isAbsent(input) && isAbsent(prompt):
		return otherMembers(body, runMembers), nil
	case isAbsent(input):
		if prompt.Kind() != jsontext.KindString {
			return "", problem.New(problem.Invalid, problem.CodeInvalidPrompt, "prompt must be a string.")
		}
		return unquote(prompt), nil
	}
	switch input.Kind() {
	case jsontext.KindString:
		return unquote(input), nil
	case jsontext.KindBeginObject:
		if isEmptyObject(input) {
			return "", nil
		}
		return textOf(input, body), nil
	}
	return "", invalidParameter("input", "must be a string or an object")
}

// isEmptyObject reports whether the JSON of an object has no members.
func isEmptyObject(object jsontext.Value) bool {
	return len(bytes.TrimSpace(object[1:len(object)-1])) == 0
}

// otherMembers returns the JSON of an object with the members of the body that known does not list, or "" if there
// are none.
func otherMembers(body []byte, known []string) string {
	if isEmptyObject(body) {
		return ""
	}
	d := newDecoder(body) // returns no errors: the body has been read before
	_, _ = d.ReadToken()
	object, anyKnown := make([]byte, 0, len(body)), false
	for d.PeekKind() == jsontext.KindString {
		name, _ := d.ReadValue()
		start := len(object)
		object = append(append(append(object, ','), name...), ':')
		isKnown := slices.Contains(known, unquote(name))
		value, _ := d.ReadValue()
		if object = append(object, value...); isKnown {
			object, anyKnown = object[:start], true
		}
	}
	switch {
	case !anyKnown:
		return memory.Text(body)
	case len(object) == 0:
		return ""
	}
	object[0] = '{'
	return memory.Text(append(object, '}'))
}
