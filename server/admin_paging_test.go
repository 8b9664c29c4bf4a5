package server_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAdminPagesOfResources(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	for i := range 5 {
		g.has("/commands", fmt.Sprintf(`{"id":"more-%d","prompt":"x"}`, i))
	}
	idsOf := func(a answer) (ids []string) {
		require.Equal(t, 200, a.StatusCode, a.body)
		for _, item := range a.json(t)["items"].([]any) {
			ids = append(ids, item.(map[string]any)["id"].(string))
		}
		return ids
	}
	all := idsOf(g.admin(http.MethodGet, "/commands", ""))
	require.Greater(t, len(all), 5)
	walk := func(between func(page int)) (found []string) {
		cursor := ""
		for page := 0; ; page++ {
			a := g.admin(http.MethodGet, "/commands?limit=2&cursor="+cursor, "")
			found = append(found, idsOf(a)...)
			next := a.json(t)["nextCursor"]
			if next == nil {
				return found
			}
			require.Len(t, a.json(t)["items"], 2)
			cursor = next.(string)
			between(page)
		}
	}
	require.Equal(t, all, walk(func(int) {}))
	// What a cursor names may be gone when it is used.
	require.Equal(t, all, walk(func(page int) {
		if page == 1 {
			require.Equal(t, 204, g.admin(http.MethodDelete, "/commands/"+all[3], "").StatusCode)
		}
	}))
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "cursor=%21", "cursor=aGkgdGhlcmU", "page=2"} {
		require.Equal(t, 400, g.admin(http.MethodGet, "/commands?"+query, "").StatusCode, query)
	}
}
