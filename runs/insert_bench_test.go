package runs

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// What a run costs to write in processor time, with and without an index that only a list needs. Calls that are answered at once
// are written once, as a whole; others in two steps. Writes come one by one, or 32 at a time, which then share transactions.
func BenchmarkInsert(b *testing.B) {
	for _, dropped := range []string{"", "runs_by_client_and_workflow"} {
		s := storetest.Open(b, storetest.Default(b))
		storetest.Fill(b, s, 20_000)
		ctx, at := context.Background(), storage{s}
		name := "all indexes"
		if dropped != "" {
			name = "without " + dropped
			require.NoError(b, s.Write(ctx, func(tx store.Tx) error { return tx.Exec("DROP INDEX " + dropped) }))
		}
		insert := func(r *Run) error {
			return s.Write(ctx, func(tx store.Tx) error { return at.insert(tx, r, "ins_1") })
		}
		end := func(r *Run) {
			r.Status, r.Output, r.CompletedAt, r.Usage.TotalTokens = Completed, strings.Repeat("y", 350), time.Now().UTC(), 900
		}
		for steps, write := range map[string]func(r *Run) error{
			"at once": func(r *Run) error {
				end(r)
				return insert(r)
			},
			"in two steps": func(r *Run) error {
				if err := insert(r); err != nil {
					return err
				}
				end(r)
				return s.Write(ctx, func(tx store.Tx) error { return endRun(tx, r) })
			},
		} {
			for _, writers := range []int{1, 32} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, steps, writers), func(b *testing.B) {
					var n atomic.Int64
					b.SetParallelism(writers)
					begin := processorTime(b)
					b.RunParallel(func(each *testing.PB) {
						for each.Next() {
							if err := write(benchRun(int(n.Add(1)))); err != nil {
								b.Error(err)
							}
						}
					})
					b.ReportMetric(float64(processorTime(b)-begin)/float64(b.N), "cpu-ns/op")
				})
			}
		}
	}
}

func benchRun(i int) *Run {
	now := time.Now().UTC()
	r := newRun(Request{ClientID: fmt.Sprintf("client-%02d", i%20), Entry: &agents.Entry{ID: fmt.Sprintf("agent-%02d", i%30)}, Source: SourceWebhook,
		Input: strings.Repeat("x", 150), ReceivedAt: now}, now)
	r.Status, r.StartedAt = Running, now
	return &r
}

func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
