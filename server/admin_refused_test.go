package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/server"
)

func TestRefusedCallsAreListed(t *testing.T) {
	db := storetest.Open(t, storetest.Default(t))
	g := newAdminGateway(t, setting{store: db, server: func(c *server.Config) {
		keepsRefused(db)(c)
		c.Refused = db
	}})
	g.fill()
	list := func(query string) (items []any, next any) {
		a := g.admin(http.MethodGet, "/refused"+query, "")
		require.Equal(t, 200, a.StatusCode, a.body)
		return a.json(t)["items"].([]any), a.json(t)["nextCursor"]
	}
	items, next := list("")
	require.Empty(t, items)
	require.Nil(t, next)
	for _, id := range []string{"nobody", "ci", "nobody"} {
		a := g.do(g.request("/api/v1/webhooks/"+id+"?token=hidden", "hello", "Authorization: Bearer wrong-secret", "X-Request-Id: of-"+id))
		require.Equal(t, 401, a.StatusCode)
	}
	require.Equal(t, 404, g.do(g.request("/api/v1/nothing", "")).StatusCode)
	require.Eventually(t, func() bool {
		calls, _, err := db.RefusedCalls(t.Context(), store.RefusedQuery{Limit: 10})
		return err == nil && len(calls) == 4
	}, patience, 10*time.Millisecond)

	items, next = list("?client=nobody&limit=1")
	require.Len(t, items, 1)
	require.NotNil(t, next)
	second, none := list("?client=nobody&limit=1&cursor=" + next.(string))
	require.Len(t, second, 1)
	require.Nil(t, none)
	require.NotEqual(t, items, second)
	call := items[0].(map[string]any)
	require.Regexp(t, "^ref_", call["id"])
	require.Regexp(t, `^20\d\d-\d\d-\d\dT.*Z$`, call["at"])
	for name, want := range map[string]any{"status": 401.0, "code": "unauthorized", "reason": "There is no client with this id.", "method": "POST", "clientId": "nobody",
		"address": "127.0.0.1", "requestId": "of-nobody"} {
		require.Equal(t, want, call[name], name)
	}
	require.Contains(t, call["path"], "/api/v1/webhooks/nobody")
	require.Contains(t, call["headers"], "User-Agent")
	ofCode, _ := list("?code=route_not_found")
	require.Len(t, ofCode, 1)
	require.Nil(t, ofCode[0].(map[string]any)["clientId"])
	body := g.admin(http.MethodGet, "/refused", "").body
	require.NotContains(t, body, "wrong-secret")
	require.NotContains(t, body, "hidden")

	require.Equal(t, 400, g.admin(http.MethodGet, "/refused?limit=0", "").StatusCode)
	require.Equal(t, 400, g.admin(http.MethodGet, "/refused?cursor=x", "").StatusCode)
	require.Equal(t, 401, g.do(g.request("/api/v1/admin/refused", "")).StatusCode)
}
