package chat

import (
	"cmp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sashabaranov/go-openai"

	"beckon/agents/chat/completion"
)

// conversation is what is said to a model and what it has answered. What a model has answered goes back as it came,
// whatever members it has.
type conversation struct {
	system string
	prompt string
	later  []byte   // the messages behind the prompt, each with a comma in front
	said   []string // what the log must not have
}

func newConversation(system, prompt string) *conversation {
	return &conversation{system: system, prompt: prompt, said: []string{system, prompt}}
}

// size is about how long the messages are.
func (c *conversation) size() int { return len(c.system) + len(c.prompt) + len(c.later) + 96 }

// appendTo appends the messages, the elements of a JSON array. The role is that of the system prompt: "" is system, and user
// has it stand in front of the prompt. order is added to the system prompt; "" for nothing.
func (c *conversation) appendTo(list []byte, systemRole, order string) []byte {
	prompt, system := c.prompt, c.system
	if order != "" {
		system = strings.TrimPrefix(system+"\n\n"+order, "\n\n")
	}
	switch {
	case system == "":
	case systemRole == openai.ChatMessageRoleUser:
		prompt = system + "\n\n" + prompt
	default:
		list = append(appendMessage(list, cmp.Or(systemRole, openai.ChatMessageRoleSystem), system), "},"...)
	}
	list = append(appendMessage(list, openai.ChatMessageRoleUser, prompt), '}')
	return append(list, c.later...)
}

// answered adds an answer that wants to use tools.
func (c *conversation) answered(answer *completion.Completion) {
	c.later = append(append(c.later, ','), answer.Message()...)
	c.said = append(c.said, answer.Text)
	for _, call := range answer.Calls {
		c.said = append(c.said, call.Arguments)
	}
}

// ask adds something that the model is asked beside its prompt.
func (c *conversation) ask(text string) {
	c.later = append(appendMessage(append(c.later, ','), openai.ChatMessageRoleUser, text), '}')
}

// told adds what a tool has told.
func (c *conversation) told(callID, text string) {
	c.later = appendMessage(append(c.later, ','), openai.ChatMessageRoleTool, text)
	c.later, _ = jsontext.AppendQuote(append(c.later, `,"tool_call_id":`...), callID)
	c.later = append(c.later, '}')
	c.said = append(c.said, text)
}

// appendMessage begins a message. What is not UTF-8 in its text is replaced.
func appendMessage(list []byte, role, text string) []byte {
	list = append(append(append(list, `{"role":"`...), role...), `","content":`...)
	list, _ = jsontext.AppendQuote(list, text)
	return list
}
