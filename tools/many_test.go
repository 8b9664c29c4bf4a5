package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"beckon/tools"
)

// A hundred runs at the same time with ten calls each leave nothing behind, over both transports.
func TestManyCallsLeaveNothing(t *testing.T) {
	const runs, calls = 100, 10
	for _, transport := range []string{"sse", "stdio"} {
		t.Run(transport, func(t *testing.T) {
			s := rawServers[transport](t)
			before := goleak.IgnoreCurrent()
			box := tools.New(tools.Options{Version: "test"})
			box.Use([]tools.Server{s.Server})
			goesWell(t, box)
			var group sync.WaitGroup
			for range runs {
				group.Go(func() {
					for range calls {
						if _, err := box.Call(t.Context(), tools.Use{Tool: "raw.ok"}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			box.Close()
			err := goleak.Find(before)
			for range 20 { // each looks for a while: a busy machine needs more than one
				if err == nil {
					break
				}
				err = goleak.Find(before)
			}
			require.NoError(t, err)
		})
	}
}

// Of a server with more than a thousand tools a thousand are offered, over several pages of its list, and its page says so.
func TestAThousandToolsAreOffered(t *testing.T) {
	server := mcp.NewServer(&mcp.Implementation{Name: "many", Version: "1"}, nil)
	for i := range 1500 {
		server.AddTool(&mcp.Tool{Name: fmt.Sprintf("t%04d", i), InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{}, nil
			})
	}
	listening := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(listening.Close)
	t.Cleanup(listening.CloseClientConnections) // first: a stream would keep Close waiting
	box := open(t, tools.Server{ID: "many", URL: listening.URL})
	require.Len(t, namesOf(t, box, "many"), 1000)
	call(t, box, "many.t0999", `{}`)
	require.Contains(t, strings.Join(box.Status("many").LeftOut, " "), "more than 1000 tools")
}
