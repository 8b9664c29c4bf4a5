package artifacts_test

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// What it costs to keep a long text as a file, beside the row that has it now (docs/decisions/055-long-texts.md). Eight runs end at
// the same time, as under load.
func BenchmarkLongTexts(b *testing.B) {
	text := strings.Repeat("The disk of db1 is full. ", 64<<10/25+1)[:64<<10]
	ended := func(b *testing.B, end func(s *store.Store, service *artifacts.Service) error) {
		s := storetest.Open(b, storetest.Default(b))
		service, _ := newService(b, s)
		addRun(b, s, maker.RunID, false)
		b.SetBytes(int64(len(text)))
		b.SetParallelism(4)
		b.ResetTimer()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				require.NoError(b, end(s, service))
			}
		})
	}
	b.Run("in the row", func(b *testing.B) {
		var n atomic.Int64
		ended(b, func(s *store.Store, _ *artifacts.Service) error {
			return s.Write(b.Context(), func(tx store.Tx) error {
				return tx.Exec("INSERT INTO nodes (run_id, node_id, node_type, place, status, started_at, output) VALUES (?, ?, 'agent', 1, 'COMPLETED', 1, ?)",
					maker.RunID, strconv.FormatInt(n.Add(1), 10), text)
			})
		})
	})
	b.Run("in a file", func(b *testing.B) {
		ended(b, func(s *store.Store, service *artifacts.Service) error {
			a, err := service.Save(b.Context(), maker, "output.txt", "text/plain", strings.NewReader(text))
			if err != nil {
				return err
			}
			return s.Write(b.Context(), func(tx store.Tx) error { return service.Keep(tx, maker.RunID, []agents.Artifact{a}) })
		})
	})
}
