package flow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// maxAdded bounds what the agents of one invocation may add to its prompt.
const maxAdded = 4 << 20

// thread is one line of work: what its next agent is given, and what came out so far. Steps in parallel each have a
// fork of it, so a thread belongs to one goroutine.
type thread struct {
	call    agents.Call
	text    string // the prompt, and a section for every agent that has answered
	output  string // of the last step that didn't fail
	answer  string // of the response agent
	state   map[string]any
	outputs map[string]string
	written []string // keys of both, as they were set in this thread
	usage   agents.Usage
	failure error // the last one that did not end the flow
}

func newThread(call agents.Call) *thread {
	return &thread{call: call, text: call.Prompt, state: map[string]any{}, outputs: map[string]string{}}
}

// fork returns a thread that begins where t is.
func (t *thread) fork() *thread {
	return &thread{call: t.call, text: t.text, state: maps.Clone(t.state), outputs: maps.Clone(t.outputs)}
}

// join takes up what the forks brought, in their order; it does so to the end, as the usage counts in any case.
func (t *thread) join(forks []*thread) (err error) {
	begin := len(t.text)
	var outputs []string
	for _, fork := range forks {
		t.usage = t.usage.Add(fork.usage)
		if err == nil {
			err = t.add(fork.text[begin:])
		}
		if fork.output != "" {
			outputs = append(outputs, fork.output)
		}
		if fork.answer != "" {
			t.answer = fork.answer
		}
		if fork.failure != nil {
			t.failure = fork.failure
		}
		for _, key := range fork.written {
			t.keep(key, fork.state[key], fork.outputs[key])
		}
	}
	if len(outputs) > 0 {
		t.output = strings.Join(outputs, "\n\n")
	}
	return err
}

func (t *thread) keep(key string, value any, output string) {
	t.state[key], t.outputs[key] = value, output
	if !slices.Contains(t.written, key) {
		t.written = append(t.written, key)
	}
}

// record takes up the output of an agent.
func (t *thread) record(s *agentStep, output string) error {
	if err := t.add(section(s.entry.ID, "", output)); err != nil {
		return err
	}
	t.output = output
	if s.isAnswer {
		t.answer = output
	}
	if s.key != "" {
		value := strings.TrimSpace(output)
		t.keep(s.key, value, value)
	}
	return nil
}

// fail takes up a failure that does not end the flow.
func (t *thread) fail(agent string, err error) error {
	t.failure = err
	return t.add(section(agent, " (failed)", problem.Of(err).Detail))
}

func (t *thread) add(text string) error {
	if len(t.text)+len(text)-len(t.call.Prompt) > maxAdded {
		return problem.New(problem.Upstream, "flow_output_too_large",
			"The outputs of the flow's agents are more than %d MiB together. Let its agents answer more briefly.", maxAdded>>20)
	}
	t.text += text
	return nil
}

// whyNot tells of the failure that may have left the flow without an answer.
func (t *thread) whyNot() string {
	if t.failure == nil {
		return ""
	}
	return ": " + strings.TrimSuffix(problem.Of(t.failure).Detail, ".")
}

func section(agent, mark, text string) string {
	return fmt.Sprintf("\n\n=== %s%s ===\n%s", agent, mark, strings.TrimSpace(text))
}
