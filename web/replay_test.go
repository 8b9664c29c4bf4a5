package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/kept"
	"beckon/clients"
	"beckon/internal/store"
	"beckon/runs"
)

// keeping keeps requests until the test ends.
func keeping(t *testing.T, s *store.Store) *kept.Service {
	requests := kept.New(kept.Config{Store: s, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = requests.Close(context.Background()) })
	return requests
}

// A refused call whose request is kept can be replayed, and opened in the client's Try.
func TestARefusedCallIsOpenedInTheTry(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "team", KeepRequests: 10})
	const body = `{"alert":{"name":"<disk> full"}}`
	request := kept.Request{ID: kept.NewID(), ClientID: "team", RequestID: "req-1", At: time.Now(), Source: runs.SourceWebhook, Method: http.MethodPost, Code: "template_failed",
		Header: http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}, Query: url.Values{"env": {"prod"}}, Body: []byte(body)}
	s.calls.Kept.Add(request, 10)
	require.NoError(t, s.store.Write(t.Context(), func(tx store.Tx) error {
		return store.Refuse(tx, []store.RefusedCall{
			{At: time.Now(), Status: 422, Code: "template_failed", Method: http.MethodPost, Path: "/api/v1/webhooks/team", RequestID: "req-1", ClientID: "team"},
			{At: time.Now(), Status: 422, Code: "template_failed", Method: http.MethodPost, Path: "/api/v1/webhooks/team", RequestID: "req-2", ClientID: "team"},
		})
	}))
	list, _, err := s.store.RefusedCalls(t.Context(), store.RefusedQuery{Limit: 10})
	require.NoError(t, err)
	isKept, isNot := list[1], list[0]
	if isKept.RequestID != "req-1" {
		isKept, isNot = isNot, isKept
	}
	page := s.get("/admin/refused/" + isKept.ID).body
	require.Contains(t, page, `action="/admin/refused/`+isKept.ID+`/replay"`)
	require.Contains(t, page, `href="/admin/clients/team?request=`+request.ID+`#sample"`)
	require.NotContains(t, s.get("/admin/refused/"+isNot.ID).body, "replay")

	try := s.get("/admin/clients/team?request=" + request.ID).body
	require.Contains(t, try, "{&#34;alert&#34;:{&#34;name&#34;:&#34;&lt;disk&gt; full&#34;}}")
	require.Contains(t, try, `<option selected>application/cloudevents&#43;json</option>`)
	require.Contains(t, try, `value="env=prod"`)
	require.NotContains(t, s.get("/admin/clients/filed?request="+request.ID).body, "&lt;disk&gt;", "another client's")
	require.Equal(t, http.StatusNotFound, s.post("/admin/refused/"+isNot.ID+"/replay", nil).StatusCode)
	refused := s.post("/admin/refused/"+isKept.ID+"/replay", nil)
	require.Equal(t, http.StatusNotFound, refused.StatusCode)
	require.Contains(t, refused.body, "is gone", "the client is not in force in this test")
}

// The page of a run offers to replay its request, where that is kept.
func TestReplayFromThePageOfARun(t *testing.T) {
	s := newTraffic(t)
	for i := range 3 {
		id := runID(i)
		replayOf := map[int]any{2: runID(0)}[i]
		s.run(id, map[string]any{"client_id": "alerts", "replay_of": replayOf})
		if i < 2 {
			s.replays.Kept.Add(kept.Request{ID: kept.NewID(), ClientID: "alerts", RunID: id, At: time.Now(), Source: runs.SourceWebhook, Header: http.Header{},
				Omitted: map[int]string{1: kept.TooLarge}[i]}, 10)
		}
	}
	path := "/admin/runs/" + runID(0)
	require.Contains(t, s.get(path).body, `action="`+path+`/replay"`)
	other := s.get("/admin/runs/" + runID(1)).body
	require.NotContains(t, other, `/replay"`, "its body is too large to be kept")
	require.Contains(t, other, `/again"`, "its input is known all the same")
	replay := s.get("/admin/runs/" + runID(2)).body
	require.Contains(t, replay, `<dt>Replay of</dt><dd><a href="`+path+`">`+runID(0)+`</a>`)
	require.Contains(t, replay, `/replay"`, "the same request again")
	refused := s.post(path+"/replay", nil)
	require.Equal(t, http.StatusNotFound, refused.StatusCode)
	require.Contains(t, refused.body, "is gone", "the client is not in force in this test")
}
