package gateway

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A delivery reads the origin of a run only if its client has a source, or is gone.
func TestOriginsOfClientsWithoutASourceAreNotRead(t *testing.T) {
	g := start(t, load(t, fmt.Sprintf(`
database: {url: %q}
providers: [{id: p, type: template, template: x}]
agents: [{id: a, provider: p}]
clients:
  - {id: ci, token: t0ken, passthrough: true, allowedAgents: [a]}
  - {id: alerts, token: t0ken2, source: alertmanager, allowedAgents: [a]}
`, sqliteIn(t.TempDir()))))
	read := 0
	g.store.Watch(func(statement string, args []any) {
		if len(args) == 1 && args[0] == "run_x" {
			read++
		}
	})
	for i, client := range []string{"ci", "alerts", "gone"} {
		origin, err := g.originOf(t.Context(), client, "run_x")
		require.NoError(t, err)
		require.Nil(t, origin)
		require.Equal(t, i, read, client)
	}
}
