package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/telemetry"
)

func TestBreakersInMetrics(t *testing.T) {
	m := telemetry.NewMetrics("test")
	open := false
	m.Breakers(func(set func(provider string, open bool)) { set("acme", open); set("other", false) })
	read := func() string {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	require.Contains(t, read(), `beckon_provider_breaker_open{provider="acme"} 0`)
	open = true
	require.Contains(t, read(), `beckon_provider_breaker_open{provider="acme"} 1`)
	require.Contains(t, read(), `beckon_provider_breaker_open{provider="other"} 0`)
}

// Times have the trace of a call as their example, for readers that accept OpenMetrics.
func TestExamplesInMetrics(t *testing.T) {
	m := telemetry.NewMetrics("test")
	ctx := (*telemetry.Tracing)(nil).Incoming(t.Context(), http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	m.Webhook(t.Context(), time.Second)
	m.Webhook(ctx, time.Second)
	m.RunStarted()
	m.RunEnded(ctx, "COMPLETED", time.Second, 1, 2)
	read := func(accept string) string {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, r)
		return w.Body.String()
	}
	text := read("application/openmetrics-text;version=1.0.0")
	for _, begin := range []string{`beckon_webhook_duration_seconds_bucket{le="1.0"} 2 # {`, `beckon_run_duration_seconds_bucket{le="1.0"} 1 # {`} {
		_, line, found := strings.Cut(text, begin)
		require.True(t, found, begin)
		line, _, _ = strings.Cut(line, "\n")
		require.Contains(t, line, `trace_id="4bf92f3577b34da6a3ce929d0e0e4736"`)
		require.Contains(t, line, `span_id="00f067aa0ba902b7"`)
	}
	require.NotContains(t, read("text/plain"), "trace_id")
}
