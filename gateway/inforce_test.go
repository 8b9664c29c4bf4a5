package gateway

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store/storetest"
)

// The breakers are those of what is in force. A change that is refused makes none, and forgets none.
func TestBreakersOfWhatIsInForce(t *testing.T) {
	ctx := t.Context()
	g, err := Open(ctx, quiet(load(t, fmt.Sprintf(recordsFile, storetest.Default(t))), nil))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	asked := func() (ids []string) {
		for _, state := range g.breakers.States() {
			ids = append(ids, state.Provider)
		}
		return ids
	}
	require.Equal(t, []string{"offline"}, asked())

	providers, list := catalog.Of[agents.Provider](g.editor), catalog.Of[agents.Agent](g.editor)
	for _, id := range []string{"first", "second"} {
		_, _, err = providers.Create(ctx, "mia", agents.Provider{ID: id, Type: "template", Template: "Hi."})
		require.NoError(t, err)
	}
	one := agents.Agent{ID: "one", Provider: "first", Fallbacks: []agents.Fallback{{Provider: "second"}}}
	_, _, err = list.Create(ctx, "mia", one)
	require.NoError(t, err)
	require.Equal(t, []string{"first", "offline", "second"}, asked())

	err = providers.Delete(ctx, "mia", "second", 0)
	require.Equal(t, "in_use", problem.Of(err).Code)
	_, _, err = list.Create(ctx, "mia", agents.Agent{ID: "two", Provider: "gone"})
	require.Equal(t, problem.Invalid, problem.Of(err).Kind)
	require.Equal(t, []string{"first", "offline", "second"}, asked())

	require.NoError(t, list.Delete(ctx, "mia", "one", 0))
	require.Equal(t, []string{"offline"}, asked())
}
