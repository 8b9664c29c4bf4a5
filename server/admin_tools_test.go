package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"beckon/internal/catalog"
	"beckon/server"
	"beckon/tools"
)

// A tool server is made, looked at, tried and taken out by the API, and its secrets stay what they are.
func TestToolServersByTheAPI(t *testing.T) {
	mcpServer := mcp.NewServer(&mcp.Implementation{Name: "docs", Version: "1"}, nil)
	type query struct {
		Query string `json:"query"`
	}
	mcp.AddTool(mcpServer, &mcp.Tool{Name: "search", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}}, func(_ context.Context, _ *mcp.CallToolRequest, in query) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "found " + in.Query}}}, nil, nil
	})
	var authorization string
	handler := mcp.NewStreamableHTTPHandler(func(r *http.Request) *mcp.Server {
		authorization = r.Header.Get("Authorization")
		return mcpServer
	}, &mcp.StreamableHTTPOptions{JSONResponse: true})
	docs := httptest.NewServer(handler)
	t.Cleanup(docs.Close)

	box := tools.New(tools.Options{})
	t.Cleanup(box.Close)
	g := newAdminGateway(t, setting{server: func(c *server.Config) { c.Tools = box }})
	g.has("/toolServers", `{"id":"docs","url":"`+docs.URL+`","headers":{"Authorization":"Bearer s3cret-s3cret"},"secrets":{"WORD":"swordfish"}}`)
	view, err := g.editor.View(t.Context())
	require.NoError(t, err)
	box.Use(catalog.All[tools.Server](view))

	shown := g.admin(http.MethodGet, "/toolServers/docs", "")
	require.Contains(t, shown.body, `"state":"idle"`)
	require.NotContains(t, shown.body, "s3cret")
	require.NotContains(t, shown.body, "swordfish")

	var listed struct {
		State string
		Tools []struct {
			Name, ProviderName string
			ReadOnly           bool
			Schema             json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal([]byte(g.admin(http.MethodGet, "/toolServers/docs/tools", "").body), &listed))
	require.Equal(t, "connected", listed.State)
	require.Len(t, listed.Tools, 1)
	require.Equal(t, "docs__search", listed.Tools[0].ProviderName)
	require.True(t, listed.Tools[0].ReadOnly)
	require.Equal(t, "Bearer s3cret-s3cret", authorization)

	tried := g.admin(http.MethodPost, "/toolServers/docs/try", `{"tool":"search","arguments":{"query":"{{secret:WORD}} x"}}`)
	require.Equal(t, http.StatusOK, tried.StatusCode, tried.body)
	require.Contains(t, tried.body, `"text":"found ••• x"`)
	wrong := g.admin(http.MethodPost, "/toolServers/docs/try", `{"tool":"docs.search","arguments":{"query":5}}`)
	require.Equal(t, http.StatusBadRequest, wrong.StatusCode, wrong.body)
	require.Contains(t, wrong.body, "at /query")
	require.Equal(t, http.StatusNotFound, g.admin(http.MethodPost, "/toolServers/docs/try", `{"tool":"none"}`).StatusCode)
	none := g.admin(http.MethodGet, "/toolServers/none/tools", "")
	require.Equal(t, http.StatusNotFound, none.StatusCode)
	require.Contains(t, none.body, "tool_server_not_found")

	moved := g.admin(http.MethodPut, "/toolServers/docs", `{"url":"https://elsewhere.example/mcp","headers":{"Authorization":"•••"},"secrets":{"WORD":"•••"}}`)
	require.Equal(t, http.StatusBadRequest, moved.StatusCode, moved.body)
	require.Contains(t, moved.body, "must be given again")
	kept := g.admin(http.MethodPut, "/toolServers/docs", `{"url":"`+docs.URL+`","headers":{"Authorization":"•••"},"secrets":{"WORD":"•••"},"timeout":"5s"}`)
	require.Equal(t, http.StatusOK, kept.StatusCode, kept.body)
	view, err = g.editor.View(t.Context())
	require.NoError(t, err)
	require.Equal(t, "swordfish", catalog.All[tools.Server](view)[0].Secrets["WORD"].Reveal())
	require.Equal(t, http.StatusNoContent, g.admin(http.MethodDelete, "/toolServers/docs", "").StatusCode)
	audit := g.admin(http.MethodGet, "/audit", "")
	require.Equal(t, 3, strings.Count(audit.body, `"action":"try"`))
	require.NotContains(t, audit.body, "swordfish")
}
