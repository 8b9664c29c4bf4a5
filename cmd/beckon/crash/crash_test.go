package crash_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// The processes wait most of the time, so the tests run side by side.

// A kill -9 during the model call: what was running is retried where its agent says so and else fails, what waited runs.
func TestKilledDuringTheModelCall(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		release := p.model.hold("one")
		g := p.start()
		lost, retried := map[string]bool{}, map[string]bool{}
		for i := range 20 {
			for agent, ids := range map[string]map[string]bool{"one": lost, "one-retried": retried} {
				prompt, headers := fmt.Sprint(agent, i), []string{}
				if i%2 == 0 {
					headers = append(headers, "Prefer: wait=0")
				}
				id := g.accept(agent, prompt, headers...)
				require.NotEmpty(t, id)
				ids[id] = true
				p.model.await(t, "one", prompt)
			}
		}
		g.kill()
		release()
		g = p.start()
		for id := range lost {
			run := g.ended(id)
			require.Equal(t, "FAILED", run["status"])
			require.Equal(t, "interrupted", code(run))
		}
		for id := range retried {
			require.Equal(t, "COMPLETED", g.ended(id)["status"])
		}
		requireNothingOpen(t, g)
	})
}

// requireNothingOpen waits until no run goes on any more, also of those whose callers were killed before they had an answer.
func requireNothingOpen(t *testing.T, g *process) {
	for _, status := range []string{"QUEUED", "RUNNING"} { // the way that a run takes
		require.Eventually(t, func() bool {
			code, page := g.call("GET", "/api/v1/runs?status="+status, "")
			items, ok := page["items"].([]any)
			return code == 200 && ok && len(items) == 0
		}, patience, 20*time.Millisecond, "there are runs that are %s", status)
	}
}

// endedAt is when a run has ended, by its own account: how long this test takes to ask does not count.
func endedAt(t *testing.T, run map[string]any) time.Time {
	at, err := time.Parse(time.RFC3339, run["completedAt"].(string))
	require.NoError(t, err)
	return at
}

// A kill -9 in the middle of a flow: the nodes that have ended are not run again.
func TestKilledBetweenTheNodesOfAFlow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		release := p.model.hold("two")
		g := p.start()
		var ids []string
		for i := range 10 {
			ids = append(ids, g.accept("relay", fmt.Sprint("lap ", i)))
			p.model.await(t, "two", fmt.Sprint("lap ", i))
		}
		g.kill()
		release()
		g = p.start()
		for i, id := range ids {
			run := g.ended(id)
			prompt := fmt.Sprint("lap ", i)
			require.Equal(t, "COMPLETED", run["status"], "%v", run)
			require.Equal(t, "three answers "+prompt, run["output"])
			require.Equal(t, 1, p.model.count("one", prompt), "it had ended")
			require.Equal(t, 2, p.model.count("two", prompt), "it was interrupted")
			require.Equal(t, 1, p.model.count("three", prompt))
			var kinds []string
			for kind := range g.follow(t.Context(), id) {
				if kind != "message.delta" {
					kinds = append(kinds, kind)
				}
			}
			kinds = slices.Compact(kinds) // a node that was interrupted begins twice, if the first time got onto the disk
			require.Equal(t, []string{"run.started", "node.started", "node.completed", "node.started", "node.completed", "node.started",
				"node.completed", "run.completed"}, kinds)
		}
		requireNothingOpen(t, g)
	})
}

// Callers at full speed and a gateway that is killed again and again: whatever was accepted ends.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		var (
			mu       sync.Mutex
			accepted = map[string]string{} // the agent by the run
		)
		agents := []string{"one", "one-retried", "relay"}
		for round := range 3 {
			g := p.start()
			var callers sync.WaitGroup
			before := len(accepted)
			for c := range 8 {
				callers.Go(func() {
					for i := 0; ; i++ {
						agent, headers := agents[i%len(agents)], []string{}
						if i%2 == 0 {
							headers = append(headers, "Prefer: wait=0")
						}
						id := g.accept(agent, fmt.Sprintf("%d.%d.%d", round, c, i), headers...)
						if id == "" {
							return // the gateway is gone
						}
						mu.Lock()
						accepted[id] = agent
						mu.Unlock()
					}
				})
			}
			enough := before + 30 + rand.IntN(300) // any moment will do, once there is something to lose
			require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(accepted) >= enough }, patience, time.Millisecond)
			g.kill()
			callers.Wait()
		}
		g, restarted := p.start(), time.Now()
		statuses, took := map[string]int{}, time.Duration(0)
		for id, agent := range accepted {
			run := g.ended(id)
			took = max(took, endedAt(t, run).Sub(restarted))
			status := run["status"].(string)
			statuses[status]++
			if status != "COMPLETED" {
				require.Equal(t, "interrupted", code(run), "%v", run)
				require.Equal(t, "one", agent, "the others are retried: %v", run)
			}
		}
		require.Less(t, took, time.Minute)
		require.Greater(t, statuses["COMPLETED"], 20)
		t.Logf("%d accepted runs ended within %s: %v", len(accepted), took, statuses)
		requireNothingOpen(t, g)
	})
}

// A gateway that is killed while it makes its tables does not keep the next one from doing so.
func TestKilledDuringAMigration(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		for i := range 12 {
			g := p.launch()
			time.Sleep(time.Duration(3*i) * time.Millisecond) // a start takes some 30 ms
			g.kill()
		}
		g := p.start()
		require.Equal(t, "COMPLETED", g.ended(g.accept("one", "x"))["status"])
	})
}

// Three gateways on one PostgreSQL, of which one dies: the others finish what it had begun, and all that waits.
func TestOneOfThreeReplicasDies(t *testing.T) {
	t.Parallel()
	p := newPlant(t, storetest.Postgres(t))
	release := p.model.hold("two")
	replicas := []*process{p.start(), p.start(), p.start()}
	relays := map[string]string{} // the prompt by the run
	for i := range 30 {
		prompt := fmt.Sprint("relay ", i)
		id := replicas[i%3].accept("relay", prompt, "Prefer: wait=0")
		relays[id] = prompt
		p.model.await(t, "two", prompt)
	}
	var plain []string
	releaseOne := p.model.hold("one")
	for i := range 9 {
		prompt := fmt.Sprint("plain ", i)
		plain = append(plain, replicas[i%3].accept("one", prompt, "Prefer: wait=0"))
		p.model.await(t, "one", prompt)
	}
	replicas[0].kill()
	died, took := time.Now(), time.Duration(0)
	release()
	releaseOne()
	var waiting []string
	for i := range 30 {
		waiting = append(waiting, replicas[1+i%2].accept("three", fmt.Sprint("waits ", i)))
	}
	for i, id := range plain {
		run := replicas[1].ended(id)
		took = max(took, endedAt(t, run).Sub(died))
		if i%3 == 0 {
			require.Equal(t, "interrupted", code(run), "%v", run)
		} else {
			require.Equal(t, "COMPLETED", run["status"])
		}
	}
	for id, prompt := range relays {
		run := replicas[2].ended(id)
		took = max(took, endedAt(t, run).Sub(died))
		require.Equal(t, "COMPLETED", run["status"])
		require.Equal(t, 1, p.model.count("one", prompt), "it had ended")
		require.Equal(t, 1, p.model.count("three", prompt))
	}
	for _, id := range waiting {
		run := replicas[1].ended(id)
		took = max(took, endedAt(t, run).Sub(died))
		require.Equal(t, "COMPLETED", run["status"])
	}
	require.Less(t, took, time.Minute)
	t.Logf("all runs had ended %s after the death", took)
	requireNothingOpen(t, replicas[1])
}

// A run is followed and canceled on replicas that do not work on it.
func TestReplicasSeeEachOthersRuns(t *testing.T) {
	t.Parallel()
	p := newPlant(t, storetest.Postgres(t))
	a, b := p.start(), p.start()
	// begin starts a run here, and follows it there until it waits for a model.
	begin := func(prompt string) (id string, kinds <-chan string, release func()) {
		release = p.model.hold("two")
		id = a.accept("relay", prompt, "Prefer: wait=0")
		p.model.await(t, "two", prompt)
		kinds = b.follow(t.Context(), id)
		for _, want := range []string{"run.started", "node.started", "node.completed", "node.started"} {
			require.Equal(t, want, <-kinds)
		}
		return id, kinds, release
	}

	requireSoon(t, 2*time.Second, func(prompt string) time.Duration {
		id, kinds, release := begin("canceled " + prompt)
		defer release()
		canceled := time.Now()
		status, _ := b.call("POST", "/api/v1/runs/"+id+"/cancel", "")
		require.Equal(t, 202, status)
		rest := all(kinds)
		took := time.Since(canceled)
		require.Equal(t, "run.canceled", rest[len(rest)-1])
		require.Equal(t, "CANCELED", b.ended(id)["status"])
		return took
	})

	// What happens there is seen here within half a second.
	requireSoon(t, 500*time.Millisecond, func(prompt string) time.Duration {
		_, kinds, release := begin("goes on " + prompt)
		release()
		released := time.Now()
		require.Equal(t, "node.completed", <-kinds)
		took := time.Since(released)
		require.Equal(t, []string{"node.started", "node.completed", "run.completed"}, all(kinds))
		return took
	})
}

// requireSoon wants one of a few attempts to have taken no longer than limit: a busy machine holds up one or another of
// them, a gateway that is too slow holds up all. Each gets a prompt of its own.
func requireSoon(t *testing.T, limit time.Duration, attempt func(prompt string) time.Duration) {
	var took []time.Duration
	for i := range 5 {
		if took = append(took, attempt(fmt.Sprint(i))); took[i] < limit {
			t.Logf("within %s: %s", limit, took)
			return
		}
	}
	require.Fail(t, "it was never soon enough", "wanted within %s, took %s", limit, took)
}

// all reads the types of events up to the last.
func all(kinds <-chan string) (list []string) {
	for kind := range kinds {
		list = append(list, kind)
	}
	return list
}
