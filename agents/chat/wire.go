package chat

import (
	"cmp"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/agents/chat/completion"
)

// The types of providers that this package asks.
const (
	TypeOpenAI    = "openai"
	TypeAnthropic = "anthropic"
	TypeResponses = "responses"
)

// wire is the API that a provider speaks: where it is, and how a question is written. Package completion reads the answers.
type wire struct {
	format completion.Format
	answer string // what it calls an answer
	check  string // what to check besides the url when the answer is none
	url    string // the base, for a provider that has none
	path   string // of questions, behind the base
	list   string // the query of the list of models

	tokens        string   // the member that limits the tokens of an answer
	needsTokens   bool     // there has to be a limit
	schema        string   // the member that holds an answer to a schema
	hasBackground bool     // answers can be asked for later, by their id
	hasRoles      bool     // the system prompt is a message with a role, max_tokens has two names, streams have options
	text          string   // the type of a part that is text
	reserved      []string // members that params cannot set: the conversation
	optional      []string // members of our own that a server may not take

	authorize func(h http.Header, key string)
	declare   func(t agents.Tool) any // as it is told of a tool
	// the value of schema; nil where it can hold to no such
	hold func(s *agents.Schema) any
	// the conversation; order belongs to the system prompt
	write  func(d *draft, said *conversation, order string)
	image  func(list []byte, i shown) []byte                                           // adds a part that is an image
	finish func(d *draft, mode askMode, hasTools bool)                                 // writes what else it wants; may be nil
	told   func(messages []byte, calls []agents.RoundCall, told []string) (all []byte) // adds what tools have told
}

// wireOf is the API of a provider.
func wireOf(p agents.Provider) *wire {
	switch p.Type {
	case TypeAnthropic:
		return messages
	case TypeResponses:
		return responses
	}
	return chatCompletions
}

const openAIHost = "api.openai.com"

// chatCompletions is OpenAI's API that all others are compatible with.
var chatCompletions = &wire{
	format: completion.ChatCompletions, answer: "a chat completion",
	url: "https://" + openAIHost + "/v1", path: "/chat/completions",
	tokens: memberMaxTokens, schema: memberFormat, hasRoles: true, text: "text",
	authorize: bearer,
	declare: func(t agents.Tool) any {
		return openai.Tool{Type: openai.ToolTypeFunction,
			Function: &openai.FunctionDefinition{Name: t.Name, Description: t.Description, Parameters: t.Parameters}}
	},
	hold: func(s *agents.Schema) any {
		return openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "answer", Schema: s.Text, Strict: s.IsStrict}}
	},
	write: writeChat,
	image: func(list []byte, i shown) []byte {
		return append(i.appendURL(append(list, `{"type":"image_url","image_url":{"url":"`...)), `"}}`...)
	},
	told: func(messages []byte, calls []agents.RoundCall, told []string) []byte {
		for i := range calls {
			messages = appendMessage(append(messages, ','), openai.ChatMessageRoleTool, told[i])
			messages, _ = jsontext.AppendQuote(append(messages, `,"tool_call_id":`...), calls[i].ID)
			messages = append(messages, '}')
		}
		return messages
	},
}

func bearer(h http.Header, key string) {
	if key != "" {
		h["Authorization"] = []string{"Bearer " + key}
	}
}

// writeChat writes a conversation as messages. The system prompt is the first of them, or stands in front of the first message.
func writeChat(d *draft, said *conversation, order string) {
	d.begin(memberMessages)
	list := append(d.body, '[')
	before, system := "", said.systemWith(order)
	switch {
	case system == "":
	case d.after.systemRole == openai.ChatMessageRoleUser:
		before = system + "\n\n"
	default:
		list = append(appendMessage(list, cmp.Or(d.after.systemRole, openai.ChatMessageRoleSystem), system), "},"...)
	}
	d.body = append(said.appendMessages(list, before), ']')
}
