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

// commandFields are those that can be wrong, in the order of the form.
var commandFields = []labelled{
	{"description", "What it is for"},
	{"prompt", "Prompt"},
	{"agentId", "Agent or flow"},
}

func (w *Web) commandPages() []page {
	return nounPages[commands.Command, commands.Command]{
		form: formOf("commands"), web: w,
		blank: func(_ context.Context, asked url.Values) (commands.Command, error) {
			return commands.Command{AgentID: asked.Get("agentId")}, nil
		},
		typed: func(c commands.Command) commands.Command { return c },
		read:  readCommand, choices: w.invocables,
	}.pages()
}

func readCommand(sent url.Values, _ commands.Command) (typed, c commands.Command, _ problem.Fields) {
	c = commands.Command{ID: word(sent, "id"), Name: catalog.OmitDefault(word(sent, "name"), word(sent, "id")), Description: word(sent, "description"), Prompt: sent.Get("prompt"), AgentID: word(sent, "agentId")}
	return c, c, nil
}

// invocables are the ids of what can be invoked, in order.
func (w *Web) invocables(ctx context.Context) ([]string, error) {
	kinds, err := w.invocable(ctx)
	return slices.Sorted(maps.Keys(kinds)), err
}

func idsOf[T catalog.Resource](ctx context.Context, w *Web) ([]string, error) {
	records, err := kept[T](w).List(ctx)
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

// word is what was typed into a field of one line.
func word(sent url.Values, name string) string { return strings.TrimSpace(sent.Get(name)) }
