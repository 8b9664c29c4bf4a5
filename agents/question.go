package agents

import (
	"strconv"
	"strings"

	"beckon/internal/fence"
)

// Question is what a model is asked: its instructions as their owner wrote them, a line that explains the markers, and the
// prompt. Where the client of the call is not trusted, what third parties have written stands in the prompt only, in markers.
type Question struct {
	Instructions string
	Line         string // belongs to the instructions, and differs from run to run; empty without a fence
	Prompt       string
}

// Ask returns what a model is asked by a call, whose instructions have been rendered. A value of third parties that they print
// moves to the prompt; "[value 1]" and so on stand in its place.
func (c *Call) Ask(instructions fence.Text) Question {
	if c.Fence == nil {
		return Question{Instructions: instructions.Text, Prompt: c.Prompt}
	}
	instructions = instructions.Bounded()
	var own, values strings.Builder
	at := 0
	for i, span := range instructions.Spans {
		name := "[value " + strconv.Itoa(i+1) + "]"
		own.WriteString(instructions.Text[at:span[0]] + name)
		values.WriteString(name + " of your instructions:\n" + c.Fence.Wrap(instructions.Text[span[0]:span[1]]) + "\n\n")
		at = span[1]
	}
	own.WriteString(instructions.Text[at:])
	return Question{Instructions: own.String(), Line: c.Fence.Explain(), Prompt: values.String() + c.Fence.Mark(c.Prompt)}
}

// PromptText is the prompt of the call, with the parts that third parties have written.
func (c *Call) PromptText() fence.Text {
	if c.Fence == nil {
		return fence.Text{Text: c.Prompt}
	}
	return fence.Text{Text: c.Prompt, Spans: c.Fence.Spans}
}
