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

// checkFormat finds out whether a format can be used. A template is tried on one event of every sort: one that
// makes JSON of none of them never will. What only some events have may be missing in the others.
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

// try makes the body of a sample, and says what is wrong with it in the words of a form. Where the template reads
// JSON, the output of the sample is JSON of which nothing is known.
func (t templated) try(m message) error {
	data, err := t.data(m)
	if err != nil {
		return err
	}
	if about, ok := data["data"].(map[string]any); ok && t.template.ReadsJSON() {
		if _, has := about["output"]; has {
			about["output"] = t.template.Unknown().Text()
		}
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
	return problem.New(problem.Invalid, "invalid_format",
		"never makes JSON: of the event %s it makes %s, which %s. Write values with json, as in {\"text\": "+
			"{{json .data.output}}}",
		m.Type, beginning(text), whyNoJSON([]byte(text)))
}

// depends reports whether a failure may be the sample's: a function that cannot work on what is unknown, or a busy
// machine. What is unknown has every member that the template names, so a member that is missing is missing in
// every event of its sort.
func (t templated) depends(err error) bool {
	if errors.Is(err, errUndecided) {
		return true
	}
	failed, ok := errors.AsType[*render.Error](err)
	if !ok || failed.Kind == render.TooSlow {
		return ok
	}
	readsUnknown := t.template.Mentions("metadata") || t.template.Mentions("run") || t.template.ReadsJSON()
	return failed.Kind == render.Failed && readsUnknown
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
	agent := e.sampleAgent()
	type sort struct{ kind, name string }
	var sorts []sort
	for _, kind := range append([]string{
		events.RunCompleted, events.RunFailed, events.NodeCompleted, events.NodeFailed, EndpointTest,
	}, EventNames()...) {
		if !slices.Contains(sorts, sort{kind, kind}) {
			sorts = append(sorts, sort{kind, kind})
		}
	}
	for _, name := range e.Events {
		if !slices.Contains(EventNames(), name) { // agents and flows call theirs as they like
			sorts = append(sorts, sort{events.RunCompleted, name},
				sort{events.NodeCompleted, name}, sort{events.RunFailed, name})
		}
	}
	return func(yield func(message) bool) {
		for _, s := range sorts {
			for _, m := range samplesOf(s.kind, s.name, agent, sampleTime) {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// sampleAgent is the agent or flow that samples are about.
func (e Endpoint) sampleAgent() string {
	if len(e.Agents) > 0 {
		return e.Agents[0]
	}
	return "triage"
}

// samplesOf are events of one sort that occurred at a time, with the name that they go out under.
func samplesOf(kind, name, agent, at string) (list []message) {
	var data map[string]any
	run, failure := any(sampleRunID), any(nil)
	outputs := []string{""}
	failed := func() { data["errorCode"], failure = "provider_error", "The provider failed." }
	switch kind {
	case EndpointTest:
		data, run = map[string]any{"endpointId": "ops", "status": "COMPLETED", "message": "This is a test."}, nil
	case EndpointDisabled:
		data, run = map[string]any{"endpointId": "ops", "reason": DisabledGone, "disabledAt": at}, nil
		failed()
	case events.EventResolved:
		data = map[string]any{
			"key":        "disk",
			"title":      "The disk is full",
			"resolvedAt": at,
			"runId":      run,
			"items": []any{map[string]any{
				"key":         "disk",
				"fingerprint": "1f2e3d4c5b6a7988",
				"startsAt":    at,
				"state":       "resolved",
			}},
		}
	case events.ClientSilent:
		data, run = map[string]any{"clientId": "backup", "expectEvery": "24h", "lastCallAt": at, "errorCode": "client_silent"}, nil
		failure = `The client "backup" has not called since ` + at + ", and is expected to call every 24h."
	case events.BudgetWarning, events.BudgetExhausted:
		data = map[string]any{"scope": "client", "id": "ci", "period": "perDay", "unit": "USD", "limit": 5.0, "used": 5.0, "reserved": 0.0,
			"runId": nil, "resetsAt": at, "errorCode": "budget_exhausted"}
		run = nil
		failure = `The budget perDay of client "ci" ($5.00) is used up.`
		if kind == events.BudgetWarning {
			data["used"], data["errorCode"] = 4.0, "budget_warning"
			failure = `The budget perDay of client "ci" ($5.00) is used up by 80% or more.`
		}
	case DeliveryExhausted:
		data = map[string]any{
			"deliveryId": "dlv_1",
			"endpointId": "ops",
			"eventId":    "evt_1",
			"eventType":  events.RunCompleted,
			"attempts":   6,
		}
		failed()
	default:
		subject, what, _ := strings.Cut(kind, ".")
		data = map[string]any{"status": sampleStatus(what), "output": nil}
		if subject == "node" {
			data["nodeId"], data["nodeType"] = agent, agent
		} else {
			data["completedNodes"], data["failedNodes"] = 1, 0
		}
		switch what {
		case "completed":
			outputs, data["artifacts"] = sampleOutputs, sampleArtifacts(agent)
		case "viewed":
			outputs = sampleOutputs
			data["viewerIp"] = "192.0.2.1"
			data["userAgent"] = "Mozilla/5.0"
			data["viewedAt"] = at
		case "progress":
			delete(data, "output")
			data["percent"] = 42
		case "failed", "canceled":
			failed()
		}
	}
	for _, output := range outputs {
		if output != "" {
			data["output"] = output
		}
		payload, err := json.Marshal(map[string]any{
			"success":    failure == nil,
			"type":       kind,
			"runId":      run,
			"workflowId": agent,
			"data":       data,
			"metadata":   map[string]any{},
			"error":      failure,
			"createdAt":  at,
		})
		if err != nil {
			continue // texts, numbers and nulls never fail
		}
		m := message{ID: "evt_01JZX5B7Q0000000000000000", Type: name, Payload: payload, IsSample: true}
		if run != nil {
			m.RunID = sampleRunID
		}
		list = append(list, m)
	}
	return list
}

// sampleStatus is the status that a run or a node has at what happens to it.
func sampleStatus(what string) string {
	switch what {
	case "started", "progress":
		return "RUNNING"
	case "created":
		return "QUEUED"
	case "viewed":
		return "COMPLETED"
	}
	return strings.ToUpper(what)
}

func sampleArtifacts(agent string) []any {
	return []any{map[string]any{
		"id":        "art_01JZX5B7Q0000000000000000",
		"name":      "picture.png",
		"mediaType": "image/png",
		"bytes":     70,
		"sha256":    strings.Repeat("0", 64),
		"nodeId":    agent,
		"url":       "https://beckon.example.com/a/art_01JZX5B7Q0000000000000000",
		"expiresAt": sampleTime,
	}}
}

// sampleRun is what a template sees as the run of a sample. What callers and agents choose of it is unknown.
func sampleRun(m message, unknown render.Unknown) map[string]any {
	p, _ := m.payload() // it has been made here
	agent := "triage"
	_ = json.Unmarshal(p.WorkflowID, &agent)
	event := map[string]any{
		"source":  "alertmanager",
		"type":    "alert",
		"action":  "",
		"key":     "disk",
		"state":   "firing",
		"title":   "The disk is full",
		"url":     "https://alerts.example.com/1",
		"subject": "db-1",
		"labels":  unknown,
		"signed":  false,
		"place": map[string]any{
			"repository": "acme/shop",
			"thing":      "issue",
			"number":     "7",
			"commit":     strings.Repeat("0", 40),
		},
	}
	return map[string]any{
		"event":     event,
		"input":     unknown,
		"output":    unknown.Text(),
		"outputs":   unknown,
		"artifacts": sampleArtifacts(agent),
		"nodes": []any{map[string]any{
			"nodeId":      agent,
			"nodeType":    agent,
			"outputKey":   nil,
			"status":      "COMPLETED",
			"output":      unknown.Text(),
			"error":       nil,
			"startedAt":   sampleTime,
			"completedAt": sampleTime,
		}},
		"verdict":       "pass",
		"verdictReason": "The gate is met.",
		"client":        map[string]any{"id": "demo", "name": "Demo", "metadata": unknown},
		"links": map[string]any{
			"run":   "https://beckon.example.com/admin/runs/" + sampleRunID,
			"share": "https://beckon.example.com/r/" + sampleRunID,
		},
	}
}

const (
	sampleTime  = "2026-02-18T12:00:00.000Z"
	sampleRunID = "run_01JZX5B7Q0000000000000000"
)
