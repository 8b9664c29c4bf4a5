package store_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
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

// Writes that do nothing but insert share a transaction, and one of them that cannot be done takes none of the others along.
func TestARowThatCannotBeInserted(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		insert := func(token string) (undone bool, err error) {
			err = s.Write(t.Context(), func(tx store.Tx) error {
				undone = false
				tx.IfUndone(func() { undone = true })
				row := tx.NewRow("sessions")
				row.Text("token", token)
				row.Value("data", []byte("x"))
				row.Number("expiry", 1)
				return row.Insert()
			})
			return undone, err
		}
		_, err := insert("taken")
		require.NoError(t, err)
		const many = 200
		var wg sync.WaitGroup
		var failed atomic.Int32
		for i := range many {
			wg.Go(func() {
				token := strconv.Itoa(i)
				if i%10 == 0 {
					token = "taken"
				}
				undone, err := insert(token)
				if err != nil {
					failed.Add(1)
				}
				if undone != (err != nil) || (err != nil) != (token == "taken") {
					t.Errorf("token %s: error %v, undone %v", token, err, undone)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, many/10, failed.Load())
		n, _, err := store.Row[int](s.Read(t.Context()), "SELECT COUNT(*) FROM sessions")
		require.NoError(t, err)
		require.Equal(t, many-many/10+1, n)
	})
}

// Rows that wait are there for the statements that follow in the same Write, on PostgreSQL.
func TestRowsBeforeAStatement(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		err := s.Write(t.Context(), func(tx store.Tx) error {
			row := tx.NewRow("sessions")
			row.Text("token", "a")
			row.Value("data", []byte("x"))
			row.Number("expiry", 1)
			if err := row.InsertNow(); err != nil {
				return err
			}
			return tx.Exec("UPDATE sessions SET expiry = 2 WHERE token = 'a'")
		})
		require.NoError(t, err)
		expiry, _, err := store.Row[int](s.Read(t.Context()), "SELECT expiry FROM sessions")
		require.NoError(t, err)
		require.Equal(t, 2, expiry)
	})
}
