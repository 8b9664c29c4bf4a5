package chat

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/agents"
	"beckon/agents/chat/completion"
)

const (
	anthropicVersion = "2023-06-01"
	// defaultTokens is the limit of an answer where the agent has none: the API wants one. A model that writes
	// fewer says how many, which is learnt.
	defaultTokens      = 8192
	memberOutputConfig = "output_config"
	cacheControl       = `"` + memberCacheControl + `":{"type":"ephemeral"}`
)

// messages is Anthropic's Messages API: https://docs.claude.com/en/api/messages. Its requests are written here
// because its SDK would add 26 packages and 3.3 MB to the binary for a dozen members that go out as they stand.
var messages = &wire{
	format:      completion.Messages,
	answer:      "a message of Anthropic's API",
	check:       " and type",
	url:         "https://api.anthropic.com/v1",
	path:        "/messages",
	list:        "limit=1000",
	tokens:      memberMaxTokens,
	needsTokens: true,
	schema:      memberOutputConfig,
	optional:    []string{memberCacheControl},
	text:        "text",
	authorize: func(h http.Header, key string) {
		h["Anthropic-Version"] = []string{anthropicVersion}
		if key != "" {
			h["X-Api-Key"] = []string{key}
		}
	},
	declare: func(t agents.Tool) any {
		return map[string]any{"name": t.Name, "description": t.Description, "input_schema": t.Parameters}
	},
	hold: func(s *agents.Schema) any {
		if !s.IsStrict { // it refuses objects that allow members which they do not name
			return nil
		}
		return map[string]any{"format": map[string]any{"type": "json_schema", "schema": s.Text}}
	},
	write: writeMessages,
	image: func(list []byte, i shown) []byte {
		list = append(append(list, `{"type":"image","source":{"type":"base64","media_type":"`...), i.mediaType...)
		return append(append(append(list, `","data":"`...), i.base64...), `"}}`...)
	},
	told: func(messages []byte, calls []agents.RoundCall, told []string) []byte {
		messages = append(messages, `,{"role":"user","content":[`...)
		for i := range calls {
			if i > 0 {
				messages = append(messages, ',')
			}
			messages, _ = jsontext.AppendQuote(append(messages, `{"type":"tool_result","tool_use_id":`...), calls[i].ID)
			messages, _ = jsontext.AppendQuote(append(messages, `,"content":`...), told[i])
			messages = append(messages, '}')
		}
		return append(messages, "]}"...)
	},
}

// writeMessages writes a conversation, with its system prompt apart. The cache keeps that, unless every call has
// another one; its line, which every run has another of, stands behind what is kept.
func writeMessages(d *draft, said *conversation, order string) {
	if system := said.constant(order); system+said.line != "" && d.begin("system") {
		d.body = append(d.body, '[')
		if system != "" {
			d.body, _ = jsontext.AppendQuote(append(d.body, `{"type":"text","text":`...), system)
			if !said.varies && d.sends(memberCacheControl) {
				d.body = append(d.body, ","+cacheControl...)
			}
			d.body = append(d.body, "},"...)
		}
		if said.line != "" {
			d.body, _ = jsontext.AppendQuote(append(d.body, `{"type":"text","text":`...), said.line)
			d.body = append(d.body, "},"...)
		}
		d.body[len(d.body)-1] = ']'
	}
	d.begin(memberMessages)
	d.body = append(said.appendMessages(append(d.body, '['), ""), ']')
}

// thinkingBudget is how many tokens of an answer the parameters leave for thoughts, which come on top of its text.
func thinkingBudget(params agents.Object) int64 {
	thinking, _ := params["thinking"].(map[string]any)
	budget, _ := thinking["budget_tokens"].(int)
	return int64(max(0, budget))
}
