package deliveries

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/render"
)

const maxShownSample = 120 // characters of what a template has made

// checkFormat finds out whether a format can be used. A template is tried on one event of every sort: one that makes JSON
// of none of them never will. What only some events have may be missing in the others.
func (e Endpoint) checkFormat() error {
	f, err := parseFormat(e.Format)
	t, isTemplate := f.(templated)
	if err != nil || !isTemplate {
		return err
	}
	var first error
	for m := range e.samples() {
		err := t.try(m)
		if err == nil || t.depends(err) {
			return nil
		}
		first = cmp.Or(first, err)
	}
	return first
}

// errUndecided is for what says nothing about other events.
var errUndecided = errors.New("it depends on the event")

// try makes the body of a sample, and says what is wrong with it in the words of a form.
func (t templated) try(m message) error {
	data, err := m.data()
	if err != nil {
		return err
	}
	text, err := t.template.Render(data, render.Limits{MaxBytes: maxTemplated, Time: templatedTime})
	if err != nil {
		return fmt.Errorf("cannot be made of any event: %w", err)
	}
	if text = strings.TrimSpace(text); text == "" {
		return errUndecided
	}
	if checkJSON([]byte(text)) == nil {
		return nil
	}
	return problem.New(problem.Invalid, "invalid_format", "never makes JSON: of the event %s it makes %s, which %s. Write values with json, as in {\"text\": {{json .data.output}}}",
		m.Type, beginning(text), whyNoJSON([]byte(text)))
}

// depends reports whether a failure may be the sample's: a key of the metadata, which callers choose, or a busy machine.
func (t templated) depends(err error) bool {
	if errors.Is(err, errUndecided) {
		return true
	}
	failed, ok := errors.AsType[*render.Error](err)
	return ok && (failed.Kind == render.TooSlow || failed.Kind == render.MissingKey && t.readsMetadata)
}

// beginning is one line of what was made.
func beginning(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > maxShownSample {
		return string(r[:maxShownSample]) + "…"
	}
	return text
}

// The values that a sample may have as an output: a number is JSON in quotes and without them.
var sampleOutputs = []string{"0", `{"answer": "yes"}`, "All is well."}

// samples are events of every sort that the endpoint could get, the likeliest first. Each is made when it is asked for:
// the first one is nearly always enough.
func (e Endpoint) samples() iter.Seq[message] {
	agent := "triage"
	if len(e.Agents) > 0 {
		agent = e.Agents[0]
	}
	type sort struct{ kind, name string }
	var sorts []sort
	for _, kind := range append([]string{events.RunCompleted, events.RunFailed, events.NodeCompleted, events.NodeFailed, EndpointTest}, EventNames()...) {
		if !slices.Contains(sorts, sort{kind, kind}) {
			sorts = append(sorts, sort{kind, kind})
		}
	}
	for _, name := range e.Events {
		if !slices.Contains(EventNames(), name) { // agents and flows call theirs as they like
			sorts = append(sorts, sort{events.RunCompleted, name}, sort{events.NodeCompleted, name}, sort{events.RunFailed, name})
		}
	}
	return func(yield func(message) bool) {
		for _, s := range sorts {
			for _, m := range samplesOf(s.kind, s.name, agent) {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// samplesOf are events of one sort, with the name that they go out under.
func samplesOf(kind, name, agent string) (list []message) {
	var data map[string]any
	run, failure := any("run_01JZX5B7Q0000000000000000"), any(nil)
	outputs := []string{""}
	failed := func() { data["errorCode"], failure = "provider_error", "The provider failed." }
	switch kind {
	case EndpointTest:
		data, run = map[string]any{"endpointId": "ops", "status": "COMPLETED", "message": "This is a test."}, nil
	case EndpointDisabled:
		data, run = map[string]any{"endpointId": "ops", "reason": DisabledGone, "disabledAt": sampleTime}, nil
		failed()
	case DeliveryExhausted:
		data = map[string]any{"deliveryId": "dlv_1", "endpointId": "ops", "eventId": "evt_1", "eventType": events.RunCompleted, "attempts": 6}
		failed()
	default:
		subject, what, _ := strings.Cut(kind, ".")
		data = map[string]any{"status": strings.ToUpper(what), "output": nil}
		if kind == events.RunCreated {
			data["status"] = "QUEUED"
		}
		if subject == "node" {
			data["nodeId"], data["nodeType"] = agent, agent
		} else {
			data["completedNodes"], data["failedNodes"] = 1, 0
		}
		switch what {
		case "completed", "viewed":
			outputs = sampleOutputs
		case "failed", "canceled":
			failed()
		}
	}
	for _, output := range outputs {
		if output != "" {
			data["output"] = output
		}
		payload, err := json.Marshal(map[string]any{"success": failure == nil, "type": kind, "runId": run, "workflowId": agent, "data": data, "metadata": map[string]any{},
			"error": failure, "createdAt": sampleTime})
		if err != nil {
			continue // texts, numbers and nulls never fail
		}
		m := message{ID: "evt_01JZX5B7Q0000000000000000", Type: name, Payload: payload}
		if run != nil {
			m.RunID = fmt.Sprint(run)
		}
		list = append(list, m)
	}
	return list
}

const sampleTime = "2026-02-18T12:00:00.000Z"
