package chat

import (
	"github.com/go-json-experiment/json/jsontext"
	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/internal/fence"
)

// conversation is what is said to a model and what it has answered. What a model has answered goes back as it came,
// whatever members it has.
type conversation struct {
	wire    *wire
	system  string
	line    string           // of the system prompt, and another one for every run; empty for none
	varies  bool             // every call has another system prompt, whatever its line
	earlier []agents.Message // what was said before the prompt
	prompt  string
	images  []shown  // that stand beside the prompt
	later   []byte   // the messages behind the prompt, each with a comma in front
	said    []string // what the log must not have
}

func newConversation(w *wire, q agents.Question, varies bool) *conversation {
	c := &conversation{
		wire:    w,
		system:  q.Instructions,
		line:    q.Line,
		varies:  varies,
		earlier: q.Earlier,
		prompt:  q.Prompt,
		said:    []string{q.Instructions, q.Prompt},
	}
	for _, m := range q.Earlier {
		c.said = append(c.said, m.Text)
	}
	return c
}

// size is about how long the messages are.
func (c *conversation) size() int {
	size := len(c.system) + len(c.line) + len(c.prompt) + len(c.later) + 96
	for _, m := range c.earlier {
		size += len(m.Text) + 48
	}
	for _, i := range c.images {
		size += len(i.base64) + 96
	}
	return size
}

// constant is the system prompt without its line, and with something added; "" for nothing.
func (c *conversation) constant(order string) string { return paragraphs(c.system, order) }

// systemWith is the system prompt with something added; "" for nothing.
func (c *conversation) systemWith(order string) string {
	return paragraphs(c.constant(order), c.line)
}

// paragraphs joins two texts, of which each may be empty.
func paragraphs(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "\n\n" + second
}

// answered adds an answer after which the model is asked again.
func (c *conversation) answered(r *agents.Round) {
	c.later = append(append(c.later, ','), r.Message...)
	c.said = append(c.said, r.Text)
	for i := range r.Calls {
		c.said = append(c.said, r.Calls[i].Arguments)
	}
}

// ask adds something that the model is asked beside its prompt.
func (c *conversation) ask(text string) {
	c.later = append(appendMessage(append(c.later, ','), openai.ChatMessageRoleUser, text), '}')
}

// told adds what the tools have told, in the order of the calls. What comes from a tool is marked as data: in the
// markers of the run's fence, which the system prompt explains, or in a frame of its own where there is no fence.
func (c *conversation) told(calls []agents.RoundCall, f *fence.Fence) {
	texts := make([]string, len(calls))
	for i := range calls {
		texts[i] = calls[i].Told
		c.said = append(c.said, texts[i])
		switch {
		case calls[i].IsData && f != nil:
			texts[i] = f.Wrap(texts[i])
		case calls[i].IsData:
			texts[i] = framed(calls[i].Name, texts[i])
		}
	}
	c.later = c.wire.told(c.later, calls, texts)
}

// appendMessages adds what was said before, the prompt, and what comes behind. A text may stand in front of the
// first message.
func (c *conversation) appendMessages(list []byte, before string) []byte {
	for _, m := range c.earlier {
		role := openai.ChatMessageRoleUser
		if m.IsAnswer {
			role = openai.ChatMessageRoleAssistant
		}
		list = append(appendMessage(list, role, before+m.Text), "},"...)
		before = ""
	}
	return append(c.appendPrompt(list, before+c.prompt), c.later...)
}

// appendPrompt adds the user's message: its text, or its text and images as parts.
func (c *conversation) appendPrompt(list []byte, prompt string) []byte {
	if len(c.images) == 0 {
		return append(appendMessage(list, openai.ChatMessageRoleUser, prompt), '}')
	}
	list = append(append(list, `{"role":"user","content":[{"type":"`...), c.wire.text...)
	list, _ = jsontext.AppendQuote(append(list, `","text":`...), prompt)
	list = append(list, '}')
	for _, i := range c.images {
		list = c.wire.image(append(list, ','), i)
	}
	return append(list, "]}"...)
}

// appendMessage begins a message. It replaces invalid UTF-8 in the text.
func appendMessage(list []byte, role, text string) []byte {
	list = append(append(append(list, `{"role":"`...), role...), `","content":`...)
	list, _ = jsontext.AppendQuote(list, text)
	return list
}
