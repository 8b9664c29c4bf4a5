package runs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

func plantText(t *testing.T, s *store.Store, workflow, input, output string) (id string) {
	id = "run_" + ulid.Make().String()
	require.NoError(t, s.Write(context.Background(), func(tx store.Tx) error {
		return tx.Exec("INSERT INTO runs (id, status, client_id, workflow_id, source, input, output, created_at) VALUES (?, 'COMPLETED', 'ci', ?, 'webhook', ?, ?, ?)",
			id, workflow, input, output, time.Now().UnixMilli())
	}))
	return id
}

// Long texts make pages shorter, and none is left out between them.
func TestPagesOfLongTexts(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		service := runs.New(runs.Config{Store: s})
		long := strings.Repeat("x", 1<<20)
		var want []string
		for range 20 {
			want = append([]string{plantText(t, s, "triage", long, long)}, want...)
		}
		var found []string
		pages, q := 0, runs.Query{Limit: 200}
		for {
			list, next, err := service.List(context.Background(), q)
			require.NoError(t, err)
			require.Less(t, len(list), 6)
			pages++
			for _, r := range list {
				found = append(found, r.ID)
				require.Len(t, r.Output, 1<<20)
			}
			if q.Cursor = next; next == "" {
				break
			}
		}
		require.Equal(t, want, found)
		require.Equal(t, 4, pages)

		list, next, err := service.List(context.Background(), runs.Query{Limit: 20, Brief: true})
		require.NoError(t, err)
		require.Len(t, list, 20)
		require.Empty(t, next, "there is no other page")
		require.Len(t, list[0].Input, 200)
		require.Empty(t, list[0].Output)
	})
}
