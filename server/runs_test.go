package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
	"beckon/runs"
)

const patience = 20 * time.Second

func (g *gateway) get(path string, headers ...string) answer {
	r := g.request(path, "", headers...)
	r.Method = http.MethodGet
	return g.do(r)
}

func (g *gateway) create(body string, headers ...string) answer {
	return g.do(g.request("/api/v1/runs", body, append([]string{"Content-Type: application/json"}, headers...)...))
}

// enqueue starts a run with a priority, in the service: the one place is taken, and the gateway would say that it is full.
func (g *gateway) enqueue(prompt string, priority int) string {
	run, err := g.runs.Enqueue(context.Background(), runs.Request{ClientID: "ci", Entry: &agents.Entry{ID: "triage"}, Source: runs.SourceAPI, Input: prompt, Priority: priority})
	require.NoError(g.t, err)
	return run.ID
}

// awaitRun waits until a run has ended.
func (g *gateway) awaitRun(id string) *runs.Run {
	var run *runs.Run
	require.Eventually(g.t, func() bool {
		var err error
		run, err = g.runs.Get(context.Background(), id)
		return err == nil && run.Status.Ended()
	}, patience, 5*time.Millisecond)
	return run
}

// sse is one Server-Sent Event.
type sse struct{ id, event, data string }

// follow reads events until the answer ends.
func (g *gateway) follow(r *http.Request) (list []sse) {
	response, err := http.DefaultClient.Do(r)
	require.NoError(g.t, err)
	defer response.Body.Close()
	require.Equal(g.t, 200, response.StatusCode)
	require.Equal(g.t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 16<<20)
	return readEvents(lines, 0)
}

// readEvents reads as many events, or all of them with 0.
func readEvents(lines *bufio.Scanner, most int) (list []sse) {
	var e sse
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			e.data = value
		case "":
			if e.event != "" {
				list = append(list, e)
			}
			if e = (sse{}); most > 0 && len(list) == most {
				return list
			}
		}
	}
	return list
}

func kinds(list []sse) (kinds []string) {
	for _, e := range list {
		if e.event != "message.delta" {
			kinds = append(kinds, e.event)
		}
	}
	return kinds
}

func (g *gateway) eventsRequest(id string, headers ...string) *http.Request {
	r := g.request("/api/v1/runs/"+id+"/events", "", headers...)
	r.Method = http.MethodGet
	return r
}

func TestARunInTheQueue(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s})
		a := g.create(`{"workflowId":"triage","input":{"why":"<x>"},"metadata":{"order":7},"sessionId":"s"}`)
		require.Equal(t, 202, a.StatusCode, a.body)
		id := a.json(t)["runId"].(string)
		require.Equal(t, "/api/v1/runs/"+id, a.Header.Get("Location"))
		require.Equal(t, "/api/v1/runs/"+id, a.json(t)["url"])
		require.Equal(t, "QUEUED", a.json(t)["status"])
		require.Equal(t, id, a.Header.Get("Beckon-Run-Id"))
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		g.awaitRun(id)
		a = g.get("/api/v1/runs/" + id)
		require.Equal(t, 200, a.StatusCode)
		doc := a.json(t)
		for _, volatile := range []string{"createdAt", "startedAt", "completedAt"} {
			_, err := time.Parse("2006-01-02T15:04:05.000Z", doc[volatile].(string))
			require.NoError(t, err)
		}
		node := doc["nodes"].([]any)[0].(map[string]any)
		require.Equal(t, "triage", node["nodeId"])
		require.Equal(t, "COMPLETED", node["status"])
		for _, volatile := range []string{"createdAt", "startedAt", "completedAt", "durationMs", "nodes"} {
			delete(doc, volatile)
		}
		rest, err := json.Marshal(doc)
		require.NoError(t, err)
		require.JSONEq(t, `{"runId":"`+id+`","status":"COMPLETED","clientId":"ci","workflowId":"triage","source":"api","sessionId":"s",
			"input":"{\"why\":\"<x>\"}","output":"re: {\"why\":\"<x>\"}","error":null,"metadata":{"order":7},"artifacts":[],"shareUrl":null,"views":0,
			"usage":{"promptTokens":12,"completionTokens":6,"totalTokens":18},"provider":"model","model":"m","degraded":false,"attempts":[],"data":null,"verdict":null,"verdictReason":null}`, string(rest))

		list := g.follow(g.eventsRequest(id))
		require.Equal(t, []string{"run.started", "run.completed"}, kinds(list))
		var last map[string]any
		require.NoError(t, json.Unmarshal([]byte(list[len(list)-1].data), &last))
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, last["createdAt"])
		delete(last, "createdAt")
		text, err := json.Marshal(last)
		require.NoError(t, err)
		require.JSONEq(t, `{"success":true,"type":"run.completed","runId":"`+id+`","workflowId":"triage","data":{"status":"COMPLETED","completedNodes":1,"failedNodes":0,
			"output":"re: {\"why\":\"<x>\"}"},"metadata":{"order":7},"error":null}`, string(text))
	})
}

// A caller who does not want to wait longer finds the answer afterwards.
func TestTheDeadlineOfTheCaller(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s, clients: []clients.Client{
			{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}},
			{ID: "hurried", Passthrough: true, AllowedAgents: []string{"triage"}, SyncTimeout: units.Duration(80 * time.Millisecond)},
		}})
		g.model.hold()
		for _, r := range []*http.Request{
			g.request("/api/v1/webhooks/hurried", "x", "Authorization: Bearer "+token+"hurried"),
			g.request("/api/v1/webhooks/ci", "x", "Prefer: wait=0"),
			g.request("/api/v1/webhooks/ci", "x", "Prefer: respond-async, wait=0"),
			g.request("/api/v1/webhooks/ci", "x", "Prefer: respond-async"),
			g.request("/api/v1/runs", `{"prompt":"x"}`, "Content-Type: application/json", "Prefer: wait=0"),
			g.request("/api/v1/nodes/triage/run", `{"input":"x"}`, "Content-Type: application/json"),
		} {
			a := g.do(r)
			require.Equal(t, 202, a.StatusCode, a.body)
			require.Contains(t, []any{"RUNNING", "QUEUED"}, a.json(t)["status"])
			if p := r.Header.Get("Prefer"); p != "" {
				require.Contains(t, p, a.Header.Get("Preference-Applied"))
				require.NotEmpty(t, a.Header.Get("Preference-Applied"))
			}
			id := a.Header.Get("Beckon-Run-Id")
			_, err := g.runs.Get(t.Context(), id) // who is told of a run finds it
			require.NoError(t, err)
			defer func() {
				run := g.awaitRun(id)
				require.Equal(t, runs.Completed, run.Status)
				require.Equal(t, "late: x", run.Output)
			}()
		}
		g.model.letGo()
	})
}

func TestCallsThatAreMadeTwice(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s, clients: []clients.Client{
			{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage", "hasty"}}, {ID: "other", Passthrough: true, AllowedAgents: []string{"triage"}}}})
		first := g.call("x", `Idempotency-Key: "k1"`)
		require.Equal(t, 200, first.StatusCode)
		require.Empty(t, first.Header.Get("Idempotency-Replayed"))
		again := g.call("x", "Idempotency-Key: k1")
		require.Equal(t, 200, again.StatusCode)
		require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
		require.Equal(t, first.Header.Get("Beckon-Run-Id"), again.Header.Get("Beckon-Run-Id"))
		require.Equal(t, first.body, again.body)

		changed := g.call("y", "Idempotency-Key: k1")
		require.Equal(t, 422, changed.StatusCode)
		requireProblem(t, changed, "idempotency_key_reused")
		other := g.do(g.request("/api/v1/webhooks/other", "x", "Idempotency-Key: k1", "Authorization: Bearer "+token+"other"))
		require.Equal(t, 200, other.StatusCode)
		require.NotEqual(t, first.Header.Get("Beckon-Run-Id"), other.Header.Get("Beckon-Run-Id"))

		g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) {
			http.Error(w, "no", http.StatusInternalServerError)
		})
		failed := g.call("fails", "Idempotency-Key: k2")
		require.Equal(t, 502, failed.StatusCode)
		g.model.does(nil)
		again = g.call("fails", "Idempotency-Key: k2")
		require.Equal(t, 502, again.StatusCode)
		require.Equal(t, failed.body, again.body)

		queued := g.create(`{"prompt":"q"}`, "Idempotency-Key: k3")
		require.Eventually(t, func() bool { return g.run(queued).Status.Ended() }, 10*time.Second, 5*time.Millisecond)
		again = g.create(`{"prompt":"q"}`, "Idempotency-Key: k3")
		require.Equal(t, 202, again.StatusCode)
		require.Equal(t, queued.body, again.body)

		for _, key := range []string{`""`, `"`, "", "a\tb", "ü", strings.Repeat("k", 256), strings.Repeat("k", 10_000), `a"b`} {
			a := g.call("x", "Idempotency-Key: "+key)
			require.Equal(t, 400, a.StatusCode, key)
			requireProblem(t, a, "invalid_idempotency_key")
		}
	})
}

func TestFiftyIdenticalCallsAtOnce(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s})
		before := g.countRuns()
		var group sync.WaitGroup
		answers := make([]answer, 50)
		for i := range answers {
			group.Go(func() { answers[i] = g.call("x", "Idempotency-Key: once") })
		}
		group.Wait()
		require.EqualValues(t, before+1, g.countRuns())
		fresh := 0
		for _, a := range answers {
			switch a.StatusCode {
			case 200:
				if a.Header.Get("Idempotency-Replayed") == "" {
					fresh++
				}
			case 409:
				requireProblem(t, a, "idempotency_in_flight")
				require.Equal(t, "/api/v1/runs/"+a.Header.Get("Beckon-Run-Id"), a.Header.Get("Location"))
			default:
				t.Error(a.StatusCode, a.body)
			}
		}
		require.Equal(t, 1, fresh)
		require.Len(t, g.model.asked, 1)
	})
}

func TestCancelARun(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s, clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, MaxConcurrent: 1}}})
		g.model.hold()
		running := g.create(`{"prompt":"x"}`).Header.Get("Beckon-Run-Id")
		<-g.model.asked
		waiting := g.create(`{"prompt":"y"}`).Header.Get("Beckon-Run-Id")
		for _, id := range []string{waiting, running} {
			a := g.do(g.request("/api/v1/runs/"+id+"/cancel", ""))
			require.Equal(t, 202, a.StatusCode, a.body)
			asked := time.Now()
			a = g.do(g.request("/api/v1/runs/"+id+"/cancel", "")) // twice
			require.Contains(t, []int{202, 409}, a.StatusCode)
			run := g.awaitRun(id)
			require.Less(t, run.CompletedAt.Sub(asked), 2*time.Second)
			require.Equal(t, runs.Canceled, run.Status)
			require.Equal(t, "canceled", run.Error.Code)
			a = g.do(g.request("/api/v1/runs/"+id+"/cancel", ""))
			require.Equal(t, 409, a.StatusCode)
			requireProblem(t, a, "run_ended")
			list := g.follow(g.eventsRequest(id))
			require.Equal(t, "run.canceled", list[len(list)-1].event)
		}
	})
}

// A client that may have one run at a time has its runs worked off one after the other.
func TestTheClientsCapInTheQueue(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s, clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, MaxConcurrent: 1}}})
		var mu sync.Mutex
		now, most := 0, 0
		g.model.does(func(w http.ResponseWriter, _ *http.Request, prompt string) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(5 * time.Millisecond) // a model takes its time
			mu.Lock()
			now--
			mu.Unlock()
			say(w, "re: "+prompt)
		})
		var ids []string
		for i := range 12 {
			ids = append(ids, g.create(fmt.Sprintf(`{"prompt":"%d"}`, i)).Header.Get("Beckon-Run-Id"))
		}
		for _, id := range ids {
			require.Equal(t, runs.Completed, g.awaitRun(id).Status)
		}
		require.Equal(t, 1, most)
	})
}

// The lower number comes first, before all that have not been fetched yet.
func TestPriorities(t *testing.T) {
	g := newGateway(t, setting{runs: func(c *runs.Config) { c.MaxConcurrent = 1 }})
	g.model.hold()
	require.Equal(t, 202, g.call("first", "Prefer: wait=0").StatusCode) // has the only place
	<-g.model.asked
	var late []string
	for range 30 {
		late = append(late, g.enqueue("late", 4))
	}
	soon := g.enqueue("soon", 1)
	g.model.does(func(w http.ResponseWriter, _ *http.Request, prompt string) {
		time.Sleep(3 * time.Millisecond) // a model takes its time
		say(w, prompt)
	})
	g.model.letGo()
	begun := g.awaitRun(soon).StartedAt
	after := 0
	for _, id := range late {
		if g.awaitRun(id).StartedAt.After(begun) {
			after++
		}
	}
	require.Greater(t, after, 10)
}

// A caller who cancels by hanging up does not cancel by being told to come back.
func TestTheDeadlineCancelsNothing(t *testing.T) {
	g := newGateway(t, setting{clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, CancelOnDisconnect: true}}})
	g.model.hold()
	id := g.call("x", "Prefer: wait=0").Header.Get("Beckon-Run-Id")
	<-g.model.asked
	g.model.letGo()
	require.Equal(t, runs.Completed, g.awaitRun(id).Status)
}

// What is full is the queue: that all places are taken keeps nobody from waiting in it.
func TestAFullQueue(t *testing.T) {
	g := newGateway(t, setting{runs: func(c *runs.Config) { c.MaxQueued, c.MaxConcurrent = 3, 2 }})
	g.model.hold()
	for range 2 {
		require.Equal(t, 202, g.call("x", "Prefer: wait=0").StatusCode)
		<-g.model.asked
	}
	requireProblem(t, g.call("x"), "gateway_full")
	var ids []string
	for range 3 {
		a := g.create(`{"prompt":"x"}`)
		require.Equal(t, 202, a.StatusCode, a.body)
		ids = append(ids, a.Header.Get("Beckon-Run-Id"))
	}
	// The count in the process may lack one that is being written when all are counted; the next count has it.
	require.Eventually(t, func() bool { return g.metric(t, "beckon_runs_queued") == 3 }, patience, 5*time.Millisecond)
	a := g.create(`{"prompt":"x"}`)
	require.Equal(t, 503, a.StatusCode)
	requireProblem(t, a, "queue_full")
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	nodes := g.get("/api/v1/runs/" + ids[0]).json(t)["nodes"]
	require.Equal(t, []any{}, nodes)
	g.model.letGo()
	for _, id := range ids {
		require.Equal(t, runs.Completed, g.awaitRun(id).Status)
	}
}

// A follower that comes back while nothing has happened waits for what does.
func TestAFollowerComesBackEarly(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s})
		g.model.hold()
		id := g.create(`{"prompt":"x"}`).Header.Get("Beckon-Run-Id")
		<-g.model.asked
		last, err := g.runs.Events.Read(t.Context(), id, "")
		require.NoError(t, err)
		read := make(chan []sse, 1)
		go func() { read <- g.follow(g.eventsRequest(id, "Last-Event-ID: "+last[len(last)-1].ID)) }()
		require.Eventually(t, func() bool { return g.runs.Events.Followed(id) }, patience, time.Millisecond)
		g.model.letGo()
		require.Equal(t, []string{"run.completed"}, kinds(<-read))
	})
}

func TestAStreamOnTheWebhook(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s})
		list := g.follow(g.request("/api/v1/webhooks/ci", "x", "Accept: text/event-stream"))
		require.Equal(t, []string{"run.started", "run.completed"}, kinds(list))
		text := ""
		for _, e := range list {
			if e.event == "message.delta" {
				var piece struct{ Text string }
				require.NoError(t, json.Unmarshal([]byte(e.data), &piece))
				text += piece.Text
			}
		}
		require.Equal(t, "re: x", text)
		for i := 1; i < len(list); i++ {
			require.Less(t, list[i-1].id, list[i].id)
		}
	})
}

// A follower that comes back goes on where it was, also when the run has ended meanwhile.
func TestAFollowerComesBack(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s})
		g.model.hold()
		id := g.create(`{"prompt":"x"}`).Header.Get("Beckon-Run-Id")
		<-g.model.asked
		ctx, cancel := context.WithCancel(t.Context())
		response, err := http.DefaultClient.Do(g.eventsRequest(id).WithContext(ctx))
		require.NoError(t, err)
		begin := readEvents(bufio.NewScanner(response.Body), 1)
		require.Equal(t, []string{"run.started"}, kinds(begin))
		cancel()
		_ = response.Body.Close()
		g.model.letGo()
		g.awaitRun(id)
		require.Equal(t, []string{"run.completed"}, kinds(g.follow(g.eventsRequest(id, "Last-Event-ID: "+begin[0].id))))

		other := g.follow(g.request("/api/v1/webhooks/ci", "x", "Accept: text/event-stream"))
		for _, wrong := range []string{other[0].id, "evt_", "nonsense", strings.Repeat("x", 10_000)} {
			a := g.do(g.eventsRequest(id, "Last-Event-ID: "+wrong))
			require.Equal(t, 400, a.StatusCode, wrong)
			requireProblem(t, a, "invalid_event_id")
		}
	})
}

// A follower that never reads holds up neither the run nor those who do read.
func TestAFollowerThatNeverReads(t *testing.T) {
	g := newGateway(t, setting{})
	g.model.hold()
	id := g.create(`{"prompt":"` + strings.Repeat("long ", 100_000) + `"}`).Header.Get("Beckon-Run-Id")
	<-g.model.asked
	for range 20 {
		_, err := fmt.Fprintf(g.dial(), "GET /api/v1/runs/%s/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", id, token)
		require.NoError(t, err)
	}
	read := make(chan []sse, 1)
	go func() { read <- g.follow(g.eventsRequest(id)) }()
	g.model.letGo()
	require.Equal(t, runs.Completed, g.awaitRun(id).Status)
	select {
	case list := <-read:
		require.Equal(t, []string{"run.started", "run.completed"}, kinds(list))
	case <-time.After(patience):
		t.Fatal("the others hold it up")
	}
}

func TestPagesOfRuns(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s, clients: []clients.Client{
			{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage", "other"}}, {ID: "else", Passthrough: true, AllowedAgents: []string{"triage"}}}})
		var ids []string
		for i := range 5 {
			ids = append([]string{g.call(fmt.Sprint(i)).Header.Get("Beckon-Run-Id")}, ids...)
		}
		theirs := g.do(g.request("/api/v1/webhooks/else", "x", "Authorization: Bearer "+token+"else")).Header.Get("Beckon-Run-Id")
		other := g.do(g.request("/api/v1/webhooks/ci?agent=other", "x")).Header.Get("Beckon-Run-Id")
		ids = append([]string{other}, ids...)
		var got []string
		cursor := ""
		for {
			page := g.get("/api/v1/runs?limit=2&cursor=" + cursor).json(t)
			for _, item := range page["items"].([]any) {
				require.NotContains(t, item, "nodes")
				got = append(got, item.(map[string]any)["runId"].(string))
			}
			if page["nextCursor"] == nil {
				break
			}
			cursor = page["nextCursor"].(string)
		}
		require.Equal(t, ids, got)
		require.Len(t, g.get("/api/v1/runs?agent=other").json(t)["items"], 1)
		require.Empty(t, g.get("/api/v1/runs?status=FAILED").json(t)["items"])
		require.Len(t, g.get("/api/v1/runs?status=COMPLETED&limit=200").json(t)["items"], 6)

		page := g.get("/api/v1/runs?limit=2").json(t)["nextCursor"].(string)
		for _, query := range []string{"status=NEW", "workflowId=triage", "limit=0", "limit=201", "limit=x", "cursor=x", "cursor=" + page[1:], "cursor=" + page + "&agent=other", "cursor=" + strings.Repeat("A", 10_000)} {
			require.Equal(t, 400, g.get("/api/v1/runs?"+query).StatusCode, query)
		}
		for _, path := range []string{theirs, "run_nope", "%2e%2e", theirs + "/events"} {
			a := g.get("/api/v1/runs/" + path)
			require.Equal(t, 404, a.StatusCode, path)
			requireProblem(t, a, "run_not_found")
		}
		require.Equal(t, 404, g.do(g.request("/api/v1/runs/"+theirs+"/cancel", "")).StatusCode)
		for _, path := range []string{"/api/v1/runs", "/api/v1/runs/" + ids[0], "/api/v1/runs/" + ids[0] + "/events"} {
			require.Equal(t, 401, g.get(path, "-Authorization").StatusCode)
			require.Equal(t, 401, g.get(path, "Authorization: Bearer mgc_wrong").StatusCode)
		}
	})
}

func TestRunsThatAreRefused(t *testing.T) {
	g := newGateway(t, setting{clients: []clients.Client{
		{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}},
		{ID: "shaped", Passthrough: true, AllowedAgents: []string{"triage"}, Template: "{{.text}}"},
	}})
	shaped := "Authorization: Bearer " + token + "shaped"
	for _, test := range []struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		{"runs", `{"agent":"nobody","input":"x"}`, nil, 403, "agent_not_allowed"},
		{"runs", `{"agent":"other","input":"x"}`, nil, 403, "agent_not_allowed"},
		{"nodes/other/run", `{"input":"x"}`, nil, 403, "agent_not_allowed"},
		{"nodes/triage/run", `{"input":"x","agent":"other"}`, nil, 400, "invalid_parameter"},
		{"runs", `{"agent":"triage","workflowId":"other","input":"x"}`, nil, 400, "invalid_parameter"},
		{"runs", `{"agent":"../x","input":"x"}`, nil, 400, "invalid_parameter"},
		{"runs", `{"input":"x","prompt":"y"}`, nil, 400, "invalid_parameter"},
		{"runs", `{"input":"x","priority":5}`, nil, 400, "invalid_parameter"},
		{"runs", `{"input":"x","priority":"high"}`, nil, 400, "invalid_parameter"},
		{"runs", `{"input":7}`, nil, 400, "invalid_parameter"},
		{"runs", `{"prompt":7}`, nil, 400, "invalid_prompt"},
		{"runs", `{"input":""}`, nil, 400, "empty_prompt"},
		{"runs", `{}`, nil, 400, "empty_prompt"},
		{"runs", ``, nil, 400, "empty_prompt"},
		{"runs", `"x"`, nil, 400, "invalid_json"},
		{"runs", `{"input":"x"`, nil, 400, "invalid_json"},
		{"runs", `{"input":"` + strings.Repeat("x", 10<<20) + `"}`, nil, 413, "body_too_large"},
		{"runs", `{"input":"x","webhook":{}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x","webhook":"https://example.com"}`, nil, 400, "invalid_parameter"},
		{"runs", `{"input":"x","webhook":{"url":"ftp://example.com"}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x","webhook":{"url":"http://10.0.0.1/"}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x","webhook":{"url":"https://u:p@example.com/"}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x","webhook":{"url":"https://example.com","evnts":[]}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x","webhook":{"url":"https://example.com","events":["run.complete"]}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x","webhook":{"url":"https://example.com","headers":{"Webhook-Id":"x"}}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x","webhook":{"url":"https://example.com","headers":{"X-A":"b\r\nc"}}}`, nil, 400, "invalid_webhook"},
		{"runs", `{"input":"x"}`, []string{"Content-Type: text/plain"}, 415, "unsupported_media_type"},
		{"runs", `{"input":"x"}`, []string{"Prefer: wait=x"}, 400, "invalid_parameter"},
		{"runs", `{"input":"x"}`, []string{shaped}, 403, "prompt_not_allowed"},
		{"runs", `{"input":"x"}`, []string{"-Authorization"}, 401, "unauthorized"},
	} {
		t.Run(fmt.Sprintf("%s %.40s %s", test.path, test.body, test.code), func(t *testing.T) {
			a := g.do(g.request("/api/v1/"+test.path, test.body, append([]string{"Content-Type: application/json"}, test.headers...)...))
			require.Equal(t, test.status, a.StatusCode, a.body)
			requireProblem(t, a, test.code)
		})
	}
	require.Zero(t, g.countRuns())
}
