package completion

import (
	"bytes"
	"strings"
)

// chunk is one JSON object of an answer, with its members as they stand in the text: the whole of a completion, or
// a piece.
type chunk struct {
	list       []choice
	hasChoices bool
	usage      []byte
	failure    []byte
	whole      []byte // the object itself, if it has no choices: it may be an error by itself
	isError    bool   // the object says so itself: type or object is "error"
}

type choice struct {
	index, finish, usage, failure, text []byte
	delta, message                      said
}

// said is the message of a choice, or what a piece adds to it.
type said struct {
	there                                              bool
	content, reasoning, refusal, calls, function, echo []byte
	images                                             []byte
	members                                            []member // to be sent back, not copied
}

// read reads the next value.
func (c *chunk) read(w *walker) {
	*c = chunk{list: c.list[:0]}
	begin := w.decoder.InputOffset()
	w.object(func(name []byte) {
		switch string(name) {
		case `"choices"`:
			c.hasChoices = c.hasChoices || w.kind() == '[' || w.kind() == '{'
			w.array(func() {
				if w.kind() != '{' {
					w.value()
					return
				}
				c.list = append(c.list, choice{})
				c.list[len(c.list)-1].read(w)
			})
		case `"usage"`:
			keep(&c.usage, w.value())
		case `"x_groq"`:
			w.object(func(name []byte) {
				if value := w.value(); string(name) == `"usage"` {
					keep(&c.usage, value)
				}
			})
		case `"error"`, `"base_resp"`:
			if value := w.value(); errorOf(value) != nil {
				keep(&c.failure, value)
			}
		case `"type"`, `"object"`:
			if textOf(w.value()) == "error" {
				c.isError = true
			}
		default:
			w.value()
		}
	})
	if !c.hasChoices && w.err == nil {
		c.whole = bytes.TrimSpace(w.text[begin:w.decoder.InputOffset()])
	}
}

func (c *choice) read(w *walker) {
	w.object(func(name []byte) {
		switch string(name) {
		case `"index"`:
			keep(&c.index, w.value())
		case `"finish_reason"`, `"finishReason"`:
			keep(&c.finish, w.value())
		case `"delta"`:
			c.delta.read(w)
		case `"message"`:
			c.message.read(w)
		case `"text"`:
			keep(&c.text, w.value())
		case `"usage"`:
			keep(&c.usage, w.value())
		case `"error"`:
			keep(&c.failure, w.value())
		default:
			w.value()
		}
	})
}

func (s *said) read(w *walker) {
	s.there = s.there || w.kind() == '{'
	w.object(func(name []byte) {
		switch string(name) {
		case `"content"`:
			keep(&s.content, w.value())
		case `"reasoning_content"`:
			keep(&s.echo, w.value())
		case `"reasoning"`, `"thinking"`, `"thoughts"`:
			keep(&s.reasoning, w.value())
		case `"refusal"`:
			keep(&s.refusal, w.value())
		case `"images"`:
			keep(&s.images, w.value())
		case `"tool_calls"`:
			keep(&s.calls, w.value())
		case `"function_call"`:
			keep(&s.function, w.value())
		case `"reasoning_details"`, `"extra_content"`, `"thought_signature"`:
			s.members = append(s.members, member{string(name), w.value()})
		default:
			w.value()
		}
	})
}

// keep sets a member, of which there may be several of that name; null says nothing.
func keep(member *[]byte, value []byte) {
	if len(value) > 0 && kindOf(value) != 'n' {
		*member = value
	}
}

// take adds a chunk to the answer.
func (r *reader) take(c *chunk) {
	r.choices = r.choices || c.hasChoices
	r.count(c.usage)
	r.fail(errorOf(c.failure))
	if r.inError || c.isError {
		r.fail(parseObject(c.whole))
	} else if e := parseObject(c.whole); e != nil && e.Message != "" && (e.Code != "" || e.Status >= 400) {
		r.fail(e)
	} else {
		r.keepStray(c.whole)
	}
	answered := false
	for i := range c.list {
		// A second answer, which nobody asked for, has an index of its own, or is there as a whole beside the first.
		if choice := &c.list[i]; r.isOurs(choice.index) && !(answered && choice.message.there) {
			r.takeChoice(choice)
			answered = true
		}
	}
}

// isOurs reports whether the reader reads this choice. It reads the choice with the first index only.
func (r *reader) isOurs(index []byte) bool {
	text := strings.TrimSuffix(textOf(index), ".0")
	if !r.hasIndex {
		r.index, r.hasIndex = text, len(index) > 0
		return true
	}
	return text == "" || text == r.index
}

func (r *reader) takeChoice(c *choice) {
	r.result.Choices = 1
	r.count(c.usage)
	r.fail(errorOf(c.failure))
	if c.delta.there {
		r.deltas = true
		r.say(&c.delta)
	}
	// Some servers send the whole message behind its pieces.
	if c.message.there && (!r.deltas || r.nothingYet()) {
		r.say(&c.message)
	}
	if len(c.text) > 0 && !c.message.there { // that of the older completions
		r.addText(c.text)
	}
	if finish := textOf(c.finish); finish != "" && finish != "null" && finish != "None" {
		if r.result.Finish = finish; r.options.Finished != nil {
			r.options.Finished()
		}
	}
}

func (r *reader) nothingYet() bool {
	return r.kept == 0 && len(r.result.Calls) == 0
}

// say adds what a message or a piece of one says.
func (r *reader) say(s *said) {
	if len(s.echo) > 0 {
		r.addReasoning(s.echo, `"reasoning_content"`)
	} else if len(s.reasoning) > 0 { // some servers send it by both names
		r.addReasoning(s.reasoning, "")
	}
	r.addContent(s.content)
	if kindOf(s.refusal) == '"' {
		r.addRefusal(s.refusal)
	}
	r.addImages(s.images)
	for _, m := range s.members {
		r.result.echo = set(r.result.echo, []byte(m.name), m.value)
	}
	if len(s.calls) > 0 {
		r.addCalls(s.calls)
	}
	if len(s.function) > 0 {
		r.addFunction(s.function)
	}
}
