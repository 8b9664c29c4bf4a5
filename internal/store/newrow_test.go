package store_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// A row that has been written, or could not be, is not kept until the next write, which may be hours away.
func TestRowsAreForgottenWithTheirTransaction(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		gone := make(chan struct{}, 2)
		for i, outcome := range []error{nil, errors.New("refused")} {
			err := s.Write(context.Background(), func(tx store.Tx) error {
				payload := make([]byte, 1<<20)
				runtime.AddCleanup(&payload[0], func(gone chan struct{}) { gone <- struct{}{} }, gone)
				row := tx.NewRow("sessions")
				row.Text("token", string(rune('a'+i)))
				row.Value("data", payload)
				row.Number("expiry", 1)
				if err := row.Insert(); err != nil {
					return err
				}
				return outcome
			})
			require.ErrorIs(t, err, outcome)
		}
		require.Eventually(t, func() bool {
			runtime.GC()
			return len(gone) == 2
		}, 10*time.Second, 10*time.Millisecond)
	})
}

// Rows of one table that have other columns are other statements, and each column gets its own value.
func TestColumnsAndTheirValues(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		at := time.UnixMilli(1_700_000_000_123)
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			for i := range 100 { // more than one statement takes
				row := tx.NewRow("audit")
				if i%2 == 1 {
					row.Text("before", "{}")
				}
				row.Number("at", int64(-i))
				row.Text("id", string(rune('0'+i)))
				row.Text("who", "mia")
				row.Value("action", "update")
				row.Value("section", "")
				row.Value("resource_id", "mia")
				if i%3 == 0 {
					row.Text("after", "")
				}
				if err := row.Insert(); err != nil {
					return err
				}
			}
			row := tx.NewRow("runs")
			row.Text("id", "r")
			for _, column := range []string{"status", "client_id", "workflow_id", "source", "input"} {
				row.Value(column, column)
			}
			row.Time("created_at", at)
			row.Time("started_at", time.Time{})
			row.Null("output")
			return row.Insert()
		}))
		type entry struct {
			Who, Section  string
			Before, After *string
			At            int64
		}
		entries := storetest.Rows[entry](t, s, "SELECT * FROM audit ORDER BY at DESC")
		require.Len(t, entries, 100)
		for i, e := range entries {
			require.EqualValues(t, -i, e.At)
			require.Equal(t, "mia", e.Who)
			require.Empty(t, e.Section)
			require.Nil(t, e.After)
			require.Equal(t, i%2 == 1, e.Before != nil)
		}
		type run struct {
			Input                string
			CreatedAt            int64
			StartedAt            *int64
			Output               *string
			ReceivedAt, Attempts *int64
		}
		got := storetest.Row[run](t, s, "SELECT * FROM runs")
		require.Equal(t, "input", got.Input)
		require.Equal(t, at.UnixMilli(), got.CreatedAt)
		require.Nil(t, got.StartedAt)
		require.Nil(t, got.Output)
	})
}
