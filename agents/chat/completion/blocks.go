package completion

import (
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxBlocks bounds the blocks of one answer.
const maxBlocks = 1024

// The kinds of blocks that are calls of tools, in Anthropic's messages and in OpenAI's responses.
const (
	kindToolUse      = "tool_use"
	kindFunctionCall = "function_call"
)

// block is a part of an answer in the APIs whose answers are lists of them: a text, a thought, a call of a tool, or
// something that this package does not know. All of them go back as they came when the conversation goes on.
type block struct {
	index    string // as the server counts
	kind     string
	id, name string   // of a call
	members  []member // as they came, but for what is kept below
	text     span     // in the answer's text
	thought  span     // in what the model thought
	isDone   bool     // the server has sent all of it

	hasInput  bool
	input     []byte // JSON, if the model kept to it
	inPieces  bool   // the input comes in pieces
	signature []byte
	pieces    pieces // of the input or the signature
	call      int    // its place in Completion.Calls; -1 for none
}

// span is a part of a text.
type span struct{ from, to int }

func (s span) of(text string) string { return text[s.from:s.to] }

// openBlock begins a block. It returns nil when there are too many.
func (r *reader) openBlock(index, kind string) *block {
	r.endText()
	if len(r.result.blocks) == maxBlocks {
		r.lose([]byte("more than 1024 blocks"))
		return nil
	}
	r.result.Choices, r.choices = 1, true
	r.result.blocks = append(r.result.blocks, block{index: index, kind: kind, call: -1,
		text: span{r.emitted, r.emitted}, thought: span{r.reasoning.Len(), r.reasoning.Len()}})
	return &r.result.blocks[len(r.result.blocks)-1]
}

// blockAt returns the last block of an index, or begins one.
func (r *reader) blockAt(index, kind string) *block {
	for i := len(r.result.blocks) - 1; i >= 0; i-- {
		if b := &r.result.blocks[i]; index == "" || b.index == index {
			return b
		}
	}
	return r.openBlock(index, kind)
}

// keepMember keeps a member of a block, so that it can be sent back. It ignores null.
func (r *reader) keepMember(b *block, name, value []byte) {
	if kindOf(value) == 'n' {
		return
	}
	r.kept += len(name) + len(value)
	b.members = set(b.members, name, value)
}

func (r *reader) addBlockText(b *block, value []byte) {
	r.tellThoughts()
	if b.text.from == b.text.to {
		b.text.from = r.emitted
	}
	r.addText(value)
	b.text.to = r.emitted
}

func (r *reader) addBlockThought(b *block, value []byte) {
	if b.thought.from == b.thought.to {
		b.thought.from = r.reasoning.Len()
	}
	r.addReasoning(value, "")
	b.thought.to = r.reasoning.Len()
}

// addInput adds a piece of a call's arguments: a part of a text that is JSON. What came with the beginning of a
// block that comes in pieces stands for nothing.
func (r *reader) addInput(b *block, value []byte) {
	if kindOf(value) != '"' {
		return
	}
	if !b.inPieces {
		b.inPieces, b.hasInput, b.input = true, true, nil
	}
	before := len(b.input)
	b.input = b.pieces.add(b.input, value)
	r.kept += len(b.input) - before
}

// endText hands on what of the last block's text and thoughts was kept waiting for more.
func (r *reader) endText() {
	n := len(r.result.blocks)
	if n == 0 {
		return
	}
	b, before := &r.result.blocks[n-1], r.emitted
	if rest := r.thinking.end(nil); len(rest) > 0 {
		r.reasoning.Write(rest)
		b.thought.to = r.reasoning.Len()
	}
	r.pass(string(r.content.end(nil)))
	if r.thought.state == thoughtMayBegin && r.thought.held != "" {
		r.emit(r.thought.flush())
	}
	if r.emitted > before {
		if b.text.from == b.text.to {
			b.text.from = before
		}
		b.text.to = r.emitted
	}
}

// tellThoughts writes into the answer what the model has thought since the last text, where that is wanted.
func (r *reader) tellThoughts() {
	if r.options.KeepThoughts && r.reasoning.Len() > r.told {
		r.emit("<think>" + r.reasoning.String()[r.told:] + "</think>\n\n")
		r.told = r.reasoning.Len()
	}
}

// finishBlocks takes the calls out of the blocks. Thoughts that stood in the text itself come first in what was
// thought.
func (c *Completion) finishBlocks(inside int) {
	for i := range c.blocks {
		b := &c.blocks[i]
		b.thought.from, b.thought.to = b.thought.from+inside, b.thought.to+inside
		if len(b.signature) > 0 {
			quoted, _ := jsontext.AppendQuote(nil, string(b.signature))
			b.members = set(b.members, []byte(`"signature"`), quoted)
		}
		if (b.kind == kindToolUse || b.kind == kindFunctionCall) && len(c.Calls) < maxCalls {
			b.call = len(c.Calls)
			c.Calls = append(c.Calls, Call{ID: b.id, Name: b.name, arguments: b.input, pieces: b.pieces})
		} else {
			b.input = b.pieces.end(b.input)
		}
	}
}

// arguments are those of a block that is a call, as an object in any case.
func (c *Completion) argumentsOf(b *block) string {
	text := string(b.input)
	if b.call >= 0 {
		text = c.Calls[b.call].Arguments
	}
	if text = strings.TrimSpace(text); !strings.HasPrefix(text, "{") || !json.Valid([]byte(text)) {
		return "{}"
	}
	return text
}

func appendString(out []byte, name, value string) []byte {
	out = append(append(append(out, `,"`...), name...), `":`...)
	out, _ = jsontext.AppendQuote(out, value)
	return out
}
