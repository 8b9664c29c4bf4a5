package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/doctor"
)

// A gateway examines itself with the database that it works on, and the findings hold no secret.
func TestAGatewayExaminesItself(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"data":[{"id":"m1"},{"id":"m2"}]}`))
		}))
		t.Cleanup(model.Close)
		receiver := httptest.NewTLSServer(http.NotFoundHandler())
		t.Cleanup(receiver.Close)
		g := start(t, load(t, fmt.Sprintf(`
server: {secretsKey: s3cret-of-the-key}
database: {url: %q}
egress: {allowPrivate: ["127.0.0.1/32"]}
providers: [{id: up, type: openai, url: %q, apiKey: s3cret-of-the-provider}]
agents: [{id: a, provider: up, model: m1}]
endpoints:
  - {id: unsigned, url: "%s/s3cret-of-the-path", events: [run.failed], secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}
  - {id: off, enabled: false, url: %q, events: [run.failed], secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}
`, database, model.URL, receiver.URL, receiver.URL)))

		found := map[string]doctor.Finding{}
		for _, f := range g.examine(t.Context(), true) {
			found[f.Check] = f
			require.NotContains(t, f.Says+f.Todo, "s3cret")
		}
		require.Equal(t, doctor.Good, found["database"].Status, found["database"].Says)
		require.Equal(t, doctor.Good, found["configuration"].Status, found["configuration"].Says)
		require.Equal(t, doctor.Good, found["secrets"].Status, found["secrets"].Says)
		require.Equal(t, "It has 2 models.", found["provider up"].Says)
		require.Equal(t, doctor.Bad, found["endpoint unsigned"].Status)
		require.Contains(t, found["endpoint unsigned"].Todo, "egress.ca")
		require.NotContains(t, found, "endpoint off")

		for _, f := range g.examine(t.Context(), false) {
			if f.Check == "provider up" || f.Check == "endpoint unsigned" {
				require.Equal(t, doctor.Skipped, f.Status)
			}
		}
	})
}

// The check of the database reports a file that was moved away while the gateway runs.
func TestAGatewayWhoseDatabaseIsGone(t *testing.T) {
	folder := t.TempDir()
	g := start(t, load(t, fmt.Sprintf("database: {url: %q}", sqliteIn(folder))))
	require.NoError(t, os.Rename(filepath.Join(folder, "beckon.db"), filepath.Join(folder, "away.db")))
	require.Eventually(t, func() bool { return g.store.Failing() != nil }, patience, 10*time.Millisecond)
	findings := g.examine(t.Context(), false)
	at := slices.IndexFunc(findings, func(f doctor.Finding) bool { return f.Check == "database" })
	require.GreaterOrEqual(t, at, 0)
	require.Equal(t, doctor.Bad, findings[at].Status)
	require.NotEmpty(t, findings[at].Todo)
}

// Messages without links are warned of where nobody has set the address that others use.
func TestAGatewayWarnsOfMessagesWithoutLinks(t *testing.T) {
	const slack = `[{id: ops, format: slack, url: "https://hooks.slack.example/services/x"}]`
	for name, row := range map[string]struct {
		server, endpoints string
		warns             bool
	}{
		"an address of this machine": {"{}", slack, true},
		"an address of others":       {`{publicURL: "https://beckon.example.com"}`, slack, false},
		"no messages":                {"{}", `[{id: own, url: "https://own.example", secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, load(t, fmt.Sprintf("database: {url: %q}\nserver: %s\nendpoints: %s\n", sqliteIn(t.TempDir()), row.server, row.endpoints)))
			found := g.examine(t.Context(), false)
			i := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.Check == "links in messages" })
			require.Equal(t, row.warns, i >= 0)
			if row.warns {
				require.Equal(t, doctor.Warning, found[i].Status)
				require.Contains(t, found[i].Todo, "server.publicURL")
			}
		})
	}
}
