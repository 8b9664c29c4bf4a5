package chat

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

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
	memberCacheControl  = "cache_control" // Anthropic's
	memberStore         = "store"         // of responses
	memberInclude       = "include"
)

// request is what is the same in every request of an agent: all but the messages, the tools and whether it streams.
type request struct {
	wire    *wire
	members []member
	// what the configuration says itself: it is sent as it stands, and nothing that is learnt changes it
	params  agents.Object
	lenient bool   // but for a fallback: there, params that the provider refuses are left out
	tokens  bool   // the limit of tokens is ours, because the API wants one and nobody has set it
	answers int64  // that are asked for: each of them is paid
	most    int64  // the limit of tokens that somebody has set, or thoughts need; 0 for none
	format  []byte // what holds the model to a schema; nil for none
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
func newRequest(w *wire, p agents.Provider, a agents.Agent, schema *agents.Schema, known *knowledge) *request {
	r := &request{wire: w, params: p.Params.MergedWith(a.Params), lenient: a.IsFallback(), schema: schema, known: known}
	if schema != nil {
		if hold := w.hold(schema); hold != nil {
			r.format, _ = json.Marshal(hold)
		}
	}
	model, _ := jsontext.AppendQuote(nil, a.Model)
	r.add(memberModel, model)
	if a.Temperature != nil {
		r.add(memberTemperature, strconv.AppendFloat(nil, *a.Temperature, 'g', -1, 64))
	}
	limit := int64(a.MaxTokens)
	if limit == 0 && w.needsTokens && !r.isSet(w.tokens) {
		r.tokens, limit = true, defaultTokens+thinkingBudget(r.params)
	}
	if limit > 0 && !r.isSet(memberMaxCompletion) {
		r.add(w.tokens, strconv.AppendInt(nil, limit, 10))
	}
	r.most, r.answers = r.limitOf(limit), max(numberOf(r.params["n"]), 1)
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
	return r.schema != nil && (after.schemaInPrompt || r.format == nil || after.leavesOut(r.wire.schema) ||
		r.isSet(r.wire.schema))
}

// schemaText tells a model what to answer.
func (r *request) schemaText() string {
	return "Answer with nothing but JSON that is valid under this JSON Schema:\n" + string(r.schema.Text)
}

// head returns the beginning of the request, with at least one member. Where a budget limits the tokens, it has no
// limit of our own.
func (r *request) head(after *lessons, limited bool) []byte {
	if h := r.cached.Load(); h != nil && h.after == after && !limited {
		return h.text
	}
	text := []byte{'{'}
	for _, m := range r.members {
		name := m.name
		isSet := r.isSet(name)
		if limited && !isSet && name == r.wire.tokens {
			continue
		}
		if !isSet && name == memberMaxTokens && after.renamesTokens {
			name = memberMaxCompletion
		}
		if after.leavesOut(name) && (!isSet || r.lenient) {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		value := m.value
		if !isSet && name == r.wire.tokens && r.tokens && after.mostTokens > 0 {
			value = strconv.AppendInt(nil, after.mostTokens, 10)
		}
		text, _ = jsontext.AppendQuote(text, name)
		text = append(append(text, ':'), value...)
	}
	if !limited {
		r.cached.Store(&head{after, text})
	}
	return text
}

// draft is a request that is being written.
type draft struct {
	*request
	after *lessons
	body  []byte
}

// begin begins a member, unless it is set or left out.
func (d *draft) begin(name string) bool {
	if !d.sends(name) {
		return false
	}
	if len(d.body) > 1 {
		d.body = append(d.body, ',')
	}
	d.body = append(append(append(d.body, '"'), name...), `":`...)
	return true
}

// sends reports whether a member of our own is sent.
func (d *draft) sends(name string) bool { return !d.isSet(name) && !d.after.leavesOut(name) }

// askMode is how a question is asked.
type askMode struct {
	stream     bool
	background bool  // the provider works on it by itself
	tokens     int64 // that a budget allows the answer; 0 for no budget
}

// inBackground reports whether a question may be asked so: what is not stored cannot be picked up.
func (r *request) inBackground(after *lessons) bool {
	if value, isSet := r.params[memberBackground]; isSet {
		return value == true
	}
	return r.params[memberStore] != false && !after.leavesOut(memberBackground)
}

// body writes a request as it is after the lessons.
func (r *request) body(said *conversation, tools []byte, mode askMode, after *lessons) []byte {
	limited := mode.tokens > 0 && r.paramsLimit() == 0
	start := r.head(after, limited)
	d := &draft{request: r, after: after, body: make([]byte, 0, len(start)+said.size()+len(tools)+128)}
	d.body = append(d.body, start...)
	if limited {
		name := r.wire.tokens
		if name == memberMaxTokens && after.renamesTokens {
			name = memberMaxCompletion
		}
		d.body = strconv.AppendInt(append(append(append(d.body, `,"`...), name...), `":`...), mode.tokens, 10)
	}
	order := ""
	if r.schemaIsInPrompt(after) {
		order = r.schemaText()
	}
	r.wire.write(d, said, order)
	if len(tools) > 0 && d.begin(memberTools) {
		d.body = append(d.body, tools...)
		// with the last one, all of them are
		if slices.Contains(r.wire.optional, memberCacheControl) && d.sends(memberCacheControl) {
			d.body = append(d.body[:len(d.body)-len("}]")], ","+cacheControl+"}]"...)
		}
	}
	if r.format != nil && d.begin(r.wire.schema) {
		d.body = append(d.body, r.format...)
	}
	if r.wire.finish != nil {
		r.wire.finish(d, mode, len(tools) > 0)
	}
	if d.begin(memberStream) {
		d.body = strconv.AppendBool(d.body, mode.stream)
	}
	if mode.stream && r.wire.hasRoles && d.begin(memberStreamOptions) {
		d.body = append(d.body, `{"include_usage":true}`...)
	}
	return append(d.body, '}')
}

// names are those of the members that a request may have, but for model and messages.
func (r *request) names() []string {
	names := append([]string{memberTools, memberStreamOptions, memberMaxCompletion, r.wire.schema}, r.wire.optional...)
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
