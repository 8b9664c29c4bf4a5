package runs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestZZ(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		now := time.Now().UnixMilli()
		series := "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < 99999)"
		start := time.Now()
		require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error {
			return tx.Exec(series+` INSERT INTO runs (id, status, client_id, workflow_id, source, input, output, error_code, total_tokens, prompt_tokens, completion_tokens, created_at, started_at, completed_at)
			SELECT 'run_' || CAST(1000000+i AS TEXT), CASE WHEN i % 10 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'c', 'a', 'webhook', ?, ?, null, i % 100, 3, 4, ? + CAST(i AS BIGINT) * 860, ? + CAST(i AS BIGINT)*860, ? + CAST(i AS BIGINT)*860 + (i * 7919) % 5000 FROM n`,
				fmt.Sprintf("%01000d", 1), fmt.Sprintf("%01000d", 1), now-86400000, now-86400000, now-86400000).Error
		}))
		t.Log("insert", time.Since(start))
		d := "(completed_at - started_at)"
		bucket := "CASE WHEN " + d + " < 100 THEN " + d + " WHEN " + d + " < 1000 THEN " + d + "/10*10 WHEN " + d + " < 10000 THEN " + d + "/100*100 ELSE " + d + "/1000*1000 END"
		q := func(name, sql string, args ...any) {
			for range 3 {
				start := time.Now()
				rows, err := s.Read(ctx).Raw(sql, args...).Rows()
				require.NoError(t, err)
				n := 0
				for rows.Next() {
					n++
				}
				rows.Close()
				t.Log(name, n, time.Since(start))
			}
		}
		full := "SELECT created_at/3600000, status, " + bucket + ", COUNT(*), SUM(total_tokens) FROM runs WHERE created_at >= ? GROUP BY 1,2,3"
		q("noindex", full, now-86400000)
		ix := func(sql string) {
			start := time.Now()
			require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error { return tx.Exec(sql).Error }))
			t.Log("index", time.Since(start))
		}
		ix("CREATE INDEX st1 ON runs (created_at, status, started_at, completed_at, total_tokens)")
		if s.Shared() { s.Write(ctx, func(tx *gorm.DB) error { return tx.Exec("ANALYZE runs").Error }) }
		q("covering", full, now-86400000)
		q("covering nobucket", "SELECT created_at/3600000, status, COUNT(*), SUM(total_tokens) FROM runs WHERE created_at >= ? GROUP BY 1,2", now-86400000)
		q("count", "SELECT COUNT(*), SUM(total_tokens) FROM runs WHERE created_at >= ?", now-86400000)
		ix("CREATE INDEX st2 ON runs ((created_at/3600000), status, (" + bucket + "), total_tokens)")
		if s.Shared() { s.Write(ctx, func(tx *gorm.DB) error { return tx.Exec("ANALYZE runs").Error }) }
		q("expr", "SELECT created_at/3600000, status, " + bucket + ", COUNT(*), SUM(total_tokens) FROM runs WHERE created_at/3600000 >= ? GROUP BY 1,2,3", (now-86400000)/3600000)
	})
}
