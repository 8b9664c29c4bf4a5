package runs_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"beckon/agents"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/runs"
)

func BenchmarkOne(b *testing.B) { benchSync(b, 1) }
func BenchmarkSync(b *testing.B) { benchSync(b, 32) }

func benchSync(b *testing.B, workers int) {
	s := storetest.Open(b, storetest.SQLite(b))
	service := runs.New(runs.Config{Store: s, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test")})
	r := request(func(ctx context.Context, _ agents.Call) (agents.Result, error) { return agents.Result{Output: "a short answer of a model"}, nil })
	var group sync.WaitGroup
	b.ResetTimer()
	for w := range workers {
		n := b.N / workers
		if w == 0 { n += b.N % workers }
		group.Go(func() {
			for range n {
				a, err := service.Start(context.Background(), r)
				if err != nil { b.Error(err); return }
				<-a.Done()
			}
		})
	}
	group.Wait()
}
