package gateway

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// What runs have used and cost can be read by a spreadsheet, page after page, and no cell is a formula.
func TestExportsOfRunsAndStatistics(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		m := newPayingModel(t)
		s := budgeted(t, url, m, "", "", "")
		status, text := s.call("ci?agent=a", "t0ken", "hi")
		require.Equal(t, http.StatusOK, status, text)
		status, text = s.call("ci?agent=unknown", "t0ken", "hi")
		require.Equal(t, http.StatusOK, status, text)
		read := func(path string) (columns []string, rows []map[string]string) {
			t.Helper()
			all, err := csv.NewReader(strings.NewReader(s.admin(t, "/api/v1/admin/"+path))).ReadAll()
			require.NoError(t, err)
			for _, cells := range all[1:] {
				row := map[string]string{}
				for i, cell := range cells {
					row[all[0][i]] = cell
				}
				rows = append(rows, row)
			}
			return all[0], rows
		}
		columns, rows := read("runs.csv")
		require.Contains(t, columns, "reasoningTokens")
		require.Len(t, rows, 2)
		require.Equal(t, []string{"unknown", "", "110"}, []string{rows[0]["workflowId"], rows[0]["costUSD"], rows[0]["totalTokens"]})
		require.Equal(t, []string{"a", "0.001", "100", "COMPLETED"}, []string{rows[1]["workflowId"], rows[1]["costUSD"], rows[1]["completionTokens"], rows[1]["status"]})
		require.NotEmpty(t, rows[1]["provider"])
		require.NotEmpty(t, rows[1]["model"])
		_, rows = read("runs.csv?agent=a&since=1h")
		require.Len(t, rows, 1)
		_, rows = read("stats.csv?since=1h")
		last := rows[len(rows)-1]
		if last["runs"] == "0" { // an hour has begun meanwhile
			last = rows[len(rows)-2]
		}
		require.Equal(t, []string{"2", "2", "220", "0.001"}, []string{last["runs"], last["completed"], last["tokens"], last["costUSD"]})

		require.NoError(t, s.store.Write(t.Context(), func(tx store.Tx) error {
			for i := range 450 {
				err := tx.Exec(`INSERT INTO runs (id, status, client_id, workflow_id, source, input, verdict, created_at) VALUES (?, 'COMPLETED', 'many', 'a', 'api', '', '=1+1', ?)`,
					fmt.Sprintf("run_01KA%022d", i), time.Now().UnixMilli())
				if err != nil {
					return err
				}
			}
			return nil
		}))
		_, rows = read("runs.csv?client=many")
		require.Len(t, rows, 450)
		require.Equal(t, "'=1+1", rows[0]["verdict"])
	})
}
