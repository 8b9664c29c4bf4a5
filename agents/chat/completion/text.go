package completion

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/agents"
	"beckon/internal/memory"
)

// addContent adds a content: a text, or parts of which some are texts.
func (r *reader) addContent(value []byte) {
	switch kindOf(value) {
	case '"':
		r.addText(value)
	case '[', '{':
		within(value, func(w *walker) {
			w.array(func() { r.addPart(w) })
		})
	case '0', 't', 'f':
		r.kept += len(value)
		r.emit(string(value))
	}
}

// addPart adds one part of a content: {"type": "text", "text": …}, a text alone, or what the model thought.
func (r *reader) addPart(w *walker) {
	if w.kind() != '{' {
		if value := w.value(); kindOf(value) == '"' {
			r.addText(value)
		}
		return
	}
	var kind string
	var text, thinking, refusal []byte
	w.object(func(name []byte) {
		switch string(name) {
		case `"type"`:
			kind = textOf(w.value())
		case `"text"`, `"content"`:
			keep(&text, w.value())
		case `"thinking"`, `"reasoning"`, `"summary"`:
			keep(&thinking, w.value())
		case `"refusal"`:
			keep(&refusal, w.value())
		case `"image_url"`:
			r.addImageURL(w.value())
		default:
			w.value()
		}
	})
	switch {
	case len(thinking) > 0:
		r.addReasoning(thinking, "")
	case kindOf(refusal) == '"':
		r.addRefusal(refusal)
	case strings.Contains(kind, "thinking"), strings.Contains(kind, "reasoning"):
		r.addReasoning(text, "")
	case kindOf(text) == '"':
		r.addText(text)
	case kindOf(text) == '{': // {"value": …}
		within(text, func(w *walker) {
			w.object(func(name []byte) {
				if value := w.value(); string(name) == `"value"` && kindOf(value) == '"' {
					r.addText(value)
				}
			})
		})
	}
}

func (r *reader) addText(value []byte) {
	if kindOf(value) != '"' {
		return
	}
	if len(value) >= poolable { // it is kept as it is
		text := r.content.add(make([]byte, 0, len(value)), value)
		r.kept += len(text)
		r.pass(memory.Text(text))
		return
	}
	r.scratch = r.content.add(r.scratch[:0], value)
	r.kept += len(r.scratch)
	r.pass(string(r.scratch))
}

// pass takes thoughts out of a piece of the text, and hands on the rest.
func (r *reader) pass(text string) {
	if !r.options.KeepThoughts {
		text = r.thought.add(text)
	}
	r.emit(text)
}

func (r *reader) emit(text string) {
	if text == "" {
		return
	}
	r.text.WriteString(text)
	r.emitted += len(text)
	if r.options.Text != nil {
		r.options.Text(text)
	}
}

// addReasoning adds what the model thought: a text, or parts. What came under a name that the server wants to see again
// beside its tool calls is kept for that.
func (r *reader) addReasoning(value []byte, echoAs string) {
	switch kindOf(value) {
	case '"':
		r.scratch = r.thinking.add(r.scratch[:0], value)
		r.kept += len(r.scratch)
		r.reasoning.Write(r.scratch)
		if echoAs != "" {
			r.echoReasoning = echoAs
		}
	case '[', '{':
		within(value, func(w *walker) {
			w.array(func() {
				if w.kind() != '{' {
					r.addReasoning(w.value(), "")
					return
				}
				w.object(func(name []byte) {
					if value := w.value(); string(name) == `"text"` || string(name) == `"content"` {
						r.addReasoning(value, "")
					}
				})
			})
		})
	}
}

func (r *reader) addRefusal(value []byte) {
	r.scratch = r.refusing.add(r.scratch[:0], value)
	r.kept += len(r.scratch)
	r.refusal.Write(r.scratch)
}

// count takes up the usage. Of several, which servers repeat in every piece of a stream, the last one counts.
func (r *reader) count(value []byte) {
	if kindOf(value) != '{' {
		return
	}
	usage := r.result.Usage
	usage.TotalTokens = 0
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			member := w.value()
			if kindOf(member) == '{' {
				countDetails(&usage.UsageDetails, member)
				return
			}
			n, ok := numberOf(member)
			if !ok || n <= 0 || n > 1e15 { // some servers end with a usage of nothing
				return
			}
			switch string(name) {
			case `"prompt_tokens"`, `"input_tokens"`, `"promptTokens"`:
				usage.PromptTokens, r.input = int(n), int(n)
			case `"cache_creation_input_tokens"`:
				r.cached[0] = int(n)
			case `"cache_read_input_tokens"`:
				r.cached[1] = int(n)
			case `"completion_tokens"`, `"output_tokens"`, `"completionTokens"`:
				usage.CompletionTokens = int(n)
			case `"total_tokens"`, `"totalTokens"`:
				usage.TotalTokens = int(n)
			case `"prompt_cache_hit_tokens"`, `"cached_tokens"`: // of DeepSeek, of Moonshot
				usage.CachedTokens = int(n)
			}
		})
	})
	if r.options.Format == Messages { // which counts apart what it takes from its cache
		usage.PromptTokens = r.input + r.cached[0] + r.cached[1]
		usage.CacheWriteTokens, usage.CachedTokens = r.cached[0], r.cached[1]
	}
	if usage.TotalTokens == 0 {
		usage.TotalTokens = usage.PromptTokens + usage.CompletionTokens
	}
	r.result.Usage = usage
}

// countDetails takes up what a part of the tokens was: prompt_tokens_details, completion_tokens_details, or the
// same of input and output.
func countDetails(details *agents.UsageDetails, value []byte) {
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			n, ok := numberOf(w.value())
			if !ok || n <= 0 || n > 1e15 {
				return
			}
			switch string(name) {
			case `"cached_tokens"`:
				details.CachedTokens = int(n)
			case `"reasoning_tokens"`:
				details.ReasoningTokens = int(n)
			}
		})
	})
}

// complete puts the answer together.
func (r *reader) complete() *Completion {
	c := r.result
	r.endText()
	r.pass(string(r.content.end(nil)))
	if !r.options.KeepThoughts {
		r.emit(r.thought.end())
	}
	r.reasoning.Write(r.thinking.end(nil))
	r.refusal.Write(r.refusing.end(nil))
	c.Text, c.Refusal = r.text.String(), r.refusal.String()
	c.Reasoning = r.reasoning.String()
	if r.echoReasoning != "" {
		quoted, _ := jsontext.AppendQuote(nil, c.Reasoning)
		c.echo = set(c.echo, []byte(r.echoReasoning), quoted)
	}
	inside := r.thought.inside.String()
	if inside != "" {
		c.Reasoning = inside + c.Reasoning
	}
	c.finishBlocks(len(inside))
	for i := range c.Calls {
		c.Calls[i].finish(i)
	}
	c.Stray = strings.ToValidUTF8(string(r.stray[:min(len(r.stray), maxStray)]), "\uFFFD")
	c.End = r.end()
	return c
}

// end says how the answer ended. There is one rule: a finish reason that is known says it; without one, or with another
// one, an answer is whole that came as one document or up to [DONE].
func (r *reader) end() End {
	c := r.result
	end, known := endOf(c.Finish)
	switch {
	case c.Error != nil:
		return Failed
	case r.lost:
		return Unreadable
	case c.Refusal != "":
		return Refused
	case r.open && r.isJSON:
		return Pending
	case r.options.Format == Messages && c.Finish == "pause_turn":
		return Paused
	case known:
		return end
	case r.isJSON && r.choices && r.parsed, r.done:
		return Whole
	case r.isJSON, r.isEvents && r.parsed && !r.choices, r.isEvents && !r.parsed && len(r.stray) > 0:
		return Unreadable
	case r.isEvents, r.options.IsStream:
		return Broken
	}
	return Unreadable
}
