package chat

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sashabaranov/go-openai"

	"beckon/agents"
)

// The members of a request that are more than a value.
const (
	memberModel         = "model"
	memberMessages      = "messages"
	memberTemperature   = "temperature"
	memberMaxTokens     = "max_tokens"
	memberMaxCompletion = "max_completion_tokens" // OpenAI's newer name of max_tokens, which others do not know
	memberTools         = "tools"
	memberFormat        = "response_format"
	memberStream        = "stream"
	memberStreamOptions = "stream_options"
)

// request is what is the same in every request of an agent: all but the messages, the tools and whether it streams.
type request struct {
	members []member
	params  agents.Object // what the configuration says itself: it is sent as it stands, and nothing that is learnt changes it
	lenient bool          // but for a fallback: there, params that the provider refuses are left out
	format  []byte        // what holds the model to a schema; nil for none
	schema  *agents.Schema
	known   *knowledge
	cached  atomic.Pointer[head]
}

// member is one of the request; its value is JSON.
type member struct {
	name  string
	value []byte
}

// head is the beginning of a request as it is after a lesson.
type head struct {
	after *lessons
	text  []byte
}

// newRequest prepares the requests of an agent. Its params must be ones that Check accepts.
func newRequest(p agents.Provider, a agents.Agent, schema *agents.Schema, known *knowledge) *request {
	r := &request{params: p.Params.Under(a.Params), lenient: a.IsFallback(), schema: schema, known: known}
	if schema != nil {
		r.format, _ = json.Marshal(openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "answer", Schema: schema.Text, Strict: schema.IsStrict}})
	}
	model, _ := jsontext.AppendQuote(nil, a.Model)
	r.add(memberModel, model)
	if a.Temperature != nil {
		r.add(memberTemperature, strconv.AppendFloat(nil, *a.Temperature, 'g', -1, 64))
	}
	if a.MaxTokens > 0 && !r.isSet(memberMaxCompletion) {
		r.add(memberMaxTokens, strconv.AppendInt(nil, int64(a.MaxTokens), 10))
	}
	for _, name := range r.params.Names() {
		if value := r.params[name]; value != nil {
			text, _ := json.Marshal(value)
			r.members = append(r.members, member{name, text})
		}
	}
	return r
}

// add adds a member that the parameters say nothing of.
func (r *request) add(name string, value []byte) {
	if !r.isSet(name) {
		r.members = append(r.members, member{name, value})
	}
}

// isSet reports whether the configuration itself says something of a member.
func (r *request) isSet(name string) bool {
	_, isSet := r.params[name]
	return isSet
}

// schemaIsInPrompt reports whether the model is told of the schema in words.
func (r *request) schemaIsInPrompt(after *lessons) bool {
	return r.schema != nil && (after.schemaInPrompt || after.leavesOut(memberFormat) || r.isSet(memberFormat))
}

// schemaText tells a model what to answer.
func (r *request) schemaText() string {
	return "Answer with nothing but JSON that is valid under this JSON Schema:\n" + string(r.schema.Text)
}

// head returns the beginning of the request, with at least one member.
func (r *request) head(after *lessons) []byte {
	if h := r.cached.Load(); h != nil && h.after == after {
		return h.text
	}
	text := []byte{'{'}
	for _, m := range r.members {
		name := m.name
		isSet := r.isSet(name)
		if !isSet && name == memberMaxTokens && after.renamesTokens {
			name = memberMaxCompletion
		}
		if after.leavesOut(name) && (!isSet || r.lenient) {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text, _ = jsontext.AppendQuote(text, name)
		text = append(append(text, ':'), m.value...)
	}
	r.cached.Store(&head{after, text})
	return text
}

// body writes a request as it is after the lessons.
func (r *request) body(said *conversation, tools []byte, stream bool, after *lessons) []byte {
	start := r.head(after)
	body := make([]byte, 0, len(start)+said.size()+len(tools)+128)
	body = append(body, start...)
	next := func(name string) bool { // begins a member, unless it is set or left out
		if r.isSet(name) || after.leavesOut(name) {
			return false
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = append(append(append(body, '"'), name...), `":`...)
		return true
	}
	next(memberMessages)
	order := ""
	if r.schemaIsInPrompt(after) {
		order = r.schemaText()
	}
	body = append(said.appendTo(append(body, '['), after.systemRole, order), ']')
	if len(tools) > 0 && next(memberTools) {
		body = append(body, tools...)
	}
	if r.format != nil && next(memberFormat) {
		body = append(body, r.format...)
	}
	if next(memberStream) {
		body = strconv.AppendBool(body, stream)
	}
	if stream && next(memberStreamOptions) {
		body = append(body, `{"include_usage":true}`...)
	}
	return append(body, '}')
}

// names are those of the members that a request may have, but for model and messages.
func (r *request) names() []string {
	names := []string{memberTools, memberStreamOptions, memberMaxCompletion, memberFormat}
	for _, m := range r.members {
		if m.name != memberModel {
			names = append(names, m.name)
		}
	}
	return names
}

// rejected returns the name of the parameter that a provider complains of; "" for none.
func (r *request) rejected(d *diagnosis) string {
	if d.code != codeRejected || d.said == nil {
		return ""
	}
	param, _, _ := strings.Cut(strings.TrimPrefix(d.said.Param, "body."), ".")
	param, _, _ = strings.Cut(param, "[")
	if param != "" && param != memberMessages && param != memberModel && len(param) <= maxParameter {
		return param
	}
	names := r.names()
	if i := slices.IndexFunc(names, func(name string) bool { return mentions(d.words, name) }); i >= 0 {
		return names[i]
	}
	return ""
}

// maxParameter bounds the name of a parameter that is shown.
const maxParameter = 64
