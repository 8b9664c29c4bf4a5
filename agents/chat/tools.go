package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/problem"
)

// maxRounds bounds how often a model is asked within one call: every round but the last is for the tools that it wants
// to use, and each costs money.
const maxRounds = 16

// converse asks the model, uses the tools that it calls, and asks again, until it answers. The usage is that of all
// rounds, the answer the text of the last.
func (m *model) converse(ctx context.Context, call agents.Call, said *conversation) (agents.Result, error) {
	tools := map[string]agents.Tool{}
	for _, t := range call.Tools {
		tools[t.Name] = t
	}
	declared, err := declare(call.Tools)
	if err != nil {
		return agents.Result{}, err
	}
	var used agents.Usage
	for round := 1; ; round++ {
		answer, failed := m.ask(ctx, &call, said, declared)
		if failed != nil {
			result := agents.Result{Usage: used}
			if partial := failed.answer; partial != nil {
				result.Output, result.Usage = partial.Text, used.Add(partial.Usage)
			}
			return result, m.explain(ctx, failed, said.said)
		}
		used = used.Add(answer.Usage)
		if answer.End != completion.Whole || len(answer.Calls) == 0 || len(tools) == 0 {
			result, err := m.read(answer, round > 1)
			result.Usage = used
			return result, err
		}
		if round == maxRounds {
			return agents.Result{Usage: used}, problem.New(problem.Upstream, "tool_limit",
				"The model of agent %q used its tools %d times without an answer. Tell it in its prompt when to stop.", m.agent, maxRounds-1)
		}
		said.answered(answer)
		for i := range answer.Calls {
			said.told(answer.Calls[i].ID, use(tools, &answer.Calls[i]))
		}
	}
}

// ask asks once, piece by piece where somebody reads along. What the provider refuses in the request, and says so, is learnt;
// it is then asked again without.
func (m *model) ask(ctx context.Context, call *agents.Call, said *conversation, tools []byte) (*completion.Completion, *failure) {
	for lesson := 1; ; lesson++ {
		if ctx.Err() != nil {
			return nil, &failure{err: ctx.Err()}
		}
		known := m.request.known.lessons()
		q := &question{keepThoughts: m.keepThoughts}
		q.stream, q.text = m.streams(call, known)
		q.body = m.request.body(said, tools, q.stream, known)
		had := asked{stream: q.stream, tools: len(tools) > 0, system: said.system != ""}
		var next *lessons
		q.teaches = func(f *failure) bool {
			next = m.request.learnFrom(f, had, known)
			return next != nil
		}
		answer, failed := m.sender.ask(ctx, q)
		if failed == nil || q.passed || lesson == maxLessons || !q.teaches(failed) {
			return answer, failed
		}
		if m.request.known.learn(known, next) {
			notes := next.notes()
			m.sender.log.InfoContext(ctx, "learnt from the provider", "model", m.name, "notes", notes)
		}
	}
}

// streams reports whether the answer is asked for as a stream, and who reads along.
func (m *model) streams(call *agents.Call, known *lessons) (stream bool, text func(string)) {
	if call.ReadsAlong() {
		text = call.Text
	}
	switch cmp.Or(m.stream, known.stream) {
	case agents.StreamAlways:
		return true, text
	case agents.StreamNever:
		return false, text
	}
	return text != nil, text
}

// declare writes the tools as the provider is told of them.
func declare(tools []agents.Tool) ([]byte, error) {
	if len(tools) == 0 {
		return nil, nil
	}
	list := make([]openai.Tool, len(tools))
	for i, t := range tools {
		list[i] = openai.Tool{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{Name: t.Name, Description: t.Description, Parameters: t.Parameters}}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("write the tools of a call: %w", err)
	}
	return text, nil
}

// use does what the model wants, and returns what it is told. What goes wrong is for the model to mend.
func use(tools map[string]agents.Tool, call *completion.Call) string {
	tool, ok := tools[call.Name]
	if !ok {
		return fmt.Sprintf("error: there is no tool %q", call.Name)
	}
	if !json.Valid([]byte(call.Arguments)) {
		return "error: the arguments are not JSON"
	}
	told, err := tool.Use(json.RawMessage(call.Arguments))
	if err != nil {
		return "error: " + err.Error()
	}
	return told
}
