package completion

import "github.com/go-json-experiment/json/jsontext"

// message is one JSON object of an answer of Anthropic's Messages API: a message as a whole, or an event of a stream.
// https://docs.claude.com/en/api/messages and https://docs.claude.com/en/docs/build-with-claude/streaming
type message struct {
	kind                                                  string
	index                                                 string
	inner, block, delta, content, stop, usage, failureRaw []byte
}

func readMessage(value []byte) (m message) {
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			member := w.value()
			switch string(name) {
			case `"type"`:
				m.kind = textOf(member)
			case `"index"`:
				m.index = textOf(member)
			case `"message"`:
				keep(&m.inner, member)
			case `"content_block"`:
				keep(&m.block, member)
			case `"delta"`:
				keep(&m.delta, member)
			case `"content"`:
				keep(&m.content, member)
			case `"stop_reason"`:
				keep(&m.stop, member)
			case `"usage"`:
				keep(&m.usage, member)
			case `"error"`:
				keep(&m.failureRaw, member)
			}
		})
	})
	return m
}

// takeMessage adds an object to the answer.
func (r *reader) takeMessage(value []byte) {
	m := readMessage(value)
	r.count(m.usage)
	r.fail(errorOf(m.failureRaw))
	switch {
	case r.inError, m.kind == "error":
		r.fail(parseObject(value))
	case m.kind == "message_start":
		if r.result.Choices, r.choices = 1, true; kindOf(m.inner) == '{' {
			r.takeMessage(m.inner)
		}
	case m.kind == "content_block_start":
		r.startBlock(m.index, m.block)
	case m.kind == "content_block_delta":
		r.addDelta(m.index, m.delta)
	case m.kind == "content_block_stop":
		r.endText()
	case m.kind == "message_delta":
		r.finish(textOf(readMessage(m.delta).stop))
	case m.kind == "message_stop":
		r.done = true
	case len(m.content) > 0:
		r.takeContent(m.content)
		r.finish(textOf(m.stop))
	case m.kind != "ping":
		r.takeUnknown(value)
	}
}

// takeUnknown takes up an object that is no part of an answer: it may be an error by itself.
func (r *reader) takeUnknown(value []byte) {
	if e := parseObject(value); e != nil && e.Message != "" && (e.Code != "" || e.Status >= 400) {
		r.fail(e)
	} else {
		r.keepStray(value)
	}
}

// finish takes up the reason for which an answer has ended.
func (r *reader) finish(reason string) {
	if reason == "" {
		return
	}
	if r.result.Finish = reason; r.options.Finished != nil {
		r.options.Finished()
	}
}

// takeContent adds the blocks of a message, unless they have come one by one.
func (r *reader) takeContent(content []byte) {
	if r.result.Choices, r.choices = 1, true; len(r.result.blocks) > 0 {
		return
	}
	if kindOf(content) == '"' {
		if b := r.openBlock("", "text"); b != nil {
			r.addBlockText(b, content)
		}
		return
	}
	within(content, func(w *walker) {
		w.array(func() { r.startBlock("", w.value()) })
	})
}

// startBlock begins a block with what the server says of it: all of it, or what its pieces are added to.
func (r *reader) startBlock(index string, value []byte) {
	if kindOf(value) != '{' {
		return
	}
	b := r.openBlock(index, "")
	if b == nil {
		return
	}
	var text, thinking []byte
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			member := w.value()
			switch string(name) {
			case `"type"`:
				b.kind = textOf(member)
			case `"text"`:
				keep(&text, member)
			case `"thinking"`:
				keep(&thinking, member)
			case `"input"`:
				b.hasInput, b.input = true, append([]byte(nil), member...)
				r.kept += len(member)
			default:
				r.keepMember(b, name, member)
			}
		})
	})
	if b.kind == kindToolUse {
		b.takeCallMembers(`"id"`, `"name"`)
	}
	if len(text) > 0 {
		r.addBlockText(b, text)
	}
	if len(thinking) > 0 {
		r.addBlockThought(b, thinking)
	}
}

// takeCallMembers takes the id and the name of a call out of its members.
func (b *block) takeCallMembers(id, name string) {
	rest := b.members[:0]
	for _, m := range b.members {
		switch m.name {
		case id:
			b.id = textOf(m.value)
		case name:
			b.name = textOf(m.value)
		default:
			rest = append(rest, m)
		}
	}
	b.members = rest
}

// addDelta adds a piece to a block.
func (r *reader) addDelta(index string, value []byte) {
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			piece := w.value()
			if kindOf(piece) != '"' {
				return
			}
			switch string(name) {
			case `"text"`:
				if b := r.blockAt(index, "text"); b != nil {
					r.addBlockText(b, piece)
				}
			case `"thinking"`:
				if b := r.blockAt(index, "thinking"); b != nil {
					r.addBlockThought(b, piece)
				}
			case `"partial_json"`:
				if b := r.blockAt(index, kindToolUse); b != nil {
					r.addInput(b, piece)
				}
			case `"signature"`:
				if b := r.blockAt(index, "thinking"); b != nil {
					before := len(b.signature)
					b.signature = b.pieces.add(b.signature, piece)
					r.kept += len(b.signature) - before
				}
			}
		})
	})
}

// messagesMessage is Message for Anthropic's API.
func (c *Completion) messagesMessage() []byte {
	out := []byte(`{"role":"assistant","content":[`)
	for i := range c.blocks {
		b := &c.blocks[i]
		text := b.text.of(c.Text)
		if b.kind == "text" && text == "" {
			continue // the API takes no empty ones back
		}
		if out[len(out)-1] == '}' {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(append(out, `{"type":`...), b.kind)
		if b.call >= 0 {
			call := &c.Calls[b.call]
			out = appendString(appendString(out, "id", call.ID), "name", call.Name)
		}
		switch b.kind {
		case "text":
			out = appendString(out, "text", text)
		case "thinking":
			out = appendString(out, "thinking", b.thought.of(c.Reasoning))
		}
		if b.hasInput || b.call >= 0 {
			out = append(append(out, `,"input":`...), c.argumentsOf(b)...)
		}
		out = append(appendMembers(out, b.members), '}')
	}
	return append(out, "]}"...)
}
