package chat

import (
	"context"
	"encoding/json"
	"fmt"

	"beckon/agents"
)

// declare writes the tools as the provider is told of them.
func declare(w *wire, tools []agents.Tool) ([]byte, error) {
	list := make([]any, len(tools))
	for i, t := range tools {
		list[i] = w.declare(t)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("write the tools of a call: %w", err)
	}
	return text, nil
}

// use does what the model wants, and returns what it is told. What goes wrong is for the model to mend.
func use(ctx context.Context, tools map[string]agents.Tool, call *agents.RoundCall) string {
	tool, ok := tools[call.Name]
	if !ok {
		return fmt.Sprintf("error: there is no tool %q", call.Name)
	}
	if !json.Valid([]byte(call.Arguments)) {
		return "error: the arguments are not JSON"
	}
	told, err := tool.Use(ctx, json.RawMessage(call.Arguments))
	if err != nil {
		return "error: " + err.Error()
	}
	return told
}
