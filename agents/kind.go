package agents

import (
	"slices"
	"strings"

	"beckon/internal/problem"
)

// The kinds of agents.
const (
	KindChat          = "chat"          // a chat model
	KindImage         = "image"         // makes images of a prompt
	KindSpeech        = "speech"        // makes sound of a text
	KindTranscription = "transcription" // makes a text of sound
	KindHTTP          = "http"          // asks any API over HTTP, and waits for the job that this begins
)

// Kinds returns all of them, the default first.
func Kinds() []string {
	return []string{KindChat, KindImage, KindSpeech, KindTranscription, KindHTTP}
}

// KindOrChat returns the kind.
func (a Agent) KindOrChat() string {
	if a.Kind == "" {
		return KindChat
	}
	return a.Kind
}

// checkKind finds what the kind requires and what it has no use for.
func (a Agent) checkKind() (found problem.Fields) {
	kind := a.KindOrChat()
	if !slices.Contains(Kinds(), kind) {
		found.Add("kind", "must be %s, not %q", strings.Join(Kinds(), ", "), a.Kind)
		return found
	}
	isHTTP, isChat := kind == KindHTTP, kind == KindChat
	if a.Provider == "" && !isHTTP {
		found.Add("provider", "is required: the id of a provider")
	}
	set := []struct {
		name   string
		isSet  bool
		usedBy []string
	}{
		{"provider", a.Provider != "", []string{KindChat, KindImage, KindSpeech, KindTranscription}},
		{"model", a.Model != "", []string{KindChat, KindImage, KindSpeech, KindTranscription}},
		{"systemPrompt", a.SystemPrompt != "", []string{KindChat}},
		{"temperature", a.Temperature != nil, []string{KindChat}},
		{"maxTokens", a.MaxTokens != 0, []string{KindChat}},
		{"budget", a.Budget != nil, []string{KindChat, KindImage, KindSpeech, KindTranscription}},
		{"params", len(a.Params) > 0, []string{KindChat, KindImage, KindSpeech, KindTranscription}},
		{"fallbacks", len(a.Fallbacks) > 0, []string{KindChat, KindImage, KindSpeech, KindTranscription}},
		{"skills", len(a.Skills) > 0, []string{KindChat}},
		{"output", a.Output != nil, []string{KindChat, KindHTTP}},
		{"tools", len(a.Tools) > 0, []string{KindChat}},
		{"approve", len(a.Approve) > 0, []string{KindChat}},
		{"session", a.Session != nil, []string{KindChat}},
		{"request", a.Request != nil, []string{KindImage, KindSpeech, KindHTTP}},
		{"poll", a.Poll != nil, []string{KindHTTP}},
		{"cancel", a.Cancel != nil, []string{KindHTTP}},
		{"artifacts", a.Artifacts != "", []string{KindHTTP}},
	}
	for _, field := range set {
		if field.isSet && !slices.Contains(field.usedBy, kind) {
			found.Add(field.name, "is for agents of kind %s, not %s", strings.Join(field.usedBy, ", "), kind)
		}
	}
	switch {
	case isHTTP && a.Request == nil:
		found.Add("request", "is required in an agent of kind http: its url, and what else is sent")
	case a.Output != nil && a.Output.Text != "" && isChat:
		found.Add("output.text", "is for agents of kind http")
	case a.Output != nil && a.Output.Repair != nil && isHTTP:
		found.Add("output.repair", "is for agents of kind chat: nobody can be asked again")
	}
	if a.Request != nil && !isHTTP && (a.Request.Method != "" || a.Request.URL != "" || len(a.Request.Headers) > 0) {
		found.Add("request",
			"is a template for the provider's JSON in an agent of kind %s: method, url and headers are for kind http",
			kind)
	}
	return found
}
