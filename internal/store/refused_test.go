package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestRefusedCalls(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		refuse := func(list ...store.RefusedCall) {
			require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, list) }))
		}
		list, next, err := s.RefusedCalls(ctx, store.RefusedQuery{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, list)
		require.Empty(t, next)

		first := store.RefusedCall{At: time.UnixMilli(1_700_000_000_123).UTC(), Status: 401, Code: "unauthorized", Reason: "No 'token'.", Method: "POST", Path: "/api/v1/webhooks/ci?a=…",
			RequestID: "req_1", ClientID: "ci", Address: "192.0.2.1", Headers: map[string]string{"Authorization": "Bearer •••"}}
		refuse(first, store.RefusedCall{At: first.At, Status: 404, Code: "route_not_found", Path: "/api/v1/x", Method: "GET"})
		list, _, err = s.RefusedCalls(ctx, store.RefusedQuery{Limit: 10})
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, 404, list[0].Status, "the newest first")
		require.Empty(t, list[0].ClientID)
		first.ID = list[1].ID
		require.Equal(t, first, list[1])

		got, err := s.RefusedCall(ctx, first.ID)
		require.NoError(t, err)
		require.Equal(t, first, got)
		_, err = s.RefusedCall(ctx, "ref_none")
		require.True(t, problem.Is(err, problem.NotFound), "%v", err)

		for query, want := range map[store.RefusedQuery]int{{ClientID: "ci"}: 1, {ClientID: "other"}: 0, {Code: "route_not_found"}: 1, {ClientID: "ci", Code: "route_not_found"}: 0} {
			query.Limit = 10
			list, _, err := s.RefusedCalls(ctx, query)
			require.NoError(t, err)
			require.Len(t, list, want, "%+v", query)
		}
	})
}

func TestRefusedCallsAreCounted(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx, at := context.Background(), time.UnixMilli(1_700_000_000_000)
		calls := make([]store.RefusedCall, 1000)
		for i := range calls {
			calls[i] = store.RefusedCall{At: at.Add(time.Duration(i) * time.Millisecond), Status: 401, Code: "unauthorized", Path: "/", Method: "GET"}
		}
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, calls) }))
		for since, want := range map[time.Time]struct {
			n    int64
			more bool
		}{
			at:                             {1000, true},
			at.Add(time.Millisecond):       {999, false},
			at.Add(999 * time.Millisecond): {1, false},
			at.Add(time.Second):            {0, false},
		} {
			n, more, err := s.RefusedSince(ctx, since)
			require.NoError(t, err)
			require.Equal(t, want.n, n)
			require.Equal(t, want.more, more)
		}
	})
}

func TestTheLastThousandRefusedCallsAreKept(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for i := range 26 {
			batch := make([]store.RefusedCall, 40)
			for j := range batch {
				batch[j] = store.RefusedCall{At: time.UnixMilli(1), Status: 401, Code: "unauthorized", Method: "POST", Path: fmt.Sprint(i*40 + j)}
			}
			require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, batch) }))
		}
		// What a write leaves behind its deletion is deleted with the next one.
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, nil) }))
		var seen []string
		q := store.RefusedQuery{Limit: 200}
		for {
			list, next, err := s.RefusedCalls(ctx, q)
			require.NoError(t, err)
			for _, c := range list {
				seen = append(seen, c.Path)
			}
			if q.Cursor = next; next == "" {
				break
			}
		}
		require.Len(t, seen, 1000)
		require.Equal(t, "1039", seen[0])
		require.Equal(t, "40", seen[999])
	})
}

// However many calls are skipped, those that were refused stay in the list.
func TestSkippedCallsCrowdNobodyOut(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx, at := context.Background(), time.UnixMilli(1_700_000_000_000)
		list := []store.RefusedCall{{At: at, Status: 401, Code: "unauthorized", Path: "/", Method: "POST"}}
		for range 1005 {
			list = append(list, store.RefusedCall{At: at, Status: 200, Code: "skipped_by_filter", Path: "/", Method: "POST"})
		}
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, list) }))
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, nil) }))
		for code, want := range map[string]int{"unauthorized": 1, "skipped_by_filter": 1000} {
			kept, _, err := s.RefusedCalls(ctx, store.RefusedQuery{Code: code, Limit: 2000})
			require.NoError(t, err)
			require.Len(t, kept, want, code)
		}
		n, _, err := s.RefusedSince(ctx, at)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	})
}
