package chat

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/internal/problem"
)

// maxRounds bounds how often a model is asked within one call: every round but the last is for the tools that it wants
// to use, and each costs money.
const maxRounds = 16

// converse asks the model, uses the tools that it calls, and asks again, until it answers. The usage is that of all
// rounds, the answer the text of the last.
func (m *model) converse(ctx context.Context, call agents.Call, request openai.ChatCompletionRequest) (agents.Result, error) {
	tools := map[string]agents.Tool{}
	for _, t := range call.Tools {
		tools[t.Name] = t
		request.Tools = append(request.Tools, openai.Tool{Type: openai.ToolTypeFunction,
			Function: &openai.FunctionDefinition{Name: t.Name, Description: t.Description, Parameters: t.Parameters}})
	}
	var used agents.Usage
	for round := 1; ; round++ {
		response, err := m.ask(ctx, request, call.Text)
		used = used.Add(usage(response.Usage))
		if err != nil {
			return agents.Result{Output: textOf(response), Usage: used}, m.explain(ctx, err, request.Messages)
		}
		wanted := toolCalls(response)
		if len(wanted) == 0 || len(tools) == 0 {
			result, err := m.read(response, round > 1)
			result.Usage = used
			return result, err
		}
		if round == maxRounds {
			return agents.Result{Usage: used}, problem.New(problem.Upstream, "tool_limit",
				"The model of agent %q used its tools %d times without an answer. Tell it in its prompt when to stop.", m.agent, maxRounds-1)
		}
		request.Messages = append(request.Messages, response.Choices[0].Message)
		for _, w := range wanted {
			request.Messages = append(request.Messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleTool, ToolCallID: w.ID, Content: use(ctx, tools, w)})
		}
	}
}

// ask asks once, piece by piece when somebody reads along.
func (m *model) ask(ctx context.Context, request openai.ChatCompletionRequest, text func(string)) (*openai.ChatCompletionResponse, error) {
	if ctx.Err() != nil {
		return &openai.ChatCompletionResponse{}, ctx.Err()
	}
	if text != nil {
		return m.stream(ctx, request, text)
	}
	response, err := m.client.CreateChatCompletion(resendable(ctx, &request), request)
	return &response, err
}

// use does what the model wants, and returns what it is told. What goes wrong is for the model to mend.
func use(ctx context.Context, tools map[string]agents.Tool, call openai.ToolCall) string {
	tool, ok := tools[call.Function.Name]
	if !ok {
		return fmt.Sprintf("error: there is no tool %q", call.Function.Name)
	}
	arguments := call.Function.Arguments
	if arguments == "" {
		arguments = "{}"
	}
	if !json.Valid([]byte(arguments)) {
		return "error: the arguments are not JSON"
	}
	told, err := tool.Use(ctx, json.RawMessage(arguments))
	if err != nil {
		return "error: " + err.Error()
	}
	return told
}

func toolCalls(response *openai.ChatCompletionResponse) []openai.ToolCall {
	if len(response.Choices) == 0 {
		return nil
	}
	return response.Choices[0].Message.ToolCalls
}

func textOf(response *openai.ChatCompletionResponse) string {
	if len(response.Choices) == 0 {
		return ""
	}
	return content(&response.Choices[0].Message)
}
