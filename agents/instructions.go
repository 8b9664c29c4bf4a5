package agents

import (
	"maps"
	"strings"
	"time"

	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/render"
)

// The bounds of one rendering of an agent's instructions.
const (
	maxInstructions    = 1 << 20
	instructionsTime   = 100 * time.Millisecond
	instructionsFailed = "prompt_template_failed"
)

// Instructions are a text for a model, which may be a template: {{ .outputs.research }}. Besides outputs and state, it
// knows prompt, input, metadata, agent, client, runId, sessionId and receivedAt, and within a step of type foreach its
// item. They are safe for concurrent use.
type Instructions struct {
	text   string
	parsed *render.Template // nil when the text has no "{{" in it, and is what it is
}

// ParseInstructions parses the template of instructions.
func ParseInstructions(text string) (*Instructions, error) {
	if !strings.Contains(text, "{{") {
		return &Instructions{text: text}, nil
	}
	parsed, err := render.Parse(text, "agent", "client", "runId", "receivedAt")
	if err != nil {
		return nil, err
	}
	return &Instructions{parsed: parsed}, nil
}

// IsTemplate reports whether the text may be another one for each call.
func (i *Instructions) IsTemplate() bool { return i.parsed != nil }

// Render renders the text for one call. If a value is missing, it returns a problem of kind Upstream, because that
// is a mistake in the configuration and not in the call.
func (i *Instructions) Render(call Call) (string, error) {
	text, err := i.RenderText(call)
	return text.Text, err
}

// RenderText is Render. What the template prints is data, but for what Beckon knows of the call itself.
func (i *Instructions) RenderText(call Call) (fence.Text, error) {
	if i.parsed == nil {
		return fence.Text{Text: i.text}, nil
	}
	data, err := DataOf(call)
	if err != nil {
		return fence.Text{}, err
	}
	text, spans, err := i.parsed.RenderSpans(data, render.Limits{MaxBytes: maxInstructions, Time: instructionsTime})
	if err != nil {
		return fence.Text{}, problem.New(problem.Upstream, instructionsFailed,
			"The prompt of agent %q could not be rendered: %s. Outputs and state exist within a flow, "+
				"once an earlier step has made them.",
			call.AgentID, strings.TrimSuffix(err.Error(), "."))
	}
	return fence.Text{Text: text, Spans: spans}.Expand(call.PromptText()), nil
}

// DataOf returns the values of a call that templates can use. Outputs, state and metadata are empty objects if the
// call has none.
func DataOf(call Call) (map[string]any, error) {
	metadata := any(map[string]any{})
	if len(call.Metadata) > 0 {
		value, err := render.JSON(call.Metadata)
		if err != nil {
			return nil, err
		}
		if value != nil {
			metadata = value
		}
	}
	outputs := make(map[string]any, len(call.Outputs))
	for key, output := range call.Outputs {
		outputs[key] = output
	}
	state := call.State
	if state == nil {
		state = map[string]any{}
	}
	sessionID := call.SessionID
	if call.Redact != nil {
		sessionID = call.Redact.Text(sessionID)
	}
	data := map[string]any{
		"prompt":     call.Prompt,
		"input":      InputOf(call),
		"outputs":    outputs,
		"state":      state,
		"metadata":   metadata,
		"agent":      call.AgentID,
		"client":     call.ClientID,
		"runId":      call.RunID,
		"sessionId":  sessionID,
		"receivedAt": call.ReceivedAt.UTC(),
	}
	maps.Copy(data, call.Items)
	return data, nil
}
