package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// breaks has the model refuse what it is asked.
func breaks(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"error":{"message":"no"}}`))
}

// What a documents' handler prints of a failed run is a sentence.
func TestTheErrorOfAnEventIsText(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{
		flows:   []agents.Flow{{ID: "movie", Root: agents.Step{Type: "agent", AgentID: "triage"}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage", "movie"}}},
	})
	g.model.does(breaks)
	for agent, kinds := range map[string][]string{"triage": {"run.failed"}, "movie": {"node.failed", "run.failed"}} {
		a := g.create(`{"agent":"` + agent + `","input":"x","webhook":{"url":"` + url + `","events":["node.failed","run.failed"]}}`)
		require.Equal(t, 202, a.StatusCode, a.body)
		seen := map[string]map[string]any{}
		for range kinds {
			x := next(t, got)
			seen[x.payload["type"].(string)] = x.payload
		}
		run := g.awaitRun(a.json(t)["runId"].(string))
		for _, kind := range kinds {
			payload := seen[kind]
			require.Equal(t, false, payload["success"])
			require.Contains(t, run.Error.Message, payload["error"]) // that of a flow names the step as well
			require.Contains(t, payload["error"], "rejected the request")
			require.Equal(t, "provider_rejected", payload["data"].(map[string]any)["errorCode"])
		}
		document := g.get("/api/v1/runs/" + run.ID).json(t)
		require.Equal(t, map[string]any{"code": "provider_rejected", "message": run.Error.Message}, document["error"], "the run has both")
		list := g.follow(g.eventsRequest(run.ID))
		require.Contains(t, list[len(list)-1].data, `"errorCode":"provider_rejected"},"metadata":null,"error":"`)
	}
	g.model.does(nil)
	require.Equal(t, 202, g.create(`{"input":"x","webhook":{"url":"`+url+`","events":["run.completed"]}}`).StatusCode)
	x := next(t, got)
	require.Nil(t, x.payload["error"])
	require.NotContains(t, x.payload["data"], "errorCode")
}

// Events that an earlier version has written are read in the form of this one.
func TestEventsOfAnEarlierVersion(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		url, got := newListener(t)
		g := newGateway(t, setting{store: s, endpoints: []deliveries.Endpoint{{ID: "ops", URL: url, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Events: []string{"run.failed"}}}})
		g.model.does(breaks)
		id := g.create(`{"input":"x"}`).json(t)["runId"].(string)
		next(t, got)
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			return tx.Exec("UPDATE events SET payload = ? WHERE run_id = ? AND type = 'run.failed'",
				`{"success":false,"type":"run.failed","runId":"`+id+`","workflowId":"triage","data":{"status":"FAILED","completedNodes":0,"failedNodes":1,"output":null},`+
					`"metadata":{"n":12345678901234567890},"error":{"code":"provider_error","message":"It \"broke\"."},"createdAt":"2026-02-18T12:00:00.000Z"}`, id)
		}))
		const now = `"data":{"status":"FAILED","completedNodes":0,"failedNodes":1,"output":null,"errorCode":"provider_error"},"metadata":{"n":12345678901234567890},` +
			`"error":"It \"broke\".","createdAt":"2026-02-18T12:00:00.000Z"}`
		list := g.follow(g.eventsRequest(id))
		require.Contains(t, list[len(list)-1].data, now)
		var delivery string
		require.Eventually(t, func() bool {
			delivery = storetest.Row[string](t, s, "SELECT COALESCE(MAX(id), '') FROM deliveries WHERE type = 'run.failed' AND status = 'DELIVERED'")
			return delivery != ""
		}, patience, 5*time.Millisecond)
		require.NoError(t, g.out.Resend(t.Context(), delivery))
		require.Contains(t, string(next(t, got).body), now)
	})
}

// Which events go to whom: the table of docs/deliveries.md.
func TestWhichEventsAreSent(t *testing.T) {
	everything := []string{"run.created", "run.queued", "run.started", "run.completed", "run.failed", "run.canceled", "node.started", "node.completed", "node.failed", "node.canceled"}
	for name, tt := range map[string]struct {
		agent, does  string
		usual, asked []string // asked: besides the usual
	}{
		"an agent completes":      {"triage", "answer", []string{"run.started", "run.completed"}, []string{"run.created", "run.queued"}},
		"an agent fails":          {"triage", "break", []string{"run.started", "run.failed"}, []string{"run.created", "run.queued"}},
		"an agent is canceled":    {"triage", "cancel", []string{"run.started"}, []string{"run.created", "run.queued", "run.canceled"}},
		"a flow completes":        {"movie", "answer", []string{"run.started", "node.completed", "run.completed"}, []string{"run.created", "run.queued", "node.started"}},
		"a flow fails":            {"movie", "break", []string{"run.started", "node.failed", "run.failed"}, []string{"run.created", "run.queued", "node.started"}},
		"a flow is canceled":      {"movie", "cancel", []string{"run.started", "run.canceled"}, []string{"run.created", "run.queued", "node.started", "node.canceled"}},
		"a step stops one beside": {"both", "one", []string{"run.started", "node.failed", "run.failed"}, []string{"run.created", "run.queued", "node.started", "node.started", "node.canceled"}},
	} {
		t.Run(name, func(t *testing.T) {
			usualURL, usual := newListener(t)
			askedURL, asked := newListener(t)
			g := newGateway(t, setting{
				flows: []agents.Flow{{ID: "movie", Root: agents.Step{Type: "agent", AgentID: "triage"}},
					{ID: "both", Root: agents.Step{Type: "parallel", Steps: []agents.Step{{Type: "agent", AgentID: "triage", Prompt: "waits"}, {Type: "agent", AgentID: "other", Prompt: "breaks"}}}}},
				clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage", "movie", "both"}}},
				endpoints: []deliveries.Endpoint{{ID: "usual", URL: usualURL, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
					{ID: "asked", URL: askedURL, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Events: everything}},
			})
			waiting := make(chan struct{}, 1)
			switch tt.does {
			case "break":
				g.model.does(breaks)
			case "cancel":
				g.model.hold()
			case "one":
				g.model.does(func(w http.ResponseWriter, r *http.Request, prompt string) {
					if prompt == "breaks" {
						<-waiting // the step beside it is under way
						breaks(w, r, prompt)
						return
					}
					waiting <- struct{}{}
					<-r.Context().Done()
				})
			}
			a := g.create(`{"agent":"` + tt.agent + `","input":"x"}`)
			require.Equal(t, 202, a.StatusCode, a.body)
			id := a.json(t)["runId"].(string)
			if tt.does == "cancel" {
				<-g.model.asked
				require.Equal(t, 202, g.do(g.request("/api/v1/runs/"+id+"/cancel", "")).StatusCode)
			}
			g.awaitRun(id)
			require.ElementsMatch(t, append(tt.asked, tt.usual...), types(t, asked, len(tt.asked)+len(tt.usual)))
			require.ElementsMatch(t, tt.usual, types(t, usual, len(tt.usual)))
			require.EqualValues(t, 2*len(tt.usual)+len(tt.asked), storetest.Row[int64](t, g.store, "SELECT COUNT(*) FROM deliveries"), "there are no others")
		})
	}
}

// Every accepted run is created, however its caller waits, and once only.
func TestRunCreated(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{})
	ask := func(headers ...string) answer {
		body := `{"prompt":"why?","webhook":{"url":"` + url + `","events":["run.created"]}}`
		return g.do(g.request("/api/v1/webhooks/ci", body, append(headers, "Content-Type: application/json")...))
	}
	for _, header := range []string{"X-Plain: 1", "Prefer: wait=0", "Prefer: respond-async", "Accept: text/event-stream", "Idempotency-Key: a", "Idempotency-Key: b", "Accept: text/plain"} {
		a := ask(header)
		require.Less(t, a.StatusCode, 300, a.body)
		require.NotContains(t, a.body, "run.created", "a stream begins with run.started")
		x := next(t, got)
		require.Equal(t, a.Header.Get("Beckon-Run-Id"), x.payload["runId"])
		require.Equal(t, map[string]any{"status": "QUEUED", "completedNodes": 0.0, "failedNodes": 0.0, "output": nil}, x.payload["data"])
		require.Equal(t, true, x.payload["success"])
		run := g.awaitRun(a.Header.Get("Beckon-Run-Id"))
		require.Equal(t, run.CreatedAt.Format("2006-01-02T15:04:05.000Z"), x.payload["createdAt"])
		list := g.follow(g.eventsRequest(run.ID))
		require.Less(t, x.header.Get("webhook-id"), list[0].id, "it sorts in front of the run's events")
	}
	require.Equal(t, 200, ask("Idempotency-Key: a").StatusCode)
	require.Equal(t, 400, g.do(g.request("/api/v1/webhooks/ci", "", "Content-Type: text/plain")).StatusCode)
	require.Empty(t, got)
}

// An agent that renames all its events at once is heard of under the new names.
func TestRenamedWithWildcards(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{
		agents:  []agents.Agent{{ID: "video", Provider: "model", Model: "m", Events: map[string]string{"run.*": "video.*", "run.failed": "video.errored"}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"video"}}},
	})
	webhook := `"webhook":{"url":"` + url + `","events":["video.created","video.completed","video.errored"]}`
	require.Equal(t, 202, g.create(`{"input":"x",`+webhook+`}`).StatusCode)
	require.ElementsMatch(t, []string{"video.created", "video.completed"}, types(t, got, 2))
	g.model.does(breaks)
	require.Equal(t, 202, g.create(`{"input":"x",`+webhook+`}`).StatusCode)
	require.ElementsMatch(t, []string{"video.created", "video.errored"}, types(t, got, 2))
	require.Equal(t, 400, g.create(`{"input":"x","webhook":{"url":"`+url+`","events":["video.failed"]}}`).StatusCode, "nothing is called so")
}

// types are those of the next events.
func types(t testing.TB, got chan told, n int) (list []string) {
	for range n {
		list = append(list, next(t, got).payload["type"].(string))
	}
	return list
}
