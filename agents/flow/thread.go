package flow

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/internal/fence"
	"beckon/internal/problem"
)

// maxAdded bounds what the agents of one invocation may add to its prompt.
const maxAdded = 4 << 20

// thread is one line of execution: what its next agent is given, and the outputs so far. Steps in parallel each have a
// fork of it, so a thread belongs to one goroutine.
type thread struct {
	call     agents.Call
	progress agents.Progress
	turn     string // of the loops and lists around, as node ids have it
	via      string // what the routers around have chosen
	leaving  bool   // an agent has asked to end the loop around it

	text       fence.Text      // the prompt, and a section for every agent that has answered
	output     string          // of the last step that didn't fail
	answer     string          // of the response agent
	outputBy   agents.Answerer // of output
	answerBy   agents.Answerer // of answer
	degraded   bool            // a fallback has answered in one of the steps
	state      map[string]any
	sizes      map[string]int // of what set_state has put into the state
	outputs    map[string]string
	stateKeys  []string // keys of the state, as they were set in this thread
	outputKeys []string // keys of the outputs
	usage      agents.Usage
	// artifacts are what the agents have made, also those that have failed.
	artifacts []agents.Artifact
	failure   error // the last one that did not end the flow

	result             any // of an item of a list
	responseAgentAsked bool
}

func newThread(call agents.Call) *thread {
	call.Input = cmp.Or(call.Input, call.Prompt)
	t := &thread{
		call:     call,
		progress: call.Progress,
		text:     call.PromptText(),
		state:    map[string]any{},
		sizes:    map[string]int{},
		outputs:  map[string]string{},
	}
	if t.progress == nil {
		t.progress = noProgress{}
	}
	return t
}

// fork returns a thread that begins where t is.
func (t *thread) fork() *thread {
	call := t.call
	call.Artifacts = slices.Concat(call.Artifacts, t.artifacts)
	return &thread{call: call, progress: t.progress, turn: t.turn, via: t.via, text: t.text,
		state: maps.Clone(t.state), sizes: maps.Clone(t.sizes), outputs: maps.Clone(t.outputs)}
}

// join adds the results of the forks, in their order. After an error it goes on, because the usage counts in any case.
func (t *thread) join(forks []*thread) (err error) { return t.joinFrom(len(t.text.Text), forks) }

// joinFrom is join for forks whose own text begins elsewhere.
func (t *thread) joinFrom(begin int, forks []*thread) (err error) {
	var outputs []string
	for _, fork := range forks {
		t.usage = t.usage.Add(fork.usage)
		t.artifacts = append(t.artifacts, fork.artifacts...)
		if err == nil {
			err = t.appendText(fork.text.From(begin))
		}
		if fork.output != "" {
			outputs = append(outputs, fork.output)
			t.outputBy = fork.outputBy
		}
		if fork.answer != "" {
			t.answer, t.answerBy = fork.answer, fork.answerBy
		}
		t.degraded = t.degraded || fork.degraded
		t.responseAgentAsked = t.responseAgentAsked || fork.responseAgentAsked
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
		t.outputBy = agents.Answerer{} // there are several
	}
	if err == nil && (total(t.sizes) > maxStateBytes || len(t.sizes) > maxStateKeys) {
		err = problem.New(problem.Upstream, problem.CodeFlowStateTooLarge,
			"What the flow's agents keep by set_state is more than %d KiB or %d keys together. Let them keep less.",
			maxStateBytes>>10, maxStateKeys)
	}
	return err
}

// merge adds the state and the outputs that were set in a fork.
func (t *thread) merge(fork *thread) {
	for _, key := range fork.stateKeys {
		t.setState(key, fork.state[key], fork.sizes[key])
	}
	for _, key := range fork.outputKeys {
		t.setOutput(key, fork.outputs[key])
	}
}

// setState sets a key of the state; size is what it counts, 0 for an output.
func (t *thread) setState(key string, value any, size int) {
	if t.state[key] = value; size > 0 {
		t.sizes[key] = size
	} else {
		delete(t.sizes, key)
	}
	if !slices.Contains(t.stateKeys, key) {
		t.stateKeys = append(t.stateKeys, key)
	}
}

func (t *thread) setOutput(key, output string) {
	t.outputs[key] = output
	if !slices.Contains(t.outputKeys, key) {
		t.outputKeys = append(t.outputKeys, key)
	}
}

// applyNode adds the result of an agent, of this or of an earlier attempt at the run. After an error nothing is added.
func (t *thread) applyNode(s *agentStep, n agents.Node) error {
	if err := t.appendText(section(s.entry.ID, "", n.Output)); err != nil {
		return err
	}
	t.output, t.outputBy = n.Output, n.By
	t.outputBy.Attempts = nil // they are the node's
	if s.isResponseAgent {
		t.answer, t.answerBy = t.output, t.outputBy
	}
	t.degraded = t.degraded || n.By.Degraded
	for key, value := range n.State {
		t.setState(key, value, sizeOf(key, value))
	}
	if s.key != "" {
		t.setState(s.key, valueOf(n.Output, n.By), 0)
		t.setOutput(s.key, strings.TrimSpace(n.Output))
	}
	t.leaving = n.LeavesLoop && s.inLoop
	return nil
}

// applyFailure adds a failure that does not end the flow.
func (t *thread) applyFailure(agent string, err error) error {
	t.failure = err
	return t.appendText(section(agent, " (failed)", problem.Of(err).Detail))
}

func (t *thread) appendText(text fence.Text) error {
	if len(t.text.Text)+len(text.Text)-len(t.call.Prompt) > maxAdded {
		return problem.New(problem.Upstream, problem.CodeFlowOutputTooLarge,
			"The outputs of the flow's agents are more than %d MiB together. Let its agents answer more briefly.",
			maxAdded>>20)
	}
	t.text.Add(text)
	return nil
}

// failureSuffix names the failure that may have left the flow without an answer.
func (t *thread) failureSuffix() string {
	if t.failure == nil {
		return ""
	}
	return ": " + strings.TrimSuffix(problem.Of(t.failure).Detail, ".")
}

// section is what the next agents are told of one that has answered, or failed. Its words may be those of third
// parties.
func section(agent, mark, text string) fence.Text {
	s := fence.Text{Text: fmt.Sprintf("\n\n=== %s%s ===\n", agent, mark)}
	s.AddData(strings.TrimSpace(text))
	return s
}
