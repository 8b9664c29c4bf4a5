package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"beckon/internal/problem"
	"beckon/tools/names"
)

// Toolbox is the Box of a gateway.
type Toolbox struct {
	builtIn map[string]*builtIn
}

// New returns a Toolbox with the tools that are built in.
func New() *Toolbox {
	b := &Toolbox{builtIn: map[string]*builtIn{}}
	for _, tool := range []*builtIn{newClock(time.Now)} {
		b.builtIn[tool.Name] = tool
	}
	return b
}

// Tools implements Box.
func (b *Toolbox) Tools(_ context.Context, agent, client []string) (list []Tool) {
	if len(agent) == 0 || len(client) == 0 {
		return nil
	}
	for name, tool := range b.builtIn {
		if names.Match(agent, name) && names.Match(client, name) {
			list = append(list, tool.Tool)
		}
	}
	slices.SortFunc(list, func(x, y Tool) int { return strings.Compare(x.Name, y.Name) })
	return list
}

// Call implements Box.
func (b *Toolbox) Call(ctx context.Context, use Use) (Result, error) {
	if use.Arguments = bytes.TrimSpace(use.Arguments); len(use.Arguments) == 0 {
		use.Arguments = json.RawMessage("{}")
	}
	if tool := b.builtIn[use.Tool]; tool != nil {
		return tool.use(ctx, use)
	}
	return Result{}, unknownTool(use.Tool)
}

// unknownTool is the problem of a name that nobody offers, or no longer.
func unknownTool(name string) error {
	return problem.New(problem.NotFound, CodeToolNotFound, "There is no tool %q: its server has taken it out of its list, or is not there any more.", problem.Shorten(name))
}
