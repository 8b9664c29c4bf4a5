package runs_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

// heard is an outlet that keeps what it carries.
type heard struct{ list []events.Event }

func (h *heard) Wants(events.Subject, ...events.Event) bool { return true }

func (h *heard) Carry(_ store.Tx, _ events.Subject, list []events.Event) error {
	h.list = append(h.list, list...)
	return nil
}

func (h *heard) Pending(store.Tx, []string) ([]string, error) { return nil, nil }

func (h *heard) views(t *testing.T) (list []map[string]any) {
	for _, e := range h.list {
		if e.Type == events.RunViewed {
			var payload struct{ Data map[string]any }
			require.NoError(t, json.Unmarshal(e.Payload, &payload))
			list = append(list, payload.Data)
		}
	}
	return list
}

func TestViewsOfAPage(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		outlet := &heard{}
		service := newService(t, s, func(c *runs.Config) { c.Outlet = outlet })
		answers := func(context.Context, agents.Call) (agents.Result, error) { return agents.Result{Output: "hi"}, nil }
		begin := func(share bool) *runs.Run {
			r := request(answers)
			r.Share = share
			active := start(t, service, r)
			<-active.Done()
			run, err := service.Get(t.Context(), active.ID)
			require.NoError(t, err)
			return run
		}
		at := time.Date(2026, 2, 18, 9, 10, 0, 0, time.UTC)
		run := begin(true)
		require.Equal(t, runs.HasPage, run.Share)
		view := runs.View{IP: "192.0.2.1", UserAgent: `Moz"illa`, At: at}
		for range 61 {
			require.NoError(t, service.Opened(t.Context(), run, view))
		}
		require.Len(t, outlet.views(t), 60)
		require.Equal(t, map[string]any{"status": "COMPLETED", "completedNodes": 1.0, "failedNodes": 0.0, "output": "hi",
			"viewerIp": "192.0.2.1", "userAgent": `Moz"illa`, "viewedAt": "2026-02-18T09:10:00.000Z"}, outlet.views(t)[0])
		view.At = at.Add(time.Hour)
		require.NoError(t, service.Opened(t.Context(), run, view))
		require.Len(t, outlet.views(t), 61)
		require.NoError(t, service.Viewed(t.Context(), run))
		require.Len(t, outlet.views(t), 61, "who reads it by the API is no recipient")

		require.NoError(t, service.RevokeShare(t.Context(), run.ID))
		require.True(t, problem.Is(service.RevokeShare(t.Context(), run.ID), problem.NotFound))
		require.NoError(t, service.Opened(t.Context(), run, view), "it was revoked meanwhile")
		run, err := service.Get(t.Context(), run.ID)
		require.NoError(t, err)
		require.Equal(t, runs.PageRevoked, run.Share)
		require.EqualValues(t, 62, run.Views)
		require.Len(t, outlet.views(t), 61)

		other := begin(false)
		require.Equal(t, runs.NoPage, other.Share)
		require.True(t, problem.Is(service.RevokeShare(t.Context(), other.ID), problem.NotFound))
		require.NoError(t, service.Opened(t.Context(), other, view))
		require.NoError(t, service.Viewed(t.Context(), other))
		require.Len(t, outlet.views(t), 62, "its client has read it")
		require.NotContains(t, outlet.views(t)[61], "viewerIp")
	})
}
