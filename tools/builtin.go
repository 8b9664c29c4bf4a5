package tools

import (
	"context"
	"encoding/json"
	"fmt"

	"beckon/agents"
)

// builtIn is a tool of Beckon's own.
type builtIn struct {
	Tool
	schema    *agents.Schema
	call      func(ctx context.Context, use Use) (Result, error)
	isOffered func() bool // nil is always
}

// newBuiltIn panics for a schema that cannot be used, since it is written here.
func newBuiltIn(tool Tool, call func(context.Context, Use) (Result, error)) *builtIn {
	var object agents.OutputSchema
	if err := json.Unmarshal(tool.Schema, &object); err != nil {
		panic(fmt.Sprintf("the schema of %s: %v", tool.Name, err))
	}
	schema, err := agents.NewSchema(object)
	if err != nil {
		panic(fmt.Sprintf("the schema of %s %v", tool.Name, err))
	}
	return &builtIn{Tool: tool, schema: schema, call: call}
}

func (b *builtIn) use(ctx context.Context, use Use) (Result, error) {
	if !json.Valid(use.Arguments) {
		return Result{}, &ArgumentError{"they are not JSON"}
	}
	if _, err := b.schema.Read(string(use.Arguments)); err != nil {
		return Result{}, &ArgumentError{err.Error()}
	}
	return b.call(ctx, use)
}
