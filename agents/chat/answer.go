package chat

import (
	"strings"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/problem"
)

// read takes the text out of an answer that ended as it should. Every success has a text, unless the model has done
// something with its tools; an answer that was cut off at the limit of tokens is an error beside what there is of
// it. What a content filter left over is not handed on.
func (m *model) read(c *completion.Completion, usedTools bool) (agents.Result, error) {
	result := agents.Result{Usage: c.Usage}
	blank := strings.TrimSpace(c.Text) == ""
	switch {
	case c.Choices == 0:
		return result, m.empty("the completion has no choices")
	case c.End == completion.Refused:
		return result, problem.New(problem.Upstream, problem.CodeCompletionRefused,
			"The model of agent %q refused to answer, or a content filter of the provider did. Reword the prompt.",
			m.agent)
	case c.End == completion.CutOff && blank:
		return result, problem.New(problem.Upstream, problem.CodeCompletionTruncated,
			"The model of agent %q used up its tokens before it wrote anything. Raise maxTokens.", m.agent)
	case c.End == completion.CutOff:
		result.Output = c.Text
		return result, problem.New(problem.Upstream, problem.CodeCompletionTruncated,
			"The answer of agent %q was cut off at its limit of tokens. Raise maxTokens, or ask for less.", m.agent)
	case !blank || usedTools || len(c.Images) > 0:
		result.Output = c.Text
		return result, nil
	case len(c.Calls) > 0:
		return result, m.empty("it asked to call a tool, and there is none")
	case c.Reasoning != "":
		return result, m.empty("it only thought")
	}
	return result, m.empty("the text is empty")
}

func (m *model) empty(why string) error {
	return problem.New(problem.Upstream, problem.CodeCompletionEmpty,
		"The model of agent %q gave no answer: %s.", m.agent, why)
}
