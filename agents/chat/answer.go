package chat

import (
	"strings"

	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/internal/problem"
)

// read takes the text out of an answer. Every success has a text, unless the model has done something with its tools; an answer that was cut off at the limit of tokens is an
// error beside what there is of it. What a content filter left over is not handed on.
func (m *model) read(response *openai.ChatCompletionResponse, done bool) (agents.Result, error) {
	result := agents.Result{Usage: usage(response.Usage)}
	if response.Choices == nil {
		return result, problem.New(problem.Upstream, "provider_invalid_response",
			"The provider %q sent JSON that is not a chat completion. Check its url.", m.provider)
	}
	if len(response.Choices) == 0 {
		return result, m.empty("the completion has no choices")
	}
	choice := &response.Choices[0]
	text := content(&choice.Message)
	blank := strings.TrimSpace(text) == ""
	if choice.FinishReason == openai.FinishReasonContentFilter || choice.Message.Refusal != "" {
		return result, problem.New(problem.Upstream, "completion_refused",
			"The model of agent %q refused to answer, or a content filter of the provider did. Reword the prompt.", m.agent)
	}
	if choice.FinishReason == openai.FinishReasonLength {
		result.Output = text
		if blank {
			return result, problem.New(problem.Upstream, "completion_truncated",
				"The model of agent %q used up its tokens before it wrote anything. Raise maxTokens.", m.agent)
		}
		return result, problem.New(problem.Upstream, "completion_truncated",
			"The answer of agent %q was cut off at its limit of tokens. Raise maxTokens, or ask for less.", m.agent)
	}
	if blank && !done {
		if len(choice.Message.ToolCalls) > 0 || choice.Message.FunctionCall != nil {
			return result, m.empty("it asked to call a tool, and there is none")
		}
		return result, m.empty("the text is empty")
	}
	result.Output = text
	return result, nil
}

func (m *model) empty(why string) error {
	return problem.New(problem.Upstream, "completion_empty", "The model of agent %q gave no answer: %s.", m.agent, why)
}

// content joins a text that came in parts. encoding/json has made it valid UTF-8 already; what is left is NUL, which
// PostgreSQL cannot store in a text.
func content(message *openai.ChatCompletionMessage) string {
	text := message.Content
	for _, part := range message.MultiContent {
		text += part.Text
	}
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "\uFFFD")
	}
	return text
}

func usage(u openai.Usage) agents.Usage {
	total := u.TotalTokens
	if total == 0 {
		total = u.PromptTokens + u.CompletionTokens
	}
	return agents.Usage{PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens, TotalTokens: total}
}
