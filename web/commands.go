package web

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"beckon/commands"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// commandFields are the fields of the form, in its order.
var commandFields = []labelled{
	{"description", "Description"},
	{"prompt", "Prompt"},
	{"agentId", "Agent or flow"},
}

func (w *Web) commandPages() []page {
	return nounPages[commands.Command, commands.Command]{
		form: formOf("commands"), web: w,
		newItem: func(_ context.Context, asked url.Values) (commands.Command, error) {
			return commands.Command{AgentID: asked.Get("agentId")}, nil
		},
		formFor: func(c commands.Command) commands.Command { return c },
		read:    readCommand, choices: w.invocables,
	}.pages()
}

func readCommand(sent url.Values, _ commands.Command) (typed, c commands.Command, _ problem.Fields) {
	c = commands.Command{
		ID:          trimmed(sent, "id"),
		Name:        catalog.OmitDefault(trimmed(sent, "name"), trimmed(sent, "id")),
		Description: trimmed(sent, "description"),
		Prompt:      sent.Get("prompt"),
		AgentID:     trimmed(sent, "agentId"),
	}
	return c, c, nil
}

// invocables are the ids of what can be invoked, in order.
func (w *Web) invocables(ctx context.Context) ([]string, error) {
	kinds, err := w.invocable(ctx)
	return slices.Sorted(maps.Keys(kinds)), err
}

func idsOf[T catalog.Resource](ctx context.Context, w *Web) ([]string, error) {
	records, err := resources[T](w).List(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.Item.Key()
	}
	slices.Sort(ids)
	return ids, nil
}

// trimmed is what was typed into a field of one line.
func trimmed(sent url.Values, name string) string { return strings.TrimSpace(sent.Get(name)) }
