package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/internal/memory"
	"beckon/runs"
	"beckon/server"
)

const kib = 1 << 10

// withMemory is a setting with a budget, a test of which ends when all of it is free again.
func withMemory(t *testing.T, limit int64, s setting) (*gateway, *memory.Budget) {
	budget := memory.NewBudget(limit)
	s.runs = func(c *runs.Config) { c.Memory = budget }
	further := s.server
	s.server = func(c *server.Config) {
		c.Calls.Memory = budget
		if further != nil {
			further(c)
		}
	}
	return newGateway(t, s), budget
}

func requireFree(t *testing.T, budget *memory.Budget) {
	t.Helper()
	require.Eventually(t, func() bool { return budget.Used() == 0 }, patience, 5*time.Millisecond, "all is given back")
}

// What does not fit is told to come back; those inside are answered, and small calls find their way in.
func TestCallsThatDoNotFitIntoMemory(t *testing.T) {
	g, budget := withMemory(t, 400*kib, setting{})
	g.model.hold()
	body := strings.Repeat("x", 99*kib)
	var inside sync.WaitGroup
	for range 3 {
		inside.Go(func() { require.Equal(t, 200, g.call(body, "Content-Type: text/plain").StatusCode) })
	}
	for range 3 {
		<-g.model.asked
	}
	require.EqualValues(t, 3*99*kib, budget.Used(), "they hold their prompts, and nothing else")
	for name, request := range map[string]*http.Request{
		"declared": g.request("/api/v1/webhooks/ci", body, "Content-Type: text/plain"),
		"chunked":  g.request("/api/v1/webhooks/ci", body, "Content-Type: text/plain"),
		"runs":     g.request("/api/v1/runs", `{"prompt":"`+body+`"}`, "Content-Type: application/json"),
		"async":    g.request("/api/v1/webhooks/ci", body, "Content-Type: text/plain", "Prefer: respond-async"),
	} {
		if name == "chunked" {
			request.ContentLength = -1
		}
		a := g.do(request)
		require.Equal(t, 503, a.StatusCode, name)
		require.Equal(t, "memory_full", a.json(t)["code"], name)
		require.Equal(t, "2", a.Header.Get("Retry-After"), name)
		require.Empty(t, a.Header.Get("Beckon-Run-Id"), name)
	}
	require.EqualValues(t, 3*99*kib, budget.Used())
	require.Equal(t, 202, g.call("small", "Prefer: wait=0").StatusCode)
	require.Equal(t, 413, g.call(strings.Repeat("x", 301*kib)).StatusCode, "nor would it when nothing else is there")
	require.Equal(t, 4, g.metric(t, `beckon_calls_refused_total{code="memory_full"}`))
	g.model.letGo()
	inside.Wait()
	requireFree(t, budget)
	require.Equal(t, 200, g.call(body).StatusCode)
	requireFree(t, budget)
}

// However a call ends, what it held is given back.
func TestMemoryIsGivenBack(t *testing.T) {
	body := strings.Repeat("x", 100*kib)
	fails := func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, body, http.StatusBadGateway) }
	breaksOff := func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte(body))
	}
	panics := agents.Agent{ID: "panics", Provider: "model", Model: "m"}
	g, budget := withMemory(t, 8<<20, setting{agents: []agents.Agent{panics}, retries: 1, clients: []clients.Client{
		{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage", "hasty", "panics"}},
		{ID: "hasty", Passthrough: true, AllowedAgents: []string{"triage"}, CancelOnDisconnect: true},
		{ID: "template", Passthrough: true, AllowedAgents: []string{"triage"}, Template: "{{ .body.missing }}"},
	}})
	g.srv.Calls.Catalog().Agents.Get("panics").Invoker = panicking{}

	answered := func(status int, path string, headers ...string) func(*testing.T) {
		return func(t *testing.T) { require.Equal(t, status, g.do(g.request(path, body, headers...)).StatusCode) }
	}
	webhook := "/api/v1/webhooks/ci"
	for _, test := range []struct {
		name  string
		model modelFunc
		do    func(*testing.T)
	}{
		{"answered", nil, answered(200, webhook)},
		{"as text", nil, answered(200, webhook, "Accept: text/plain")},
		{"streamed", nil, func(t *testing.T) {
			require.NotEmpty(t, g.follow(g.request(webhook, body, "Accept: text/event-stream")))
		}},
		{"queued", nil, func(t *testing.T) { g.awaitRun(g.call(body, "Prefer: respond-async").Header.Get("Beckon-Run-Id")) }},
		{"not awaited", nil, func(t *testing.T) { g.awaitRun(g.call(body, "Prefer: wait=0").Header.Get("Beckon-Run-Id")) }},
		{"made twice", nil, func(t *testing.T) {
			for range 2 {
				answered(200, webhook, `Idempotency-Key: "once"`)(t)
			}
			answered(422, webhook+"?agent=triage", `Idempotency-Key: "once"`)(t)
		}},
		{"provider fails", fails, answered(502, webhook)},
		{"provider breaks off", breaksOff, answered(502, webhook)},
		{"agent runs out of time", func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }, answered(504, webhook+"?agent=hasty")},
		{"agent panics", nil, answered(500, webhook+"?agent=panics")},
		{"no such agent", nil, answered(403, webhook+"?agent=unknown")},
		{"template fails", nil, answered(422, "/api/v1/webhooks/template", "Authorization: Bearer "+token+"template", "Content-Type: text/plain")},
		{"not JSON", nil, answered(400, webhook, "Content-Type: application/json")},
		{"handler panics", nil, func(t *testing.T) {
			receivers := g.srv.Calls.Deliveries
			g.srv.Calls.Deliveries = nil
			defer func() { g.srv.Calls.Deliveries = receivers }()
			a := g.call(`{"prompt":"`+body+`","webhook":{"url":"https://example.com"}}`, "Content-Type: application/json")
			require.Equal(t, 500, a.StatusCode)
		}},
		{"run canceled", func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }, func(t *testing.T) {
			id := g.call(body, "Prefer: wait=0").Header.Get("Beckon-Run-Id")
			require.Equal(t, 202, g.do(g.request("/api/v1/runs/"+id+"/cancel", "")).StatusCode)
			require.Equal(t, runs.Canceled, g.awaitRun(id).Status)
		}},
		{"caller leaves in the middle of its body", nil, func(t *testing.T) {
			c := g.dial()
			_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 900000\r\n\r\n%s", webhook, token, body)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return budget.Used() > 0 }, patience, time.Millisecond)
			require.NoError(t, c.Close())
		}},
		{"body is malformed", nil, func(t *testing.T) {
			c := g.dial()
			_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", webhook, token)
			require.NoError(t, err)
			requireStatus(t, c, "400")
		}},
		{"caller leaves", func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }, func(t *testing.T) {
			ctx, hangUp := context.WithCancel(t.Context())
			left := make(chan struct{})
			go func() {
				defer close(left)
				_, err := http.DefaultClient.Do(g.request("/api/v1/webhooks/hasty", body, "Authorization: Bearer "+token+"hasty").WithContext(ctx))
				require.ErrorIs(t, err, context.Canceled)
			}()
			require.Eventually(t, func() bool { return len(g.model.asked) > 0 }, patience, time.Millisecond)
			hangUp()
			<-left
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for len(g.model.asked) > 0 {
				<-g.model.asked
			}
			g.model.does(test.model)
			test.do(t)
			requireFree(t, budget)
		})
	}
	require.Eventually(t, func() bool { return g.metric(t, "beckon_runs_running") == 0 }, patience, 5*time.Millisecond)
	for range 1024 { // as many as there may be: none of the calls above has kept its place
		leave, err := g.runs.Slot(false)
		require.NoError(t, err)
		defer leave()
	}
}

type panicking struct{}

func (panicking) Invoke(context.Context, agents.Call) (agents.Result, error) { panic("for a test") }

func requireStatus(t *testing.T, c net.Conn, status string) {
	line := make([]byte, len("HTTP/1.1 400"))
	_, err := c.Read(line)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 "+status, string(line))
}

// Answers that don't all fit into memory wait for each other, and all arrive.
func TestAnswersThatDoNotFitIntoMemory(t *testing.T) {
	for _, accept := range []string{"application/json", "text/event-stream"} {
		t.Run(accept, func(t *testing.T) {
			g, budget := withMemory(t, 300*kib, setting{})
			text, together := strings.Repeat("x", 200*kib), sync.WaitGroup{}
			const calls = 8
			together.Add(calls)
			g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) {
				together.Done()
				together.Wait()
				say(w, text)
			})
			var callers sync.WaitGroup
			for range calls {
				callers.Go(func() {
					a := g.call("why?", "Accept: "+accept)
					require.Equal(t, 200, a.StatusCode)
					require.Contains(t, a.body, text)
				})
			}
			callers.Wait()
			requireFree(t, budget)
		})
	}
}

// An answer that there is no memory for, for long, ends its run with the reason.
func TestAnAnswerThatThereIsNoMemoryFor(t *testing.T) {
	for _, accept := range []string{"application/json", "text/event-stream"} {
		t.Run(accept, func(t *testing.T) {
			g, budget := withMemory(t, 100*kib, setting{retries: 3})
			budget.Patience = 50 * time.Millisecond
			others := []*memory.Reservation{budget.Reserve(), budget.Reserve()}
			for i, bytes := range []int64{90 * kib, 20 * kib} { // the second is the one that may exceed the budget
				require.NoError(t, others[i].Answer(t.Context(), bytes))
			}
			g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) { say(w, strings.Repeat("x", 50*kib)) })
			run, err := g.runs.Start(memory.With(t.Context(), budget.Reserve()), runs.Request{ClientID: "ci", Entry: g.srv.Calls.Catalog().Agents.Get("triage"), Source: runs.SourceAPI, Input: "why?",
				Stream: accept == "text/event-stream"})
			require.NoError(t, err)
			<-run.Done()
			ended := g.awaitRun(run.ID)
			require.Equal(t, runs.Failed, ended.Status)
			require.Equal(t, "memory_full", ended.Error.Code)
			require.Len(t, g.model.asked, 1, "another attempt would need as much")
			require.Equal(t, 503, g.call("why?").StatusCode)
			for _, other := range others {
				other.Release()
			}
		})
	}
}

// Runs leave the queue as memory allows.
func TestQueuedRunsWaitForMemory(t *testing.T) {
	const queued = 24
	g, budget := withMemory(t, 400*kib, setting{})
	var running, most atomic.Int64
	answer := make(chan struct{})
	g.model.does(func(w http.ResponseWriter, r *http.Request, _ string) {
		n := running.Add(1)
		for before := most.Load(); n > before && !most.CompareAndSwap(before, n); before = most.Load() {
		}
		select {
		case <-answer:
		case <-r.Context().Done():
		}
		running.Add(-1)
		say(w, "done")
	})
	others := budget.Reserve()
	others.Set(400 * kib) // until all runs wait
	var ids []string
	for range queued {
		run, err := g.runs.Enqueue(t.Context(), runs.Request{ClientID: "ci", Entry: g.srv.Calls.Catalog().Agents.Get("triage"), Source: runs.SourceAPI, Input: strings.Repeat("x", 100*kib)})
		require.NoError(t, err)
		ids = append(ids, run.ID)
	}
	require.Zero(t, running.Load())
	others.Release()
	require.Eventually(t, func() bool { return running.Load() >= 3 }, patience, time.Millisecond)
	for range queued {
		answer <- struct{}{}
	}
	for _, id := range ids {
		require.Equal(t, runs.Completed, g.awaitRun(id).Status)
	}
	require.LessOrEqual(t, most.Load(), int64(3+2), "as many as fit, one that is the first of its claim, and one that has just been answered")
	requireFree(t, budget)
}
