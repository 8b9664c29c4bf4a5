package tools_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/telemetry"
	"beckon/tools"
)

func TestServersOverHTTPAreToldOfTheTrace(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	server := rawHTTP(t, false).Server
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(target)
	got := make(chan string, 100)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("traceparent")
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	server.URL = between.URL
	box := open(t, server)
	call(t, box, "raw.ok", "") // which connects
	for len(got) > 0 {
		require.Empty(t, <-got)
	}
	ctx := (*telemetry.Tracing)(nil).Incoming(t.Context(), http.Header{"Traceparent": {trace}})
	_, err = box.Call(ctx, tools.Use{Tool: "raw.ok"})
	require.NoError(t, err)
	require.Equal(t, trace, <-got)
}
