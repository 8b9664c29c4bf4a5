package flow

import (
	"cmp"
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
	call     agents.Call
	progress agents.Progress
	turn     string // of the loops around, as node ids have it
	leaving  bool   // an agent has asked to end the loop around it

	text    string          // the prompt, and a section for every agent that has answered
	output  string          // of the last step that didn't fail
	answer  string          // of the response agent
	by      agents.Answerer // of output
	answers agents.Answerer // of answer
	degrade bool            // a fallback has answered in one of the steps
	state   map[string]any
	sizes   map[string]int // of what set_state has put into the state
	outputs map[string]string
	set     []string // keys of the state, as they were set in this thread
	named   []string // keys of the outputs
	usage   agents.Usage
	files   []agents.Artifact // those that the thread has made
	failure error             // the last one that did not end the flow
}

func newThread(call agents.Call) *thread {
	call.Input = cmp.Or(call.Input, call.Prompt)
	t := &thread{call: call, progress: call.Progress, text: call.Prompt, state: map[string]any{}, sizes: map[string]int{}, outputs: map[string]string{}}
	if t.progress == nil {
		t.progress = unkept{}
	}
	return t
}

// fork returns a thread that begins where t is.
func (t *thread) fork() *thread {
	call := t.call
	call.Artifacts = slices.Concat(call.Artifacts, t.files)
	return &thread{call: call, progress: t.progress, turn: t.turn, text: t.text,
		state: maps.Clone(t.state), sizes: maps.Clone(t.sizes), outputs: maps.Clone(t.outputs)}
}

// join takes up what the forks brought, in their order; it does so to the end, as the usage counts in any case.
func (t *thread) join(forks []*thread) (err error) {
	begin := len(t.text)
	var outputs []string
	for _, fork := range forks {
		t.usage = t.usage.Add(fork.usage)
		t.files = append(t.files, fork.files...)
		if err == nil {
			err = t.add(fork.text[begin:])
		}
		if fork.output != "" {
			outputs = append(outputs, fork.output)
			t.by = fork.by
		}
		if fork.answer != "" {
			t.answer, t.answers = fork.answer, fork.answers
		}
		t.degrade = t.degrade || fork.degrade
		if fork.failure != nil {
			t.failure = fork.failure
		}
		t.leaving = t.leaving || fork.leaving
		t.merge(fork)
	}
	if len(outputs) > 0 {
		t.output = strings.Join(outputs, "\n\n")
	}
	if len(outputs) > 1 {
		t.by = agents.Answerer{} // there are several
	}
	if err == nil && (total(t.sizes) > maxStateBytes || len(t.sizes) > maxStateKeys) {
		err = problem.New(problem.Upstream, problem.CodeFlowStateTooLarge,
			"What the flow's agents keep by set_state is more than %d KiB or %d keys together. Let them keep less.", maxStateBytes>>10, maxStateKeys)
	}
	return err
}

// merge takes up what was set in a fork.
func (t *thread) merge(fork *thread) {
	for _, key := range fork.set {
		t.put(key, fork.state[key], fork.sizes[key])
	}
	for _, key := range fork.named {
		t.name(key, fork.outputs[key])
	}
}

// put sets a key of the state; size is what it counts, 0 for an output.
func (t *thread) put(key string, value any, size int) {
	if t.state[key] = value; size > 0 {
		t.sizes[key] = size
	} else {
		delete(t.sizes, key)
	}
	if !slices.Contains(t.set, key) {
		t.set = append(t.set, key)
	}
}

func (t *thread) name(key, output string) {
	t.outputs[key] = output
	if !slices.Contains(t.named, key) {
		t.named = append(t.named, key)
	}
}

// take takes up what an agent has done, now or in an earlier attempt at the run. After an error nothing is.
func (t *thread) take(s *agentStep, n agents.Node) error {
	if err := t.add(section(s.entry.ID, "", n.Output)); err != nil {
		return err
	}
	t.output, t.by = n.Output, n.By
	t.by.Attempts = nil // they are the node's
	if s.isAnswer {
		t.answer, t.answers = t.output, t.by
	}
	t.degrade = t.degrade || n.By.Degraded
	for key, value := range n.State {
		t.put(key, value, sizeOf(key, value))
	}
	if s.key != "" {
		value := strings.TrimSpace(n.Output)
		t.put(s.key, value, 0)
		t.name(s.key, value)
	}
	t.leaving = n.LeavesLoop && s.inLoop
	return nil
}

// fail takes up a failure that does not end the flow.
func (t *thread) fail(agent string, err error) error {
	t.failure = err
	return t.add(section(agent, " (failed)", problem.Of(err).Detail))
}

func (t *thread) add(text string) error {
	if len(t.text)+len(text)-len(t.call.Prompt) > maxAdded {
		return problem.New(problem.Upstream, problem.CodeFlowOutputTooLarge,
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
