package schedules_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
	"beckon/schedules"
)

var workdays = clients.Client{ID: "report", Schedule: "0 7 * * 1-5", Timezone: "Europe/Berlin"}

// tuesday is when workdays comes next after monday.
var tuesday = time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)

func TestAScheduleStartsOneRunAtEachOfItsTimes(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, workdays, clients.Client{ID: "other", Passthrough: true})
		g := h.open()
		g.look()
		require.Equal(t, tuesday, g.state("report").NextRun)
		require.Zero(t, g.state("report").LastRun)
		require.Zero(t, g.state("other"))
		g.lookAt(tuesday.Add(-time.Second))
		require.Zero(t, h.runs("report"))

		g.lookAt(tuesday.Add(300 * time.Millisecond))
		g.look()
		require.Equal(t, 1, h.runs("report"))
		state := g.state("report")
		require.Equal(t, tuesday.AddDate(0, 0, 1), state.NextRun)
		require.Equal(t, tuesday.Add(300*time.Millisecond), state.LastRun)
		require.Equal(t, storetest.Row[string](t, s, "SELECT id FROM runs"), state.LastRunID)
		require.Equal(t, "Europe/Berlin", state.Zone.String())

		g.lookAt(tuesday.AddDate(0, 0, 1))
		require.Equal(t, 2, h.runs("report"))
	})
}

func TestTheTimeZoneOfTheServerIsTheDefault(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), clients.Client{ID: "report", Schedule: "0 7 * * *"})
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	g := h.open(func(c *schedules.Config) { c.Zone = tokyo })
	require.Equal(t, "2026-11-30T22:00:00Z", g.state("report").NextRun.Format(time.RFC3339))
	g = h.open()
	require.Equal(t, "2026-11-30T07:00:00Z", g.state("report").NextRun.Format(time.RFC3339))
}

func TestWhatWasMissed(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		skipping := clients.Client{ID: "skipping", Schedule: "@hourly", Missed: clients.MissedSkip}
		h := newHouse(t, s, clients.Client{ID: "once", Schedule: "@hourly"}, skipping)
		h.open().look()

		// Three times later another gateway starts.
		g := h.open()
		g.lookAt(monday.Add(2*time.Hour + 45*time.Minute))
		require.Equal(t, 1, h.runs("once"))
		require.Zero(t, h.runs("skipping"))
		for _, id := range []string{"once", "skipping"} {
			require.Equal(t, "10:00", g.state(id).NextRun.Format("15:04"))
		}

		// What comes a few seconds late is not missed.
		g.lookAt(g.state("skipping").NextRun.Add(3 * time.Second))
		require.Equal(t, 2, h.runs("once"))
		require.Equal(t, 1, h.runs("skipping"))
	})
}

func TestASeriesKeepsItsRhythm(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), clients.Client{ID: "often", Schedule: "@every 10m"})
	g := h.open()
	g.look()
	for n := range 3 {
		g.lookAt(monday.Add(time.Duration(n+1)*10*time.Minute + 900*time.Millisecond))
		require.Equal(t, n+1, h.runs("often"))
	}
	require.Equal(t, monday.Add(40*time.Minute), g.state("often").NextRun)
}

func TestAcrossTheChangesOfClocks(t *testing.T) {
	for name, c := range map[string]struct{ from, first, second string }{
		"skipped":     {"2026-03-28T03:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		"shown twice": {"2026-10-24T03:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, storetest.Open(t, storetest.Default(t)), clients.Client{ID: "night", Schedule: "30 2 * * *", Timezone: "Europe/Berlin"})
			from, _ := time.Parse(time.RFC3339, c.from)
			h.clock.set(from)
			g := h.open()
			g.look()
			var at []string
			for len(at) < 2 {
				before := h.runs("night")
				h.clock.advance(10 * time.Minute)
				if g.look(); h.runs("night") > before {
					at = append(at, h.clock.Now().Format(time.RFC3339))
				}
			}
			require.Equal(t, []string{c.first, c.second}, at)
		})
	}
}

// All gateways find a time due at the same moment.
func TestSeveralGatewaysStartOneRun(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		list := []clients.Client{workdays}
		for _, id := range []string{"a", "b", "c", "d"} {
			list = append(list, clients.Client{ID: id, Schedule: "0 7 * * *", Timezone: "Europe/Berlin"})
		}
		h := newHouse(t, s, list...)
		var all []*gateway
		for range 4 {
			g := h.open()
			g.look()
			all = append(all, g)
		}
		for n := range 3 {
			h.clock.set(tuesday.AddDate(0, 0, n))
			var together sync.WaitGroup
			for _, g := range all {
				together.Go(func() {
					if err := schedules.Look(g.Service, context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			together.Wait()
			for _, c := range list {
				require.Equal(t, n+1, h.runs(c.ID), c.ID)
			}
		}
	})
}

// Whoever takes a time and ends before its run is on record has not taken it.
func TestAGatewayThatEndsBetweenTakingATimeAndRecordingItsRun(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		h := newHouse(t, s, workdays)
		taken := 0
		g := h.open(func(c *schedules.Config) {
			enqueue := c.Enqueue
			c.Enqueue = func(ctx context.Context, r runs.Request) (*runs.Run, error) {
				take := r.Also
				r.Also = func(tx store.Tx, runID string) error {
					if err := take(tx, runID); err != nil {
						return err
					}
					taken++
					return errKilled
				}
				return enqueue(ctx, r)
			}
		})
		g.look()
		h.clock.set(tuesday)
		require.ErrorIs(t, schedules.Look(g.Service, t.Context()), errKilled)
		require.NotZero(t, taken)
		require.Zero(t, h.runs("report"))
		require.Equal(t, tuesday, g.state("report").NextRun)

		other := h.open()
		other.look()
		require.Equal(t, 1, h.runs("report"))
		require.Equal(t, tuesday.AddDate(0, 0, 1), other.state("report").NextRun)
	})
}

func TestTimesOfASchedulesPastAreNotStarted(t *testing.T) {
	changed, disabled, later := workdays, workdays, workdays
	changed.Schedule = "0 9 * * 5"
	disabled.Enabled = new(bool)
	later.Since = tuesday
	for name, c := range map[string]struct {
		meanwhile []clients.Client
		next      string
	}{
		"changed":        {[]clients.Client{changed}, "Wed 07:00"},
		"disabled":       {[]clients.Client{disabled}, "Wed 07:00"},
		"deleted":        {nil, "Wed 07:00"},
		"another client": {[]clients.Client{later}, "Wed 07:00"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *store.Store) {
				h := newHouse(t, s, workdays)
				h.open().look()
				h.use(c.meanwhile...)
				g := h.open()
				g.look()
				h.clock.set(tuesday.Add(time.Minute))
				g.look()
				h.use(workdays)
				require.Equal(t, c.next, g.state("report").NextRun.In(g.state("report").Zone).Format("Mon 15:04"), "before the next look")
				g.look()
				require.Equal(t, c.next, g.state("report").NextRun.In(g.state("report").Zone).Format("Mon 15:04"))
				if name == "another client" {
					return // it has started its run
				}
				require.Zero(t, h.runs("report"))
			})
		})
	}
}

// A pause does not forget the last run, and what is made later with the same id has none.
func TestTheLastRun(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), workdays)
	g := h.open()
	g.look()
	g.lookAt(tuesday)
	require.Equal(t, tuesday, g.state("report").LastRun)

	paused := workdays
	paused.Enabled = new(bool)
	h.use(paused)
	g.look()
	require.Equal(t, tuesday, g.state("report").LastRun)
	require.Zero(t, g.state("report").NextRun)
	h.use(workdays)
	g.look()
	require.Equal(t, tuesday, g.state("report").LastRun)

	another := workdays
	another.Since = tuesday.Add(time.Hour)
	h.use(another)
	require.Zero(t, g.state("report").LastRun)
	g.look()
	require.Zero(t, g.state("report").LastRun)
}

// What is wrong with one client keeps no other from starting.
func TestARunThatCannotBeMade(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), workdays, clients.Client{ID: "broken", Schedule: "0 6 * * *", Timezone: "Europe/Berlin"})
	broken := problem.New(problem.Unavailable, problem.CodeAgentUnavailable, "The agent is gone.")
	g := h.open(func(c *schedules.Config) {
		run := c.Run
		c.Run = func(ctx context.Context, id string) (runs.Request, error) {
			if id == "broken" && broken != nil {
				return runs.Request{}, broken
			}
			return run(ctx, id)
		}
	})
	g.look()
	h.clock.set(tuesday)
	require.ErrorContains(t, schedules.Look(g.Service, t.Context()), `client "broken"`)
	require.Equal(t, 1, h.runs("report"))
	broken = nil
	h.clock.advance(time.Minute)
	g.look()
	require.Equal(t, 1, h.runs("broken"))
}

func TestADrainingGatewayLeavesTimesToOthers(t *testing.T) {
	h := newHouse(t, storetest.Open(t, storetest.Default(t)), workdays)
	g := h.open(func(c *schedules.Config) {
		c.Enqueue = func(context.Context, runs.Request) (*runs.Run, error) {
			return nil, problem.New(problem.Unavailable, problem.CodeShuttingDown, "Beckon is shutting down.")
		}
	})
	g.look()
	g.lookAt(tuesday)
	require.Zero(t, h.runs("report"))
	h.open().look()
	require.Equal(t, 1, h.runs("report"))
}
