package completion

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// response is one JSON object of an answer of OpenAI's Responses API: a response as a whole, or an event of a stream.
// https://platform.openai.com/docs/api-reference/responses and …/responses-streaming
type response struct {
	kind, id, status, index                                      string
	inner, item, delta, text, output, incomplete, usage, failure []byte
}

func readResponse(value []byte) (p response) {
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			member := w.value()
			switch string(name) {
			case `"type"`:
				p.kind = textOf(member)
			case `"id"`:
				p.id = textOf(member)
			case `"status"`:
				p.status = textOf(member)
			case `"output_index"`:
				p.index = textOf(member)
			case `"response"`:
				keep(&p.inner, member)
			case `"item"`:
				keep(&p.item, member)
			case `"delta"`:
				keep(&p.delta, member)
			case `"text"`:
				keep(&p.text, member)
			case `"output"`:
				keep(&p.output, member)
			case `"incomplete_details"`:
				keep(&p.incomplete, member)
			case `"usage"`:
				keep(&p.usage, member)
			case `"error"`:
				keep(&p.failure, member)
			}
		})
	})
	return p
}

// takeResponse adds an object to the answer.
func (r *reader) takeResponse(value []byte) {
	p := readResponse(value)
	r.fail(errorOf(p.failure))
	event, isEvent := strings.CutPrefix(p.kind, "response.")
	switch {
	case r.inError, p.kind == "error":
		r.fail(parseObject(value))
	case kindOf(p.inner) == '{':
		inner := readResponse(p.inner)
		if inner.status == "" && event != "created" {
			inner.status = event
		}
		r.fail(errorOf(inner.failure))
		r.takeState(&inner)
		r.done = r.done || !isOpen(inner.status)
	case isEvent:
		r.takeEvent(event, &p)
	case p.status != "" || len(p.output) > 0:
		r.takeState(&p)
	default:
		r.takeUnknown(value)
	}
}

// takeEvent takes up an event of a stream that is about one item.
func (r *reader) takeEvent(event string, p *response) {
	switch event {
	case "output_item.added":
		r.takeItem(p.index, p.item, false)
	case "output_item.done":
		r.takeItem(p.index, p.item, true)
	case "output_text.delta":
		if b := r.blockAt(p.index, "message"); b != nil && kindOf(p.delta) == '"' {
			r.addBlockText(b, p.delta)
		}
	case "output_text.done": // all of it, behind its pieces
		if b := r.blockAt(p.index, "message"); b != nil && b.text.from == b.text.to && kindOf(p.text) == '"' {
			r.addBlockText(b, p.text)
		}
	case "refusal.delta":
		if b := r.blockAt(p.index, "message"); b != nil && kindOf(p.delta) == '"' {
			r.addRefusal(p.delta)
		}
	case "reasoning_summary_text.delta", "reasoning_text.delta":
		if b := r.blockAt(p.index, "reasoning"); b != nil {
			r.addBlockThought(b, p.delta)
		}
	case "function_call_arguments.delta":
		if b := r.blockAt(p.index, kindFunctionCall); b != nil && !b.isDone {
			r.addInput(b, p.delta)
		}
	}
}

// isOpen reports whether a response of a status has not ended.
func isOpen(status string) bool { return status == "" || status == "queued" || status == "in_progress" }

// takeState takes up what a response says of itself.
func (r *reader) takeState(p *response) {
	r.count(p.usage)
	r.open = isOpen(p.status) && p.status != ""
	if p.id != "" && p.id != r.result.ID {
		if r.result.ID = p.id; r.open && r.isEvents && r.options.Began != nil {
			r.options.Began(p.id)
		}
	}
	if kindOf(p.output) == '[' {
		r.result.Choices, r.choices = 1, true
		place := 0
		within(p.output, func(w *walker) {
			w.array(func() {
				r.takeItem(strconv.Itoa(place), w.value(), true)
				place++
			})
		})
	}
	switch reason := ""; {
	case p.status == "incomplete":
		within(p.incomplete, func(w *walker) {
			w.object(func(name []byte) {
				if value := w.value(); string(name) == `"reason"` {
					reason = textOf(value)
				}
			})
		})
		if reason == "" {
			reason = p.status
		}
		r.finish(reason)
	case !isOpen(p.status):
		r.finish(p.status)
	}
}

// takeItem adds an item of the output: as it begins, or as it is. It may come several times.
func (r *reader) takeItem(index string, value []byte, isDone bool) {
	if kindOf(value) != '{' {
		return
	}
	var b *block
	for i := range r.result.blocks {
		if r.result.blocks[i].index == index {
			b = &r.result.blocks[i]
		}
	}
	if b != nil && b.isDone {
		return
	}
	if b == nil {
		if b = r.openBlock(index, ""); b == nil {
			return
		}
	}
	b.isDone, b.members = isDone, nil
	var content, summary []byte
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			member := w.value()
			switch string(name) {
			case `"type"`:
				b.kind = textOf(member)
			case `"content"`:
				keep(&content, member)
			case `"arguments"`:
				if isDone && kindOf(member) == '"' && len(member) > len(`""`) {
					r.kept -= len(b.input)
					b.inPieces, b.hasInput, b.pieces, b.input = true, true, pieces{}, nil
					r.addInput(b, member)
				}
			case `"summary"`:
				keep(&summary, member)
				r.keepMember(b, name, member)
			default:
				r.keepMember(b, name, member)
			}
		})
	})
	switch b.kind {
	case "message":
		if b.text.from == b.text.to {
			within(content, func(w *walker) {
				w.array(func() { r.addContentPart(b, w) })
			})
		}
	case kindFunctionCall:
		b.takeCallMembers(`"call_id"`, `"name"`)
	case "reasoning":
		if len(content) > 0 {
			r.keepMember(b, []byte(`"content"`), content)
		}
		if isDone && b.thought.from == b.thought.to {
			for _, list := range [][]byte{summary, content} {
				within(list, func(w *walker) {
					w.array(func() { r.addBlockThought(b, partText(w)) })
				})
			}
		}
	default:
		if len(content) > 0 {
			r.keepMember(b, []byte(`"content"`), content)
		}
		if b.kind == "image_generation_call" && isDone {
			r.addGenerated(b)
		}
	}
}

// addContentPart adds a part of a message: a text, or a refusal.
func (r *reader) addContentPart(b *block, w *walker) {
	var refusal, text []byte
	w.object(func(name []byte) {
		switch value := w.value(); string(name) {
		case `"text"`:
			keep(&text, value)
		case `"refusal"`:
			keep(&refusal, value)
		}
	})
	if kindOf(text) == '"' {
		r.addBlockText(b, text)
	}
	if kindOf(refusal) == '"' && r.refusal.Len() == 0 {
		r.addRefusal(refusal)
	}
}

// partText is the text of a part, as it came.
func partText(w *walker) (text []byte) {
	w.object(func(name []byte) {
		if value := w.value(); string(name) == `"text"` {
			keep(&text, value)
		}
	})
	return text
}

// responsesMessage is Message for the Responses API, whose conversations are lists of items.
func (c *Completion) responsesMessage() []byte {
	var out []byte
	for i := range c.blocks {
		b := &c.blocks[i]
		if i > 0 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(append(out, `{"type":`...), b.kind)
		if b.call >= 0 {
			call := &c.Calls[b.call]
			out = appendString(appendString(appendString(out, "call_id", call.ID), "name", call.Name),
				"arguments", c.argumentsOf(b))
		}
		if b.kind == "message" {
			if len(b.members) == 0 {
				out = append(out, `,"role":"assistant"`...)
			}
			out = appendString(append(out, `,"content":[{"type":"output_text"`...), "text", b.text.of(c.Text))
			out = append(out, `,"annotations":[]}]`...)
		}
		out = append(appendMembers(out, b.members), '}')
	}
	if len(out) == 0 {
		return append(appendString([]byte(`{"role":"assistant"`), "content", c.Text), '}')
	}
	return out
}
