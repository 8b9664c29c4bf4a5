package runs

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// A busy day is counted in the order of one index, without sorting; anything else takes many times as long.
func TestStatisticsUseTheirIndex(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	for query, plan := range map[string]string{
		countRuns:  "SEARCH runs USING INDEX runs_by_hour (hour>?)",
		lastFailed: "SEARCH runs USING INDEX runs_by_status (status=?)",
	} {
		var steps []struct{ Detail string }
		require.NoError(t, s.Read(context.Background()).Raw("EXPLAIN QUERY PLAN "+query, 1).Scan(&steps).Error)
		require.Len(t, steps, 1, "%v", steps)
		require.Equal(t, plan, steps[0].Detail)
	}
}
