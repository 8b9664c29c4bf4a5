package egress_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

func get(t *testing.T, transport http.RoundTripper, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := transport.RoundTrip(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	return resp, err
}

func TestConnectionsAreReused(t *testing.T) {
	const callers = 64
	var opened atomic.Int32
	var together sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) {
		together.Done()
		together.Wait() // every caller needs a connection of its own
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	transport := egress.NewProviders()
	defer transport.CloseIdleConnections()
	for range 3 {
		together.Add(callers)
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				req, _ := http.NewRequest(http.MethodGet, server.URL, nil)
				if resp, err := transport.RoundTrip(req); err == nil {
					_ = resp.Body.Close()
				}
			})
		}
		wg.Wait()
	}
	// A connection may not be back in the pool when the next round begins, so a few more are no fault; with net/http's
	// default of two idle ones there would be three times as many.
	require.Less(t, int(opened.Load()), 2*callers)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	resp, err := get(t, egress.NewProviders(), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusTemporaryRedirect, resp.StatusCode)
	require.Zero(t, elsewhere.Load())
}

func TestHTTP2AndTLS(t *testing.T) {
	for name, c := range map[string]struct {
		server *tls.Config
		proto  string
		err    string
	}{
		"HTTP/2":       {&tls.Config{}, "HTTP/2.0", ""},
		"TLS 1.1 only": {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "", "protocol version"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.EnableHTTP2, server.TLS = true, c.server
			server.Config.ErrorLog = nil
			server.StartTLS()
			defer server.Close()
			transport := egress.NewProviders()
			transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			resp, err := get(t, transport, server.URL)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.proto, resp.Proto)
		})
	}
}

func TestHeadersAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Huge", strings.Repeat("x", 1<<20))
	}))
	defer server.Close()
	_, err := get(t, egress.NewProviders(), server.URL)
	require.ErrorContains(t, err, "exceeded")
}
