package budgets

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/spend"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
)

// house is a service with one client, whose budget can be changed.
type house struct {
	*Service
	t      *testing.T
	budget atomic.Pointer[spend.Budget]
	now    atomic.Int64

	mu   sync.Mutex
	told []string
}

func newHouse(t *testing.T, s *store.Store, budget string) *house {
	h := &house{t: t}
	h.setBudget(budget)
	h.setNow("2026-03-29T00:30:00Z")
	var prices struct{ Prices []spend.Price }
	require.NoError(t, yaml.Unmarshal([]byte(`prices: [{model: m, input: 0, output: 10}]`), &prices))
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	table := spend.NewPrices(prices.Prices)
	h.Service = New(Config{Store: s, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test"), Zone: zone, Work: work.New(s, slog.New(slog.DiscardHandler)),
		Prices: func() *spend.Prices { return table }, Now: func() time.Time { return time.UnixMilli(h.now.Load()) },
		Budgets: func(string, string) InForce { return InForce{Client: h.budget.Load()} },
		Tell: func(_ store.Tx, kind string, about events.Subject, _ problem.Failure, data map[string]any) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.told = append(h.told, kind+" "+about.ClientID+" "+data["period"].(string))
			return nil
		}})
	t.Cleanup(func() { require.NoError(t, h.Close(context.Background())) })
	return h
}

func (h *house) setBudget(text string) {
	var b spend.Budget
	require.NoError(h.t, yaml.Unmarshal([]byte(text), &b))
	h.budget.Store(&b)
}

func (h *house) setNow(at string) {
	now, err := time.Parse(time.RFC3339, at)
	require.NoError(h.t, err)
	h.now.Store(now.UnixMilli())
}

// begin asks for a request that may cost $0.001.
func (h *house) begin(runID string) (agents.Expense, error) {
	return h.Of(&runs.Run{ID: runID, ClientID: "ci", Claim: 1}).Begin(h.t.Context(), agents.ModelRequest{Agent: "a", Model: "m", IsText: true,
		Most: func() spend.Use { return spend.Use{Input: 10, Output: 100} }})
}

func tokensOf(n int) agents.Usage { return agents.Usage{CompletionTokens: n, TotalTokens: n} }

// window returns what the table has of the windows of a period together.
func (h *house) window(period string) taken {
	row := storetest.Row[windowRow](h.t, h.Store, "SELECT SUM(used) AS used, SUM(reserved) AS reserved FROM budget_windows WHERE id LIKE ?", "%/"+period+"/%")
	return row.taken()
}

func (h *house) awaitSettled(period string, used spend.Amount) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.window(period) == taken{used: int64(used)} }, 20*time.Second, 5*time.Millisecond, "%v", h.window(period))
}

func requireExhausted(t *testing.T, err error) *problem.Error {
	t.Helper()
	require.True(t, problem.Is(err, problem.OverBudget), "%v", err)
	return problem.Of(err)
}

func TestWhatIsNotKnownCountsAsUsed(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, `{perDay: 0.01}`)
		used := spend.Amount(0)
		for _, one := range []struct {
			tokens int
			how    agents.ExpenseEnd
			costs  spend.Amount
		}{{40, agents.UsageKnown, 400_000}, {0, agents.UsageUnknown, 1_000_000}, {0, agents.NothingUsed, 0}, {150, agents.UsageKnown, 1_500_000}} {
			e, err := h.begin("run_1")
			require.NoError(t, err)
			require.EqualValues(t, 100, e.MaxTokens())
			require.Equal(t, taken{used: int64(used), reserved: 1_000_000}, h.window("perDay"))
			e.End(tokensOf(one.tokens), one.how)
			used += one.costs
			h.awaitSettled("perDay", used)
		}
	})
}

func TestWindowsFollowTheCalendar(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.SQLite(t)), `{perDay: 0.001, perMonth: 0.002}`)
	spendOne := func() {
		e, err := h.begin("run_1")
		require.NoError(t, err)
		e.End(tokensOf(100), agents.UsageKnown)
	}
	spendOne()
	_, err := h.begin("run_1")
	p := requireExhausted(t, err)
	require.Equal(t, 21*time.Hour+30*time.Minute, p.RetryAfter, "a day of 23 hours, in which the clocks change, ends at midnight in Berlin")
	require.Contains(t, p.Detail, "It is there again at 2026-03-30 00:00 CEST")
	h.setNow("2026-03-29T22:00:00Z")
	spendOne()
	_, err = h.begin("run_1")
	requireExhausted(t, err)
	h.setNow("2026-03-31T21:59:59Z")
	_, err = h.begin("run_1")
	require.Contains(t, requireExhausted(t, err).Detail, "perMonth")
	h.setNow("2026-03-31T22:00:00Z")
	spendOne()
}

func TestOwnersAreToldOnce(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.SQLite(t)), `{perDay: 0.005}`)
	for range 4 {
		e, err := h.begin("run_1")
		require.NoError(t, err)
		e.End(tokensOf(100), agents.UsageKnown)
	}
	h.awaitSettled("perDay", 4_000_000)
	require.Equal(t, []string{"budget.warning ci perDay"}, h.told)
	e, err := h.begin("run_1")
	require.NoError(t, err)
	_, err = h.begin("run_2")
	require.Equal(t, retryReserved, requireExhausted(t, err).RetryAfter, "the last of it is reserved, and may come back")
	require.Len(t, h.told, 1)
	e.End(tokensOf(100), agents.UsageKnown)
	h.awaitSettled("perDay", 5_000_000)
	for range 3 {
		_, err = h.begin("run_3")
		requireExhausted(t, err)
	}
	require.Equal(t, []string{"budget.warning ci perDay", "budget.exhausted ci perDay"}, h.told)
	require.Error(t, h.Check(t.Context(), "ci", "a"))
	h.setBudget(`{perDay: 0.01}`)
	require.NoError(t, h.Check(t.Context(), "ci", "a"), "raised, it is there at once")
	_, err = h.begin("run_4")
	require.NoError(t, err)
}

func TestARequestBelongsToAllItsBudgetsOrNone(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.SQLite(t)), `{perRun: 0.001, perDay: 0.01, perMonth: {tokens: 1000}}`)
	e, err := h.begin("run_1")
	require.NoError(t, err)
	_, err = h.begin("run_1")
	requireExhausted(t, err)
	require.Equal(t, []taken{{reserved: 1_000_000}, {reserved: 1_000_000}, {reserved: 110}}, []taken{h.window("perRun"), h.window("perDay"), h.window("perMonth")})
	e.End(agents.Usage{PromptTokens: 8, CompletionTokens: 50, TotalTokens: 58}, agents.UsageKnown)
	h.awaitSettled("perMonth", 58)
	h.awaitSettled("perRun", 500_000)
}

// Requests of a large budget wait for few writes, and their sum is right to the last; nothing stays reserved.
func TestWhatIsReservedAhead(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, `{perDay: 1000, perMonth: {tokens: 1000000000}}`)
		var writes atomic.Int64
		s.Watch(func(statement string, _ []any) {
			if len(statement) > 40 && statement[:26] == "INSERT INTO budget_windows" {
				writes.Add(1)
			}
		})
		const callers, each = 16, 50
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range each {
					e, err := h.begin("run_1")
					if err != nil {
						t.Error(err)
						return
					}
					e.End(tokensOf(100), agents.UsageKnown)
				}
			})
		}
		all.Wait()
		h.awaitSettled("perDay", callers*each*1_000_000)
		h.awaitSettled("perMonth", callers*each*100)
		require.Less(t, writes.Load(), int64(callers*each), "most requests wait for no write")
		require.Empty(t, storetest.Rows[string](t, s, "SELECT id FROM budget_reservations"))
	})
}

// Another process has taken this one for dead, and counted all that it had reserved as used: it changes nothing of that any more.
func TestAProcessThatWasTakenForDead(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, `{perDay: 0.01}`)
		e, err := h.begin("run_1")
		require.NoError(t, err)
		other := newHouse(t, s, `{perDay: 0.01}`)
		require.NoError(t, other.RecoverFrom(t.Context(), h.instance(), func(store.Tx) error { return nil }))
		require.Equal(t, taken{used: 1_000_000}, h.window("perDay"))
		e.End(tokensOf(10), agents.UsageKnown)
		require.NoError(t, h.Close(t.Context()))
		require.Equal(t, taken{used: 1_000_000}, h.window("perDay"))
	})
}

// A reservation whose commit was in doubt, and that nobody waits for, is released.
func TestAReservationThatNobodyHolds(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.SQLite(t)), `{perDay: 0.01}`)
	e, err := h.begin("run_1")
	require.NoError(t, err)
	require.NoError(t, h.Reconcile(t.Context()))
	require.EqualValues(t, 1_000_000, h.window("perDay").reserved, "it is held")
	h.held.Drop(e.(*expense).reservation.id)
	require.NoError(t, h.Reconcile(t.Context()))
	require.Equal(t, taken{}, h.window("perDay"))
}

// The limits of a run that ends at once are held in memory; one that lasts is on record, and so is one that is put away.
func TestTheLimitsOfARun(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, `{perRun: 0.004}`)
		begin := func(a runs.Account) (agents.Expense, error) {
			return a.Begin(t.Context(), agents.ModelRequest{Agent: "a", Model: "m", IsText: true, Most: func() spend.Use { return spend.Use{Input: 10, Output: 100} }})
		}
		run := func(id string, crashes int) runs.Account {
			return h.Of(&runs.Run{ID: id, ClientID: "ci", Claim: int64(1 + crashes), Crashes: crashes})
		}
		rows := func() []windowRow {
			return storetest.Rows[windowRow](t, s, "SELECT id, used, reserved FROM budget_windows ORDER BY id")
		}

		short := run("run_1", 0)
		for range 2 {
			e, err := begin(short)
			require.NoError(t, err)
			e.End(tokensOf(100), agents.UsageKnown)
		}
		short.Close(true)
		require.Empty(t, rows())

		long := run("run_2", 0)
		first, err := begin(long)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(rows()) == 1 && rows()[0].Reserved == 1_000_000 }, 20*time.Second, 5*time.Millisecond)
		first.End(tokensOf(50), agents.UsageKnown)
		h.awaitSettled("perRun", 500_000)
		for range 3 {
			e, err := begin(long)
			require.NoError(t, err)
			e.End(tokensOf(100), agents.UsageKnown)
		}
		_, err = begin(long)
		require.Contains(t, requireExhausted(t, err).Detail, "The run has used up its budget")
		h.awaitSettled("perRun", 3_500_000)

		put := run("run_3", 0)
		var all []agents.Expense
		for range 4 {
			e, err := begin(put)
			require.NoError(t, err)
			all = append(all, e)
		}
		_, err = begin(put)
		requireExhausted(t, err)
		for _, e := range all {
			e.End(tokensOf(100), agents.UsageKnown)
		}
		put.Close(false)
		h.awaitSettled("perRun", 7_500_000)

		away := run("run_4", 0)
		e, err := begin(away)
		require.NoError(t, err)
		e.End(tokensOf(100), agents.UsageKnown)
		away.Close(false)
		require.Len(t, rows(), 3, "what a run that is put away has used is on record")
		away.Close(false)
	})
}

// A process that died has perhaps not written what a run had reserved: half of the limit counts as used when the run is retried.
func TestARunThatIsRetriedAfterACrash(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.SQLite(t)), `{perRun: 0.004}`)
	retried := h.Of(&runs.Run{ID: "run_1", ClientID: "ci", Claim: 2, Crashes: 1})
	for range 2 {
		_, err := retried.Begin(t.Context(), agents.ModelRequest{Agent: "a", Model: "m", Most: func() spend.Use { return spend.Use{Output: 100} }})
		require.NoError(t, err)
	}
	_, err := retried.Begin(t.Context(), agents.ModelRequest{Agent: "a", Model: "m", Most: func() spend.Use { return spend.Use{Output: 100} }})
	requireExhausted(t, err)
	require.Equal(t, taken{used: 2_000_000, reserved: 2_000_000}, h.window("perRun"))
}

// What a process has reserved ahead comes back when a budget gets scarce: another one gets all that is left, to the last request.
func TestWhatIsReservedAheadComesBackWhenLittleIsLeft(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		const budget = `{perDay: 0.1}`
		first, second := newHouse(t, s, budget), newHouse(t, s, budget)
		var kept []agents.Expense
		for int64(len(kept))*1_000_000 == first.window("perDay").reserved { // the first of them lets the process reserve ahead
			e, err := first.begin("run_1")
			require.NoError(t, err)
			kept = append(kept, e)
		}
		require.Less(t, len(kept), 8)
		most, paid := 100-len(kept), 0
		for ; paid < most; paid++ {
			e, err := second.begin("run_2")
			if err != nil {
				break
			}
			e.End(tokensOf(100), agents.UsageKnown)
		}
		for _, e := range kept {
			e.End(tokensOf(100), agents.UsageKnown)
		}
		require.Eventually(t, func() bool { // what the first has ahead is given back when nobody uses it
			e, err := second.begin("run_3")
			if err == nil {
				e.End(tokensOf(100), agents.UsageKnown)
				paid++
			}
			return paid == most
		}, 20*time.Second, time.Millisecond, "%d", paid)
		_, err := second.begin("run_4")
		requireExhausted(t, err)
		_, err = first.begin("run_4")
		requireExhausted(t, err)
		first.awaitSettled("perDay", 100_000_000)
	})
}
