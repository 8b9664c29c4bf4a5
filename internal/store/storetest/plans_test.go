package storetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestCostlyStatementsAreFound(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storetest.Fill(t, s, 6000)
		for statement, want := range map[string]bool{
			"SELECT COUNT(*) FROM runs WHERE source = 'api'":                                           true,
			"SELECT client_id, COUNT(*) FROM runs GROUP BY client_id":                                  true,
			"SELECT e.id FROM events e WHERE e.type = 'run.started' AND e.id > 'evt_' ORDER BY e.type": true,
			"SELECT id FROM deliveries WHERE status_code > 0 ORDER BY error LIMIT 1":                   true,
			"SELECT id FROM runs WHERE id < 'run_~' ORDER BY id DESC LIMIT 3":                          false,
			"SELECT id FROM runs WHERE client_id = 'none' AND workflow_id = 'none'":                    false,
			"SELECT COUNT(*) FROM deliveries WHERE status = 'PENDING'":                                 false,
			// PostgreSQL is judged by the rows that it reads.
			"SELECT endpoint_id, COUNT(*) FROM deliveries WHERE status = 'FAILED' GROUP BY endpoint_id": !s.Shared(),
			"SELECT * FROM resources": false,
		} {
			asked := storetest.Record(s)
			require.NoError(t, s.Read(t.Context()).Exec(statement))
			require.Equal(t, want, len(asked.Costly(t)) > 0, statement)
		}
	})
}
