package agents

import (
	"strconv"
	"strings"

	"beckon/internal/fence"
)

// Question is what a model is asked: its instructions as their owner wrote them, a line that explains the markers,
// and the prompt. Where the client of the call is not trusted, what third parties have written stands in the prompt
// only, in markers.
type Question struct {
	Earlier      []Message // what was said before, from the user's first message to the assistant's last
	Instructions string
	Line         string // belongs to the instructions, and differs from run to run; empty without a fence
	Prompt       string
}

// Message is an earlier message of a conversation.
type Message struct {
	IsAnswer bool // the model has said it, else the user
	Text     string
}

// earlier returns what was said before in the session of a call, and the prompt. A summary stands in front of the
// first thing that the user says, so that both speak in turns.
func (c *Call) earlier(prompt string) (list []Message, last string) {
	if c.History == nil {
		return nil, prompt
	}
	before := ""
	if summary := c.History.Summary; summary.Text != "" {
		before = "Our conversation until now, summed up:\n" + c.Fence.With(summary.Spans).Mark(summary.Text) + "\n\n"
	}
	for _, t := range c.History.Turns {
		list = append(list, Message{Text: before + c.Fence.With(t.Prompt.Spans).Mark(t.Prompt.Text)},
			Message{IsAnswer: true, Text: c.Fence.With(t.Answer.Spans).Mark(t.Answer.Text)})
		before = ""
	}
	return list, before + prompt
}

// Ask returns what a model is asked by a call, whose instructions have been rendered. A value of third parties that
// they print moves to the prompt; "[value 1]" and so on stand in its place.
func (c *Call) Ask(instructions fence.Text) Question {
	if c.Fence == nil {
		earlier, prompt := c.earlier(c.Prompt)
		return Question{Earlier: earlier, Instructions: instructions.Text, Prompt: prompt}
	}
	instructions = instructions.Bounded()
	var own, values strings.Builder
	at := 0
	for i, span := range instructions.Spans {
		name := "[value " + strconv.Itoa(i+1) + "]"
		own.WriteString(instructions.Text[at:span[0]] + name)
		values.WriteString(name + " of your instructions:\n" + c.Fence.Wrap(instructions.Text[span[0]:span[1]]) +
			"\n\n")
		at = span[1]
	}
	own.WriteString(instructions.Text[at:])
	earlier, prompt := c.earlier(values.String() + c.Fence.Mark(c.Prompt))
	return Question{Earlier: earlier, Instructions: own.String(), Line: c.Fence.Explain(), Prompt: prompt}
}

// PromptText is the prompt of the call, with the parts that third parties have written.
func (c *Call) PromptText() fence.Text {
	if c.Fence == nil {
		return fence.Text{Text: c.Prompt}
	}
	return fence.Text{Text: c.Prompt, Spans: c.Fence.Spans}
}
