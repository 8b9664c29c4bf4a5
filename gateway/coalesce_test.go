package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/coalesce"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

const coalescingFile = `
database: {url: %q}
admin: {password: "a password", token: adm1n}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: model, type: openai, url: %q, apiKey: k, maxRetries: 0}]
agents: [{id: a, provider: model, model: m}]
clients:
  - {id: alerts, token: al3rt, source: alertmanager, allowedAgents: [a], maxConcurrent: 1, coalesce: {maxRuns: 3, per: 1h}}
  - {id: many, token: m4ny, source: alertmanager, allowedAgents: [a]}
  - {id: again, token: ag4in, source: uptime-kuma, allowedAgents: [a], coalesce: {onResolved: run, maxRuns: 100}}
  - {id: orders, token: 0rders, passthrough: true, allowedAgents: [a], coalesce: {by: body.order}, maxConcurrent: 1}
  - {id: told, token: t0ld, source: alertmanager, template: "T {{ .event.title }}", allowedAgents: [a], maxConcurrent: 1}
endpoints: [{id: ops, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [event.resolved]}]
`

// model is a provider that answers when it is let go.
type model struct {
	*httptest.Server
	asked chan string // what it is asked
	hold  chan struct{}
}

func newModel(t *testing.T, held bool) *model {
	m := &model{asked: make(chan string, 1000), hold: make(chan struct{})}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m.asked <- string(body)
		select {
		case <-m.hold:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"done"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`)
	}))
	if !held {
		close(m.hold)
	}
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

// receiver takes events.
func receiver(t *testing.T) (url string, events chan string) {
	events = make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		events <- string(body)
	}))
	t.Cleanup(s.Close)
	return s.URL, events
}

// alert is one of Alertmanager's document: "name" fires, "name!" is resolved, and behind @ stands when it began.
func alerts(group string, names ...string) string {
	status, list := "resolved", []string{}
	for _, name := range names {
		name, at, _ := strings.Cut(name, "@")
		name, isResolved := strings.CutSuffix(name, "!")
		state := "resolved"
		if !isResolved {
			state, status = "firing", "firing"
		}
		if at == "" {
			at = "09:00"
		}
		list = append(list, fmt.Sprintf(`{"status":%q,"labels":{"alertname":%q,"severity":"critical"},"annotations":{"summary":"%s is broken"},"startsAt":"2026-02-18T%s:00Z","fingerprint":"fp-%s"}`, state, name, name, at, name))
	}
	return fmt.Sprintf(`{"version":"4","groupKey":%q,"status":%q,"groupLabels":{"g":%q},"alerts":[%s]}`, group, status, group, strings.Join(list, ","))
}

type coalescing struct {
	callers
	model  *model
	events chan string
}

func newCoalescing(t *testing.T, database string, held bool) *coalescing {
	m := newModel(t, held)
	url, events := receiver(t)
	return &coalescing{callers{start(t, load(t, fmt.Sprintf(coalescingFile, database, m.URL, url)))}, m, events}
}

var tokens = map[string]string{"alerts": "al3rt", "many": "m4ny", "again": "ag4in", "orders": "0rders", "told": "t0ld"}

// fire posts a document, and returns the id of the run that answers for it.
func (c *coalescing) fire(client, body string) string {
	c.t.Helper()
	r, text := c.post(client, body, "Authorization: Bearer "+tokens[client], asJSON)
	require.Equal(c.t, 202, r.StatusCode, text)
	return r.Header.Get("Beckon-Run-Id")
}

func (c *coalescing) get(id string) *runs.Run {
	c.t.Helper()
	run, err := c.runs.Get(c.t.Context(), id)
	require.NoError(c.t, err)
	return run
}

// inputs are the fingerprints of a run's inputs with their states.
func (c *coalescing) inputs(id string) (list []string) {
	for _, in := range c.get(id).Inputs {
		list = append(list, strings.TrimPrefix(in.Fingerprint, "fp-")+" "+in.State)
	}
	return list
}

func (c *coalescing) awaitEnd(id string) *runs.Run {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return c.get(id).Status.Ended() }, patience, 10*time.Millisecond)
	return c.get(id)
}

// An alert is answered once, whatever its sender repeats; what comes while the run waits joins it.
func TestAlertsAreCoalesced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		c := newCoalescing(t, address, true)
		first := c.fire("alerts", alerts("one", "disk", "cpu"))
		asked := <-c.model.asked
		require.Contains(t, asked, "disk is broken")
		require.Equal(t, []string{"disk firing", "cpu firing"}, c.inputs(first))
		for range 3 {
			require.Equal(t, first, c.fire("alerts", alerts("one", "disk", "cpu")), "a repeated call starts nothing")
		}
		// The model has been asked, so that what is new has a run of its own. The client's place is taken: it waits.
		second := c.fire("alerts", alerts("one", "disk", "cpu", "ram"))
		require.NotEqual(t, first, second)
		require.Equal(t, []string{"ram firing"}, c.inputs(second))
		require.Equal(t, runs.Queued, c.get(second).Status)
		require.Contains(t, c.get(second).Input, "ram is broken")
		require.NotContains(t, c.get(second).Input, "disk is broken", "that is answered already")
		require.Equal(t, second, c.fire("alerts", alerts("one", "disk", "ram", "net", "disk@10:00")), "it joins what waits")
		require.Equal(t, []string{"ram firing", "net firing", "disk firing"}, c.inputs(second))
		// Two more keys use up maxRuns, and the rest is a storm.
		third := c.fire("alerts", alerts("two", "x"))
		storm := c.fire("alerts", alerts("three", "y"))
		require.Equal(t, storm, c.fire("alerts", alerts("four", "z", "zz")))
		require.Len(t, map[string]bool{first: true, second: true, third: true, storm: true}, 4)
		require.Equal(t, 4, c.count())
		require.WithinDuration(t, c.get(first).CreatedAt.Add(time.Hour), c.get(storm).NotBefore, time.Second, "when the first of three leaves the hour")
		// What is resolved before its model is asked is told as such.
		require.Equal(t, second, c.fire("alerts", alerts("one", "disk", "cpu", "ram", "net!")))
		close(c.model.hold)
		require.Contains(t, c.awaitEnd(first).Output, "done")
		require.Contains(t, c.awaitEnd(second).Input, "FIRING (2)")
		require.Contains(t, c.get(second).Input, "RESOLVED (1)\n- net")
		c.awaitEnd(third)
		require.Equal(t, runs.Queued, c.get(storm).Status, "it does not leave the queue early")
		require.JSONEq(t, `[{"key":"three","fingerprint":"fp-y","startsAt":"2026-02-18T09:00:00Z","state":"firing"},{"key":"four","fingerprint":"fp-z","startsAt":"2026-02-18T09:00:00Z","state":"firing"},
			{"key":"four","fingerprint":"fp-zz","startsAt":"2026-02-18T09:00:00Z","state":"firing"}]`, string(member(t, c.admin(t, "/api/v1/admin/runs/"+storm), "inputs")))
	})
}

func member(t *testing.T, document, name string) json.RawMessage {
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(document), &all))
	return all[name]
}

// An alert whose run has failed is known, as any other: only what is new starts a run.
func TestFailedRunsKeepTheirAlerts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		c := newCoalescing(t, address, false)
		c.model.Close()
		failed := c.fire("many", alerts("one", "disk"))
		require.Equal(t, runs.Failed, c.awaitEnd(failed).Status)
		require.Equal(t, failed, c.fire("many", alerts("one", "disk")))
		require.NotEqual(t, failed, c.fire("many", alerts("one", "disk@10:00")))
	})
}

// Resolved closes a key: it is noted on the run and told, once, and the next firing has a run of its own.
func TestResolvedClosesAKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		c := newCoalescing(t, address, false)
		r, body := c.post("many", alerts("never seen", "x!"), "Authorization: Bearer m4ny", asJSON)
		require.Equal(t, 200, r.StatusCode)
		require.JSONEq(t, `{"ok":true,"skipped":"resolved"}`, body)
		first := c.fire("many", alerts("one", "disk", "cpu"))
		require.Equal(t, first, c.fire("many", alerts("one", "disk!", "cpu")))
		require.Empty(t, c.get(first).Notes, "one of two is left")
		for range 2 {
			require.Equal(t, first, c.fire("many", alerts("one", "disk!", "cpu!")))
		}
		run := c.get(first)
		require.Len(t, run.Notes, 1)
		require.Equal(t, runs.NoteResolved, run.Notes[0].Kind)
		require.Equal(t, []string{"disk resolved", "cpu resolved"}, c.inputs(first))
		var event struct {
			Type, RunID, WorkflowID string
			Success                 bool
			Data                    struct {
				Key, Title, RunID string
				ResolvedAt        time.Time
				Items             []runs.Input
			}
		}
		require.NoError(t, json.Unmarshal([]byte(<-c.events), &event))
		require.True(t, event.Success)
		require.Equal(t, []string{"event.resolved", first, "a", "one", first}, []string{event.Type, event.RunID, event.WorkflowID, event.Data.Key, event.Data.RunID})
		require.NotEmpty(t, event.Data.Title)
		require.False(t, event.Data.ResolvedAt.IsZero())
		require.Len(t, event.Data.Items, 2)
		again := c.fire("many", alerts("one", "disk"))
		require.NotEqual(t, first, again, "a closed key that fires again starts a run")
		require.Equal(t, again, c.fire("many", alerts("one", "disk")))
		require.Equal(t, again, c.fire("many", alerts("one", "disk!")))
		require.Contains(t, <-c.events, again)
		require.Empty(t, c.events, "each is told once")
	})
}

func beat(id, status int) string {
	return fmt.Sprintf(`{"msg":"it is %d","monitor":{"id":%d,"name":"site"},"heartbeat":{"status":%d,"msg":"m","time":"2026-02-18 09:00:00"}}`, status, id, status)
}

// With onResolved: run the end of an alert is a run as well. Kuma says no time of its beginning: a key that is closed knows nothing.
func TestARunForWhatIsResolved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		c := newCoalescing(t, address, false)
		down := c.fire("again", beat(1, 0))
		require.Equal(t, down, c.fire("again", beat(1, 0)))
		c.awaitEnd(down)
		up := c.fire("again", beat(1, 1))
		require.NotEqual(t, down, up)
		require.Equal(t, "resolved", c.get(up).Inputs[0].State)
		require.Equal(t, up, c.fire("again", beat(1, 1)))
		c.awaitEnd(up)
		require.NotEqual(t, down, c.fire("again", beat(1, 0)))
		require.Equal(t, 3, c.count())
		ping := `{"msg":"Testing"}`
		require.NotEqual(t, c.fire("again", ping), c.fire("again", ping), "two tests are two")
	})
}

// Any client can have its calls coalesced. Prompts that are not the source's stand below each other, each once.
func TestOtherCallsAreCoalesced(t *testing.T) {
	c := newCoalescing(t, sqliteIn(t.TempDir()), true)
	first := c.fire("orders", `{"order":7,"prompt":"begin"}`)
	<-c.model.asked
	second := c.fire("orders", `{"order":7,"prompt":"pay"}`)
	require.NotEqual(t, first, second)
	require.Equal(t, second, c.fire("orders", `{"order":7,"prompt":"pay"}`))
	require.Equal(t, second, c.fire("orders", `{"order":7,"prompt":"ship"}`))
	other := c.fire("orders", `{"order":"`+strings.Repeat("k", 10_000)+`","prompt":"pay"}`)
	require.NotEqual(t, second, other)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, c.get(other).Inputs[0].Key, "a long key is hashed")
	r, body := c.post("orders", `{"prompt":"which?"}`, "Authorization: Bearer 0rders", asJSON)
	require.Equal(t, 422, r.StatusCode, body)

	told := c.fire("told", alerts("one", "disk"))
	<-c.model.asked
	later := c.fire("told", alerts("two", "cpu"))
	require.Equal(t, later, c.fire("told", alerts("two", "cpu", "ram")))
	require.NotEqual(t, told, later)
	close(c.model.hold)
	require.Equal(t, "pay\n\n---\n\nship", c.awaitEnd(second).Input)
	require.Equal(t, "T cpu is broken\n\n---\n\nT 2 firing: 1 cpu, 1 ram", c.awaitEnd(later).Input)
}

// However many call at once, on however many replicas, each alert is in one run.
func TestCoalescingTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		replicas := []*coalescing{newCoalescing(t, address, false)}
		if !strings.HasPrefix(address, "sqlite:") {
			replicas = append(replicas, newCoalescing(t, address, false), newCoalescing(t, address, false))
		}
		const groups, callers = 20, 4
		var all sync.WaitGroup
		answers := make([][callers]string, groups)
		for group := range groups {
			for caller := range callers {
				all.Go(func() {
					c := replicas[(group+caller)%len(replicas)]
					body := alerts(fmt.Sprint("group ", group), "a", "b", "c")
					r, err := http.NewRequest(http.MethodPost, c.url+"/api/v1/webhooks/many", strings.NewReader(body))
					if err != nil {
						return
					}
					r.Header.Set("Authorization", "Bearer m4ny")
					response, err := c.client.Do(r)
					if err == nil {
						answers[group][caller] = fmt.Sprint(response.StatusCode, response.Header.Get("Beckon-Run-Id"))
						_ = response.Body.Close()
					}
				})
			}
		}
		all.Wait()
		c := replicas[0]
		for group := range groups {
			for caller := range callers {
				require.True(t, strings.HasPrefix(answers[group][caller], "202run_"), answers[group][caller])
				require.Equal(t, answers[group][0], answers[group][caller], "all callers of a group have one run")
			}
		}
		requireOnce(t, c, groups*3)
		require.LessOrEqual(t, c.count(), 7, "six in a minute, and a storm")
	})
}

// requireOnce requires that so many alerts are each in one run.
func requireOnce(t *testing.T, c *coalescing, want int) {
	list, _, err := c.runs.List(t.Context(), runs.Query{Limit: 100})
	require.NoError(t, err)
	seen := map[string]string{}
	for _, run := range list {
		for _, in := range c.get(run.ID).Inputs {
			name := in.Key + " " + in.Fingerprint + " " + in.StartsAt
			require.Empty(t, seen[name], "%s is in two runs", name)
			seen[name] = run.ID
		}
	}
	require.Len(t, seen, want)
}

// A key without a call for a day is over: it fires anew.
func TestAKeyWithoutNewsIsOver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		c := newCoalescing(t, address, false)
		first := c.fire("many", alerts("one", "disk"))
		c.awaitEnd(first)
		aged := func(life time.Duration) {
			require.NoError(t, c.store.Write(t.Context(), func(tx store.Tx) error {
				return tx.Exec("UPDATE coalesce_keys SET seen_at = ?", time.Now().Add(-life).UnixMilli())
			}))
		}
		aged(coalesce.Life - time.Minute)
		require.Equal(t, first, c.fire("many", alerts("one", "disk")))
		aged(coalesce.Life)
		require.NotEqual(t, first, c.fire("many", alerts("one", "disk")))
	})
}

// What is large or odd is taken all the same, with everything in it.
func TestLargeAndOddAlerts(t *testing.T) {
	c := newCoalescing(t, sqliteIn(t.TempDir()), false)
	names := make([]string, 3336)
	for i := range names {
		names[i] = fmt.Sprint("alert-", i)
	}
	large := c.fire("many", alerts("large", names...))
	require.Len(t, c.get(large).Inputs, len(names))
	require.Less(t, len(c.get(large).Input), 14_000)
	require.Contains(t, c.get(large).Input, "3336 firing")
	require.Equal(t, large, c.fire("many", alerts("large", names...)))

	key := strings.Repeat("k", 10_000)
	long := c.fire("many", alerts(key, "a"))
	require.Equal(t, long, c.fire("many", alerts(key, "a")))
	require.Len(t, c.get(long).Inputs[0].Key, len("sha256:")+64)
	for _, bomb := range []string{
		`{"alerts":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`,
		`{"alerts":[{"labels":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_000) + `}]}`,
		`{"alerts":[{"labels":{` + strings.Repeat(`"l":"v",`, 100_000) + `"l":"v"}}]}`, `{"alerts":[{}]}`, `{`, "\x00\xff",
	} {
		began := time.Now()
		require.NotEmpty(t, c.fire("many", bomb))
		require.Less(t, time.Since(began), patience/2)
	}
}
