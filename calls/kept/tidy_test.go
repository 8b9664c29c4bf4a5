package kept

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// Tidying deletes requests that are too old, and those of clients that no longer keep any.
func TestTidy(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, db *store.Store) {
		keeps := map[string]int{"two": 2, "many": 100}
		s := New(Config{Store: db, Log: slog.New(slog.DiscardHandler), Keeps: func() map[string]int { return keeps }, Retention: func() time.Duration { return time.Hour }})
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		count := func(client string) int {
			list, _, err := s.List(t.Context(), client, 50, "")
			require.NoError(t, err)
			return len(list)
		}
		for range 3 {
			for _, client := range []string{"two", "many", "none"} {
				s.Add(Request{ID: NewID(), ClientID: client, At: time.Now(), Header: http.Header{}}, 10)
			}
		}
		s.Add(Request{ID: "req_01ARZ3NDEKTSV4RRFFQ69G5FAV", ClientID: "many", At: time.Now(), Header: http.Header{}}, 10)
		require.Equal(t, 4, count("many"))
		require.NoError(t, s.tidy(t.Context()))
		require.Equal(t, 2, count("two"))
		require.Equal(t, 3, count("many"), "one is of the year 2016")
		require.Zero(t, count("none"))

		require.NoError(t, s.Close(t.Context()))
		_, _, err := s.List(t.Context(), "two", 50, "")
		require.NoError(t, err, "also after the end nobody waits for ever")
	})
}
