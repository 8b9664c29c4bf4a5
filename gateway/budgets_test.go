package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

// payingModel is a model whose answers cost as much as they may: 100 tokens.
type payingModel struct {
	*httptest.Server
	asked atomic.Int64
	body  atomic.Pointer[map[string]any] // of the last request
}

func newPayingModel(t *testing.T) *payingModel {
	m := &payingModel{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.asked.Add(1)
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		m.body.Store(&body)
		_, _ = io.WriteString(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],
			"usage":{"prompt_tokens":10,"completion_tokens":100,"total_tokens":110}}`)
	}))
	t.Cleanup(m.Close)
	return m
}

const budgetFile = `
database: {url: %q}
admin: {password: "a password", token: adm1n}
server: {timezone: Europe/Berlin, maxConcurrent: 4000%s}
prices: [{model: m, input: 0, output: 10}]
providers: [{id: p, type: openai, url: "%s/v1", apiKey: k}, {id: offline, type: template, template: "re: {{.prompt}}"}]
agents:
  - {id: a, provider: p, model: m, maxTokens: 100%s}
  - {id: open, provider: p, model: m}
  - {id: unknown, provider: p, model: nobody-knows}
  - {id: saved, provider: p, model: m, maxTokens: 100, fallbacks: [{provider: offline}]}
flows: [{id: twice, root: {type: sequential, steps: [{type: agent, agentId: a}, {type: agent, agentId: a}]}}]
clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [a, open, unknown, saved, twice]%s}]
`

// aCall costs as much as the answers of a payingModel, in USD.
const aCall = 0.001

// holds returns a budget as a member of a resource in the file.
func holds(budget string) string { return ", budget: {" + budget + "}" }

func budgeted(t *testing.T, url string, m *payingModel, server, agent, client string) callers {
	return callers{start(t, load(t, fmt.Sprintf(budgetFile, url, server, m.URL, agent, client)))}
}

type budgetUse struct {
	Scope, Period, Unit  string
	Limit                float64
	Used, Reserved, Left *float64
	ResetsAt             *string
}

func (c callers) budgets(t *testing.T) (list []budgetUse) {
	t.Helper()
	var document struct{ Items []budgetUse }
	require.NoError(t, json.Unmarshal([]byte(c.admin(t, "/api/v1/admin/budgets")), &document))
	return document.Items
}

// A thousand calls at once, on three replicas or one, get as much as the budget pays for, to the call.
func TestAThousandCallsOvershootABudgetByNothing(t *testing.T) {
	const calls, paid = 1000, 100
	storetest.Each(t, func(t *testing.T, url string) {
		m := newPayingModel(t)
		replicas := 1
		if strings.HasPrefix(url, "postgres") {
			replicas = 3
		}
		var gateways []callers
		for range replicas {
			g := budgeted(t, url, m, "", "", holds("perDay: 0.1"))
			g.client.Transport = &http.Transport{MaxIdleConnsPerHost: 400}
			gateways = append(gateways, g)
		}
		var answered, refused atomic.Int64
		var all sync.WaitGroup
		for i := range calls {
			all.Go(func() {
				switch status, text := gateways[i%replicas].call("ci", "t0ken", "hi"); status {
				case http.StatusOK:
					answered.Add(1)
				case http.StatusPaymentRequired:
					refused.Add(1)
				case http.StatusServiceUnavailable: // a slow disk has not taken the end of the run in three seconds
					if !strings.Contains(text, "could not be recorded yet") {
						t.Error(text)
					}
				default:
					t.Errorf("status %d: %s", status, text)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, paid, m.asked.Load())
		require.LessOrEqual(t, answered.Load(), int64(paid))
		require.LessOrEqual(t, refused.Load(), int64(calls-paid))
		require.Eventually(t, func() bool {
			use := gateways[0].budgets(t)[0]
			return *use.Reserved == 0 && *use.Used == paid*aCall && *use.Left == 0
		}, 3*patience, 10*time.Millisecond)
	})
}

// A used-up budget refuses a call before there is a run, and says when it is there again; raised, it is there at once.
func TestAUsedUpBudget(t *testing.T) {
	for name, held := range map[string][3]string{
		"client": {"", "", holds("perDay: 0.002")},
		"agent":  {"", holds("perMonth: 0.002"), ""},
		"server": {holds("perDay: {tokens: 600}"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newPayingModel(t)
			s := budgeted(t, sqliteIn(t.TempDir()), m, held[0], held[1], held[2])
			for range 10 {
				if status, _ := s.call("ci", "t0ken", "hi"); status != http.StatusOK {
					break
				}
			}
			paid := m.asked.Load()
			if name == "server" {
				require.Greater(t, paid, int64(2), "tokens of the input count too")
			} else {
				require.EqualValues(t, 2, paid)
			}
			r, text := s.post("ci", "hi", "Authorization: Bearer t0ken")
			require.Equal(t, http.StatusPaymentRequired, r.StatusCode, text)
			require.Contains(t, text, `"code":"budget_exhausted"`)
			require.NotEmpty(t, r.Header.Get("Retry-After"))
			require.Equal(t, paid, m.asked.Load())
			use := s.budgets(t)
			require.Len(t, use, 1)
			require.Equal(t, name, use[0].Scope)
			require.NotNil(t, use[0].ResetsAt)
			if name != "server" {
				require.NotContains(t, text, "runId", "there is no run")
				require.Contains(t, text, "It is there again at ")
			}
		})
	}
}

// Where nobody limits the answer, a budget does: by what is left, and by 8,192 tokens at most.
func TestABudgetLimitsTheTokensOfAnswers(t *testing.T) {
	m := newPayingModel(t)
	s := budgeted(t, sqliteIn(t.TempDir()), m, "", "", holds("perDay: 0.1"))
	status, text := s.call("ci?agent=open", "t0ken", "hi")
	require.Equal(t, http.StatusOK, status, text)
	require.EqualValues(t, 8192, (*m.body.Load())["max_tokens"])
	status, text = s.call("ci?agent=a", "t0ken", "hi")
	require.Equal(t, http.StatusOK, status, text)
	require.EqualValues(t, 100, (*m.body.Load())["max_tokens"])

	s = budgeted(t, sqliteIn(t.TempDir()), m, "", "", holds("perDay: 0.005"))
	for _, want := range []int{500, 400} {
		status, text = s.call("ci?agent=open", "t0ken", "hi")
		require.Equal(t, http.StatusOK, status, text)
		require.EqualValues(t, want, (*m.body.Load())["max_tokens"])
	}
	without := budgeted(t, sqliteIn(t.TempDir()), m, "", "", "")
	status, text = without.call("ci?agent=open", "t0ken", "hi")
	require.Equal(t, http.StatusOK, status, text)
	require.NotContains(t, *m.body.Load(), "max_tokens", "no budget, no limit")
}

// Within a run a budget ends it: FAILED, with what it cost until then.
func TestABudgetThatIsUsedUpWithinARun(t *testing.T) {
	m := newPayingModel(t)
	s := budgeted(t, sqliteIn(t.TempDir()), m, "", "", holds("perRun: 0.0015"))
	status, text := s.call("ci?agent=twice", "t0ken", "hi")
	require.Equal(t, http.StatusPaymentRequired, status, text)
	require.Contains(t, text, `"code":"budget_exhausted"`)
	var answer struct{ RunID string }
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	run := s.admin(t, "/api/v1/admin/runs/"+answer.RunID)
	require.Contains(t, run, `"status":"FAILED"`)
	require.Contains(t, run, `"cost":0.001`)
	require.EqualValues(t, 1, m.asked.Load())
	status, text = s.call("ci?agent=a", "t0ken", "hi")
	require.Equal(t, http.StatusOK, status, text, "another run has a budget of its own")
}

// A budget of money refuses a model without a price; one of tokens holds it.
func TestABudgetOnAModelWithoutAPrice(t *testing.T) {
	m := newPayingModel(t)
	s := budgeted(t, sqliteIn(t.TempDir()), m, "", "", holds("perDay: 1"))
	status, text := s.call("ci?agent=unknown", "t0ken", "hi")
	require.Equal(t, http.StatusPaymentRequired, status, text)
	require.Contains(t, text, `"code":"no_price"`)
	require.Zero(t, m.asked.Load())
	s = budgeted(t, sqliteIn(t.TempDir()), m, "", "", holds("perDay: {tokens: 500}"))
	status, text = s.call("ci?agent=unknown", "t0ken", "hi")
	require.Equal(t, http.StatusOK, status, text)
}

// A template answers in the place of a model that the budget does not pay for.
func TestAFallbackThatCostsNothing(t *testing.T) {
	m := newPayingModel(t)
	s := budgeted(t, sqliteIn(t.TempDir()), m, "", "", holds("perDay: 0.0005"))
	status, text := s.call("ci?agent=saved", "t0ken", "hi")
	require.Equal(t, http.StatusOK, status, text)
	require.Contains(t, text, `"degraded":true`)
	require.Zero(t, m.asked.Load())
}

// The runs of an alert source wait for a used-up budget in the queue, and start when it is there again; a template does not wait.
func TestAlertsWaitForTheirBudget(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		m := newPayingModel(t)
		s := callers{start(t, load(t, fmt.Sprintf(`
database: {url: %q}
admin: {password: "a password", token: adm1n}
prices: [{model: m, input: 0, output: 10}]
providers: [{id: p, type: openai, url: "%s/v1", apiKey: k}, {id: offline, type: template, template: "re: {{.prompt}}"}]
agents:
  - {id: a, provider: p, model: m, maxTokens: 100}
  - {id: saved, provider: p, model: m, maxTokens: 100, fallbacks: [{provider: offline}]}
flows: [{id: once, root: {type: agent, agentId: a}}]
clients:
  - {id: alerts, token: al3rts, source: alertmanager, allowedAgents: [a], coalesce: "off", budget: {perDay: 0.001}}
  - {id: flows, token: fl0ws, source: alertmanager, allowedAgents: [once], coalesce: "off", budget: {perDay: 0.001}}
  - {id: saved, token: s4ved, source: alertmanager, allowedAgents: [saved], coalesce: "off", budget: {perDay: 0.0001}}
`, url, m.URL)))}
		var clock atomic.Int64
		s.Gateway.budgets.Now = func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
		alert := func(client, token, name string) string {
			r, text := s.post(client, `{"version":"4","status":"firing","alerts":[{"status":"firing","fingerprint":"`+name+`","startsAt":"2026-01-01T00:00:00Z","labels":{"alertname":"`+name+`"}}]}`,
				"Authorization: Bearer "+token, asJSON)
			require.Less(t, r.StatusCode, 300, text)
			var answer struct{ RunID string }
			require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
			return answer.RunID
		}
		awaits := func(id string, status runs.Status, attempts int) (run *runs.Run) {
			t.Helper()
			require.Eventually(t, func() (ok bool) {
				var err error
				run, err = s.runs.Get(t.Context(), id)
				require.NoError(t, err)
				return run.Status == status && run.Attempts >= attempts
			}, patience, 10*time.Millisecond)
			return run
		}
		var waiting []string
		for client, token := range map[string]string{"alerts": "al3rts", "flows": "fl0ws"} {
			awaits(alert(client, token, "first"), runs.Completed, 1)
			second := alert(client, token, "second")
			awaits(second, runs.Queued, 2)
			waiting = append(waiting, second)
		}
		require.EqualValues(t, 2, m.asked.Load())
		require.True(t, awaits(alert("saved", "s4ved", "third"), runs.Completed, 1).By.Degraded)

		clock.Store(int64(25 * time.Hour))
		require.NoError(t, s.store.Write(t.Context(), func(tx store.Tx) error { // a minute passes
			return tx.Exec("UPDATE runs SET not_before = NULL WHERE status = 'QUEUED'")
		}))
		for _, id := range waiting {
			awaits(id, runs.Completed, 2)
		}
		require.EqualValues(t, 4, m.asked.Load())
	})
}
