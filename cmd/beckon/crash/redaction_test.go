package crash_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const (
	discardingToken = "mgc_discards0000000000000000000000000000000000000000"
	secretCard      = "4111 1111 1111 1111"
	secretMail      = "ada.planted@example.com"
)

// A run whose client keeps no content has it sealed until it and its deliveries have ended: a gateway that is killed before the
// run, in the middle of it, and before the delivery, loses nothing of it, and keeps nothing of it in the end.
func TestAKilledGatewayKeepsNoContent(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return storetest.SQLite(t) },
		"postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noContentOfAKilledGateway(t, database(t))
		})
	}
}

func noContentOfAKilledGateway(t *testing.T, url string) {
	p := newPlant(t, url)
	text, err := os.ReadFile(p.config)
	require.NoError(t, err)
	more := strings.Replace(string(text), "shutdownGrace: 2s", "shutdownGrace: 2s, secretsKey: a key for this test", 1) +
		fmt.Sprintf("  - {id: discards, token: %s, passthrough: true, allowedAgents: [one-retried, discreet], maxConcurrent: 1, storeContent: false, redact: [email]}\n", discardingToken)
	more = strings.Replace(more, "\nclients: [{", "\nclients:\n  - {", 1)
	more = strings.Replace(more, "relay]}]\n", "relay]}\n", 1)
	more = strings.Replace(more, "flows:\n", "flows:\n  - id: discreet\n    root: {type: sequential, steps: [{type: agent, agentId: two-retried, outputKey: first}, {type: agent, agentId: three-retried}]}\n", 1)
	require.NoError(t, os.WriteFile(p.config, []byte(more), 0o600))

	var mu sync.Mutex
	var told []string
	accepts := false
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if !accepts {
			w.WriteHeader(503)
		} else {
			told = append(told, string(body))
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(receiver.Close)

	authorized := "Authorization: Bearer " + discardingToken
	prompt := "pay with " + secretCard + " for " + secretMail
	call := func(g *process, agent string) string {
		body, err := json.Marshal(map[string]any{"agent": agent, "prompt": prompt, "webhook": map[string]any{"url": receiver.URL + "/hook", "retry": []string{"200ms", "500ms", "1s", "1s", "1s", "1s", "1s", "1s"}}})
		require.NoError(t, err)
		status, answer := g.call("POST", "/api/v1/runs", string(body), authorized)
		require.Equal(t, 202, status, answer)
		return answer["runId"].(string)
	}
	release := p.model.hold("three")
	first := p.start()
	flow := call(first, "discreet")
	queued := call(first, "one-retried") // which waits: the client may have one run at a time
	p.model.await(t, "three", prompt)
	first.kill() // in the middle of a flow
	requireNothingOf(t, url)

	second := p.start()
	release()
	for _, id := range []string{flow, queued} {
		require.Eventually(t, func() bool {
			_, run := second.call("GET", "/api/v1/runs/"+id, "", authorized)
			return run["completedAt"] != nil
		}, patience, 20*time.Millisecond)
	}
	require.Equal(t, 1, p.model.count("two", prompt), "the first step was not run again")
	second.kill() // before its deliveries were taken
	requireNothingOf(t, url)

	mu.Lock()
	accepts = true
	mu.Unlock()
	third := p.start()
	for _, id := range []string{flow, queued} {
		require.Eventually(t, func() bool {
			_, run := third.call("GET", "/api/v1/runs/"+id, "", authorized)
			return run["contentErased"] == true
		}, patience, 20*time.Millisecond)
		_, run := third.call("GET", "/api/v1/runs/"+id, "", authorized)
		require.Equal(t, "COMPLETED", run["status"])
		require.Empty(t, run["input"])
		require.Nil(t, run["output"])
	}
	mu.Lock()
	all := strings.Join(told, "\n")
	mu.Unlock()
	require.Contains(t, all, "three answers pay with "+secretCard+" for [email]")
	require.Contains(t, all, "one answers pay with "+secretCard+" for [email]")
	require.NotContains(t, all, secretMail)
	third.kill()
	requireNothingOf(t, url)
	sealed, err := store.Rows[string](storetest.Open(t, url).Read(t.Context()), "SELECT place FROM sealed_content")
	require.NoError(t, err)
	require.Empty(t, sealed)
	for _, g := range []*process{first, second, third} {
		require.NotContains(t, g.log.String(), secretCard)
		require.NotContains(t, g.log.String(), secretMail)
	}
}

// requireNothingOf looks into every byte of SQLite's files, and into every column of PostgreSQL.
func requireNothingOf(t *testing.T, url string) {
	t.Helper()
	var all strings.Builder
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		files, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			all.Write(content)
		}
	} else {
		tx := storetest.Open(t, url).Read(t.Context())
		tables, err := store.Rows[string](tx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
		require.NoError(t, err)
		require.NotEmpty(t, tables)
		for _, table := range tables {
			rows, err := store.Rows[string](tx, "SELECT row_to_json(t)::text FROM "+table+" t")
			require.NoError(t, err)
			all.WriteString(strings.Join(rows, "\n"))
		}
	}
	require.NotContains(t, all.String(), secretCard)
	require.NotContains(t, all.String(), secretMail)
}
