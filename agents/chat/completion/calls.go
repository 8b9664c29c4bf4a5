package completion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxCalls  = 256 // that one answer may want
	maxLooked = 64 << 10
)

// callPiece is a tool call as it comes: the whole of it, or a part.
type callPiece struct {
	id, name                      string
	index                         int // -1 for none
	arguments                     []byte
	members, membersOfItsFunction []member
}

// addCalls adds a list of tool calls, or of pieces of them.
func (r *reader) addCalls(value []byte) {
	within(value, func(w *walker) {
		w.array(func() {
			p := callPiece{index: -1}
			p.read(w)
			r.addCall(&p)
		})
	})
}

// addFunction adds a call as OpenAI had them before there were tools.
func (r *reader) addFunction(value []byte) {
	p := callPiece{index: 0}
	within(value, func(w *walker) { p.readFunction(w) })
	r.addCall(&p)
}

func (p *callPiece) read(w *walker) {
	w.object(func(name []byte) {
		switch string(name) {
		case `"id"`:
			p.id = textOf(w.value())
		case `"index"`:
			if n, ok := numberOf(w.value()); ok && n >= 0 && n < 1e6 {
				p.index = int(n)
			}
		case `"function"`:
			p.readFunction(w)
		case `"type"`:
			w.value()
		case `"name"`: // some servers leave out the function around it
			p.name = textOf(w.value())
		case `"arguments"`:
			keep(&p.arguments, w.value())
		default:
			p.members = append(p.members, member{string(name), w.value()})
		}
	})
}

func (p *callPiece) readFunction(w *walker) {
	w.object(func(name []byte) {
		switch string(name) {
		case `"name"`:
			p.name = textOf(w.value())
		case `"arguments"`:
			keep(&p.arguments, w.value())
		default:
			p.membersOfItsFunction = append(p.membersOfItsFunction, member{string(name), w.value()})
		}
	})
}

func (r *reader) addCall(p *callPiece) {
	c := r.callOf(p)
	if c == nil {
		return
	}
	if c.ID == "" {
		c.ID = p.id
	}
	if p.index >= 0 {
		c.index = p.index
	}
	switch {
	case c.Name == p.name: // it is repeated
	case len(c.arguments) == 0:
		c.Name += p.name
	}
	for _, m := range p.members {
		c.echo = set(c.echo, []byte(m.name), m.value)
	}
	for _, m := range p.membersOfItsFunction {
		c.echoFunction = set(c.echoFunction, []byte(m.name), m.value)
	}
	before := len(c.arguments)
	c.addArguments(p.arguments)
	r.kept += len(c.arguments) - before
}

// callOf finds the call that a piece belongs to, or begins one: by its id, then by its index, then by its order. It
// is nil when there are too many.
func (r *reader) callOf(p *callPiece) *Call {
	calls := r.result.Calls
	for i := range calls {
		if p.id != "" && calls[i].ID == p.id {
			return &calls[i]
		}
	}
	var c *Call
	for i := range calls { // the last one of that index: servers give the same one to several
		if p.index < 0 || calls[i].index == p.index {
			c = &calls[i]
		}
	}
	if c == nil && p.id == "" && p.name == "" && len(calls) > 0 {
		c = &calls[len(calls)-1] // an index that no call began with
	}
	if c != nil && !c.isOver(p) {
		return c
	}
	if len(calls) == maxCalls {
		return nil
	}
	r.result.Calls = append(calls, Call{index: -1})
	return &r.result.Calls[len(calls)]
}

// isOver reports whether a piece that has the call's index, or none, begins another call. A piece without a name
// never does.
func (c *Call) isOver(p *callPiece) bool {
	switch {
	case p.name == "" || c.Name == "":
		return false
	case p.id != "" && c.ID != "": // another id
		return true
	case p.index < 0 && p.name != c.Name:
		return true
	}
	return len(c.arguments) > 0 && (p.name != c.Name || len(p.arguments) > len(`""`) && c.isComplete())
}

// isComplete reports whether the arguments so far are JSON. Long ones are not looked at again with every piece.
func (c *Call) isComplete() bool {
	n := len(c.arguments)
	return n < maxLooked && (c.arguments[n-1] == '}' || c.arguments[n-1] == ']') && json.Valid(c.arguments)
}

// addArguments adds a piece of the arguments, which may come as an object. Servers repeat the whole of them at the end.
func (c *Call) addArguments(value []byte) {
	switch kindOf(value) {
	case '{', '[':
		if len(c.arguments) == 0 {
			var compact bytes.Buffer
			if json.Compact(&compact, value) == nil {
				c.arguments = compact.Bytes()
			}
		}
	case '"':
		before := len(c.arguments)
		all := c.pieces.add(c.arguments, value)
		if before > 0 && bytes.Equal(all[before:], all[:before]) && json.Valid(all[:before]) {
			all = all[:before]
		}
		c.arguments = all
	}
}

// finish makes the call one that can be used and sent back.
func (c *Call) finish(place int) {
	c.arguments = c.pieces.end(c.arguments)
	if text := bytes.TrimSpace(c.arguments); len(text) > 0 && text[0] == '"' { // JSON within a string
		if inner := textOf(text); strings.HasPrefix(inner, "{") && json.Valid([]byte(inner)) {
			c.arguments = []byte(inner)
		}
	}
	if c.Arguments = string(c.arguments); strings.TrimSpace(c.Arguments) == "" {
		c.Arguments = "{}"
	}
	if c.ID == "" {
		c.ID = fmt.Sprintf("call_%d", place+1)
	}
}

// Message is the answer as a message of the conversation that goes on; of Responses, as items with commas between
// them. What the server gave beside its tool calls goes back as it came (Gemini's thought signatures, DeepSeek's
// reasoning_content), and a content that there was none of is null.
func (c *Completion) Message() []byte {
	switch c.format {
	case Messages:
		return c.messagesMessage()
	case Responses:
		return c.responsesMessage()
	}
	out := []byte(`{"role":"assistant","content":`)
	if c.Text == "" && len(c.Calls) > 0 {
		out = append(out, "null"...)
	} else {
		out, _ = jsontext.AppendQuote(out, c.Text)
	}
	out = appendMembers(out, c.echo)
	for i := range c.Calls {
		call := &c.Calls[i]
		if i == 0 {
			out = append(out, `,"tool_calls":[`...)
		} else {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(append(out, `{"id":`...), call.ID)
		out, _ = jsontext.AppendQuote(append(out, `,"type":"function","function":{"name":`...), call.Name)
		out, _ = jsontext.AppendQuote(append(out, `,"arguments":`...), call.Arguments)
		out = append(appendMembers(out, call.echoFunction), '}')
		out = append(appendMembers(out, call.echo), '}')
	}
	if len(c.Calls) > 0 {
		out = append(out, ']')
	}
	return append(out, '}')
}

func appendMembers(out []byte, list []member) []byte {
	for _, m := range list {
		out = append(append(append(append(out, ','), m.name...), ':'), m.value...)
	}
	return out
}
