package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBudgets measures what budgets add to calls at 32 connections, on SQLite: slices of calls with and without them take
// turns, so that whatever else the machine does meets both. Of the differences between neighbours it reports the median, in
// processor time and in wall time, of the whole process: the callers and the model are in it.
func BenchmarkBudgets(b *testing.B) {
	for name, budget := range map[string]string{
		"large":      "{perDay: 1000000, perMonth: {tokens: 1000000000000}}",
		"of a month": "{perDay: 5, perMonth: 50}",
		"of a run":   "{perRun: 0.20, perDay: 5, perMonth: 50}",
	} {
		b.Run(name, func(b *testing.B) { measureBudget(b, budget) })
	}
}

func measureBudget(b *testing.B, budget string) {
	const slice = 1000
	model := httptest.NewServer(http.HandlerFunc(modelAnswers))
	b.Cleanup(model.Close)
	s := start(b, load(b, fmt.Sprintf(`
database: {url: %q}
admin: {password: "a password"}
egress: {allowPrivate: [127.0.0.0/8]}
providers: [{id: p, type: openai, url: "%s/v1", apiKey: k}]
agents: [{id: a, provider: p, model: m}]
prices: [{model: m, input: 1, output: 2}]
clients:
  - {id: free, token: t0ken-free, passthrough: true, allowedAgents: [a]}
  - {id: held, token: t0ken-held, passthrough: true, allowedAgents: [a], budget: %s}
`, sqliteIn(b.TempDir()), model.URL, budget)))
	s.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	run := func(client string) (cpu, wall time.Duration) {
		began, before := time.Now(), processorTime(b)
		var left atomic.Int64
		left.Store(slice)
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					r, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/webhooks/"+client, strings.NewReader(`{"prompt":"hi"}`))
					if err != nil {
						b.Error(err)
						return
					}
					r.Header.Set("Authorization", "Bearer t0ken-"+client)
					r.Header.Set("Content-Type", "application/json")
					response, err := s.client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
					if response.StatusCode != http.StatusOK {
						b.Errorf("status %d", response.StatusCode)
						return
					}
				}
			})
		}
		all.Wait()
		return processorTime(b) - before, time.Since(began)
	}
	run("free")
	run("held")
	var cpu, wall []float64
	var free, held time.Duration
	for i := 0; b.Loop(); i++ {
		clients := []string{"free", "held"}
		if i%2 == 1 {
			slices.Reverse(clients)
		}
		took := map[string][2]time.Duration{}
		for _, client := range clients {
			c, w := run(client)
			took[client] = [2]time.Duration{c, w}
		}
		f, h := took["free"], took["held"]
		cpu, wall = append(cpu, more(f[0], h[0])), append(wall, more(f[1], h[1]))
		free, held = free+f[0], held+h[0]
	}
	b.ReportMetric(median(cpu), "cpu-%")
	b.ReportMetric(median(wall), "wall-%")
	b.ReportMetric(more(free, held), "cpu-sum-%")
	b.ReportMetric(float64(free.Microseconds())/slice/float64(len(cpu)), "cpu-us/call")
}

// more says by how many percent b is more than a.
func more(a, b time.Duration) float64 { return 100 * (float64(b)/float64(a) - 1) }

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
