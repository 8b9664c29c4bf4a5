package telemetry_test

import (
	"net/http/httptest"
	"testing"

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
