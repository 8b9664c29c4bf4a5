package web_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
)

// A form that is saved as it stands changes nothing of what it was made from.
func TestFormsKeepParameters(t *testing.T) {
	n := newNouns(t)
	n.fill()
	ctx := context.Background()
	acme, err := catalog.Of[agents.Provider](n.editor).Get(ctx, "acme")
	require.NoError(t, err)
	acme.Item.Stream, acme.Item.Reasoning, acme.Item.Params = agents.StreamNever, agents.ReasoningKeep, agents.Object{"seed": 9007199254740993}
	_, err = catalog.Of[agents.Provider](n.editor).Update(ctx, "mia", acme.Item, acme.Version)
	require.NoError(t, err)
	want := agents.Agent{ID: "full", Provider: "acme", Model: "m", Prompt: "Look\naround.", Events: map[string]string{"run.*": "full.*", "node.canceled": "full.over"}, Params: agents.Object{"top_p": 0.9, "stop": []any{"<b>"}, "temperature": nil},
		Fallbacks: []agents.Fallback{{Provider: "acme", Model: "n o"}, {Provider: "filed"}},
		Output:    &agents.Output{Schema: agents.OutputSchema{"type": "object", "required": []any{"a"}}, Repair: new(2)}}
	_, _, err = catalog.Of[agents.Agent](n.editor).Create(ctx, "mia", want)
	require.NoError(t, err)

	require.Equal(t, http.StatusSeeOther, n.typed("/admin/agents/full", "temperature", "1").StatusCode)
	kept, err := catalog.Of[agents.Agent](n.editor).Get(ctx, "full")
	require.NoError(t, err)
	want.Temperature = new(1.0)
	require.Equal(t, want, kept.Item)
	require.Equal(t, http.StatusSeeOther, n.typed("/admin/providers/acme", "timeout", "9s").StatusCode)
	provider, err := catalog.Of[agents.Provider](n.editor).Get(ctx, "acme")
	require.NoError(t, err)
	require.Equal(t, acme.Item.Params, provider.Item.Params)
	require.Equal(t, agents.StreamNever, provider.Item.Stream)
	require.Equal(t, agents.ReasoningKeep, provider.Item.Reasoning)

	for field, c := range map[string]struct{ typed, says string }{
		"params":    {`{"top_p": }`, "must be a JSON object such as"},
		"fallbacks": {"nobody m", `[0].provider: there is no usable provider &#34;nobody&#34;`},
		"output":    {`{"schema": {"type": 7}}`, "schema is not a JSON Schema"},
	} {
		a := n.typed("/admin/agents/full", field, c.typed)
		require.Equal(t, http.StatusUnprocessableEntity, a.StatusCode, field)
		require.Contains(t, a.body, `id="wrong-`+field+`"`)
		require.Contains(t, a.body, c.says)
	}
}
