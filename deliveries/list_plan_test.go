package deliveries

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// The few deliveries that wait, are under way or have failed are found without reading the many others.
func TestListsUseTheirIndexes(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	for _, test := range []struct {
		q     Query
		index string
	}{
		{Query{}, "PRIMARY KEY"},
		{Query{EndpointID: "ops"}, "deliveries_by_endpoint"},
		{Query{RunID: "run_1", Status: Failed}, "deliveries_by_run"},
		{Query{Status: Pending}, "deliveries_pending"},
		{Query{Status: Pending, EndpointID: "ops"}, "deliveries_pending (lane=?)"},
		{Query{Status: Sending}, "deliveries_sending"},
		{Query{Status: Failed}, "deliveries_failed"},
		{Query{Status: Failed, EndpointID: "ops"}, "deliveries_failed (endpoint_id=?)"},
	} {
		where, values := test.q.conditions("dlv_~")
		var steps []struct{ Detail string }
		require.NoError(t, s.Read(context.Background()).Raw("EXPLAIN QUERY PLAN SELECT * FROM deliveries WHERE "+where+" ORDER BY id DESC LIMIT ?", append(values, 51)...).Scan(&steps).Error)
		var plan []string
		for _, step := range steps {
			plan = append(plan, step.Detail)
		}
		require.Contains(t, strings.Join(plan, "\n"), test.index, "%+v", test.q)
	}
}
