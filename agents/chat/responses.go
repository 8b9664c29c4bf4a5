package chat

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/agents/chat/completion"
)

const (
	memberText       = "text"
	memberBackground = "background"
)

// responseTool is a tool as the Responses API is told of it. openai.Tool has no way to say strict: false, which is
// not the default there.
type responseTool struct {
	Type        openai.ToolType `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  any             `json:"parameters"`
	Strict      bool            `json:"strict"`
}

// responses is OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses. The conversation
// is sent as a whole each time. The provider stores nothing of it but what it works on in the background.
var responses = &wire{
	format: completion.Responses, answer: "an answer of OpenAI's Responses API", check: " and type",
	url: chatCompletions.url, path: "/responses",
	tokens: "max_output_tokens", schema: memberText, text: "input_text",
	reserved: []string{"input"}, optional: []string{memberBackground, memberInclude, memberStore}, hasBackground: true,
	authorize: bearer,
	declare: func(t agents.Tool) any {
		return responseTool{
			Type:        openai.ToolTypeFunction,
			Name:        t.Name,
			Description: t.Description,
			Parameters:  t.Parameters,
		}
	},
	hold: func(s *agents.Schema) any {
		return openai.ResponseTextConfig{Format: &openai.ResponseTextFormat{
			Type:   "json_schema",
			Name:   "answer",
			Schema: s.Text,
			Strict: s.IsStrict,
		}}
	},
	write: func(d *draft, said *conversation, order string) {
		if system := said.systemWith(order); system != "" && d.begin("instructions") {
			d.body, _ = jsontext.AppendQuote(d.body, system)
		}
		d.begin("input")
		d.body = append(said.appendMessages(append(d.body, '['), ""), ']')
	},
	image: func(list []byte, i shown) []byte {
		return append(i.appendURL(append(list, `{"type":"input_image","image_url":"`...)), `"}`...)
	},
	finish: func(d *draft, mode askMode, hasTools bool) {
		inBackground := mode.background && d.begin(memberBackground)
		if inBackground {
			d.body = append(d.body, "true"...)
		}
		if d.begin(memberStore) {
			d.body = strconv.AppendBool(d.body, inBackground || d.params[memberBackground] == true)
		}
		// Without storage at the provider, the answer must contain what the next request sends back.
		if (hasTools || d.schema != nil) && d.begin(memberInclude) {
			d.body = append(d.body, `["reasoning.encrypted_content"]`...)
		}
	},
	told: func(items []byte, calls []agents.RoundCall, told []string) []byte {
		for i := range calls {
			items, _ = jsontext.AppendQuote(append(items, `,{"type":"function_call_output","call_id":`...), calls[i].ID)
			items, _ = jsontext.AppendQuote(append(items, `,"output":`...), told[i])
			items = append(items, '}')
		}
		return items
	},
}
