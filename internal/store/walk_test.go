package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// walked is a page's row.
type walked struct{ ID, ClientID, WorkflowID, Status string }

// pages walks to the end, and returns all rows and how many pages those were.
func pages(t *testing.T, s *store.Store, w store.Walk, limit int) (list []walked, n int) {
	for w.Below = "~"; w.Below != ""; n++ {
		rows := 0
		stop, err := store.Page(s.Read(t.Context()), w, "id, client_id, workflow_id, status", limit, func(row walked) (string, bool) {
			list, rows = append(list, row), rows+1
			return row.ID, false
		})
		require.NoError(t, err)
		require.LessOrEqual(t, rows, limit)
		require.Less(t, stop, w.Below)
		w.Below = stop
	}
	return list, n
}

// Whichever way runs are walked, and however short the pages have to be, all that are wanted come, newest first, each once.
func TestWalksFindAllThatIsWanted(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storetest.Fill(t, s, 3000)
		all := storetest.Rows[walked](t, s, "SELECT id, client_id, workflow_id, status FROM runs ORDER BY id DESC")
		client, agent := store.Equal{Column: "client_id", Value: storetest.Client}, store.Equal{Column: "workflow_id", Value: storetest.BrokenAgent}
		failed, completed := store.Equal{Column: "status", Value: "FAILED"}, store.Equal{Column: "status", Value: "COMPLETED"}
		middle := all[len(all)/2].ID
		const few = "status <> 'COMPLETED'"
		for name, test := range map[string]struct {
			walk   store.Walk
			wanted func(walked) bool
		}{
			"all":                      {store.Walk{}, func(walked) bool { return true }},
			"the newer half":           {store.Walk{From: middle}, func(r walked) bool { return r.ID >= middle }},
			"of an agent":              {store.Walk{Index: []store.Equal{agent}}, func(r walked) bool { return r.WorkflowID == agent.Value }},
			"the newer of an agent":    {store.Walk{Index: []store.Equal{agent}, From: middle}, func(r walked) bool { return r.WorkflowID == agent.Value && r.ID >= middle }},
			"of a client":              {store.Walk{Index: []store.Equal{client}, Each: "workflow_id"}, func(r walked) bool { return r.ClientID == client.Value }},
			"the newer of a client":    {store.Walk{Index: []store.Equal{client}, Each: "workflow_id", From: middle}, func(r walked) bool { return r.ClientID == client.Value && r.ID >= middle }},
			"of both":                  {store.Walk{Index: []store.Equal{client, agent}}, func(r walked) bool { return r.ClientID == client.Value && r.WorkflowID == agent.Value }},
			"failed":                   {store.Walk{Index: []store.Equal{failed}, Of: few}, func(r walked) bool { return r.Status == failed.Value }},
			"failed, of a client":      {store.Walk{Index: []store.Equal{client, failed}, Of: few}, func(r walked) bool { return r.Status == failed.Value && r.ClientID == client.Value }},
			"completed":                {store.Walk{Only: []store.Equal{completed}}, func(r walked) bool { return r.Status == completed.Value }},
			"completed, of a client":   {store.Walk{Index: []store.Equal{client}, Each: "workflow_id", Only: []store.Equal{completed}}, func(r walked) bool { return r.Status == completed.Value && r.ClientID == client.Value }},
			"failed, of an agent":      {store.Walk{Index: []store.Equal{failed}, Of: few, Only: []store.Equal{agent}}, func(r walked) bool { return r.Status == failed.Value && r.WorkflowID == agent.Value }},
			"completed, of a bad one":  {store.Walk{Index: []store.Equal{agent}, Only: []store.Equal{completed}}, func(walked) bool { return false }},
			"of nobody":                {store.Walk{Index: []store.Equal{{Column: "client_id", Value: "none"}}, Each: "workflow_id"}, func(walked) bool { return false }},
			"two conditions":           {store.Walk{Only: []store.Equal{client, failed}}, func(r walked) bool { return r.Status == failed.Value && r.ClientID == client.Value }},
			"a column that is null":    {store.Walk{Only: []store.Equal{{Column: "session_id", Value: "x"}}}, func(walked) bool { return false }},
			"those that somebody knew": {store.Walk{Known: []string{all[5].ID, all[2].ID, all[9].ID}}, func(r walked) bool { return r == all[2] || r == all[5] || r == all[9] }},
			"none that somebody knew":  {store.Walk{Known: []string{}}, func(walked) bool { return false }},
		} {
			test.walk.Table = "runs"
			want := slices.DeleteFunc(slices.Clone(all), func(r walked) bool { return !test.wanted(r) })
			for _, patience := range []time.Duration{0, time.Hour} {
				store.WalkFor(t, patience)
				got, n := pages(t, s, test.walk, 20)
				require.Equal(t, want, append([]walked{}, got...), "%s, %s", name, patience)
				if patience > 0 {
					require.LessOrEqual(t, n, len(want)/20+1, "%s: no page is short but the last", name)
				}
			}
		}
	})
}

// When its time is up, a walk ends within a step, which may take long when each of its rows has to be read from the disk.
func TestAWalkEndsWhenItsTimeIsUp(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storetest.Fill(t, s, 3000)
		newest := storetest.Rows[string](t, s, "SELECT max(id) FROM runs WHERE workflow_id = '"+storetest.BrokenAgent+"'")[0]
		store.WalkFor(t, 0)
		stop, err := store.Page(s.Read(t.Context()), store.Walk{
			Table: "runs",
			Index: []store.Equal{{Column: "workflow_id", Value: storetest.BrokenAgent}},
			Only:  []store.Equal{{Column: "status", Value: "COMPLETED"}},
			Below: "~",
		}, "id", 20, func(id string) (string, bool) { return id, false })
		require.NoError(t, err)
		require.Equal(t, newest, stop, "one row was looked at")
	})
}

// A page may also end behind any of its rows.
func TestAWalkThatIsEnded(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storetest.Fill(t, s, 100)
		w, seen := store.Walk{Table: "runs", Below: "~"}, []string{}
		for w.Below != "" {
			stop, err := store.Page(s.Read(t.Context()), w, "id", 10, func(row walked) (string, bool) {
				seen = append(seen, row.ID)
				return row.ID, len(seen)%3 == 0
			})
			require.NoError(t, err)
			w.Below = stop
		}
		require.Len(t, seen, 100)
		require.True(t, slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }))
	})
}
