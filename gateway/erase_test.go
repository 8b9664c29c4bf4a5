package gateway

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/runs"
)

func (c *redacting) erase(id string) int {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodDelete, c.url+"/api/v1/admin/runs/"+id+"/content", nil)
	require.NoError(c.t, err)
	r.Header.Set("Authorization", "Bearer adm1n")
	response, err := c.client.Do(r)
	require.NoError(c.t, err)
	require.NoError(c.t, response.Body.Close())
	return response.StatusCode
}

// What an administrator erases is gone from everywhere, also what was on its way.
func TestErase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		c := newRedacting(t, database)
		require.Equal(t, 404, c.erase("run_01J00000000000000000000000"))
		body := fmt.Sprintf(`{"agent":"both-ways","prompt":%q,"metadata":{"of":%q},"webhook":{"url":%q,"metadata":{"m":%q},"retry":["1h"]}}`, planted, planted, c.receiver+"/fails", planted)
		r, answer := c.ask("plain", body, `Idempotency-Key: "once"`)
		require.Equal(t, 200, r.StatusCode, answer)
		id := r.Header.Get("Beckon-Run-Id")
		require.Eventually(t, func() bool { return len(c.received.with("/fails", "run.completed")) > 0 }, patience, 10*time.Millisecond)
		require.Contains(t, c.read("plain", id), plantedCard)

		require.Equal(t, 204, c.erase(id))
		require.Equal(t, 204, c.erase(id), "again")
		run := c.awaitEnd(id) // no delivery waits
		require.Equal(t, runs.Completed, run.Status)
		require.Equal(t, runs.ErasedByAdmin, run.Erased)
		require.Contains(t, c.read("plain", id), `"contentErased":true`)
		requireNothingPlanted(t, c.read("plain", id))

		r, answer = c.ask("plain", body, `Idempotency-Key: "once"`)
		require.Equal(t, 410, r.StatusCode)
		require.Contains(t, answer, "content_erased")

		list := c.admin(t, "/api/v1/admin/deliveries?run="+id)
		require.Contains(t, list, "content_erased")
		require.Contains(t, c.admin(t, "/api/v1/admin/audit?section=runs&id="+id), `"erase"`)
		c.end()
		requireNothingPlanted(t, c.dump())
	})
}
