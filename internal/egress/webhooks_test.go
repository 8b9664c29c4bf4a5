package egress_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

// patience is for exchanges that are expected to end long before.
const patience = 30 * time.Second

// wayOut returns a way out that may go to this machine.
func wayOut(t *testing.T) *egress.Webhooks {
	t.Helper()
	w := egress.NewWebhooks(guardOf("127.0.0.0/8"))
	t.Cleanup(w.Close)
	return w
}

func receiver(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server
}

// counted counts the connections that a server takes.
func counted(t *testing.T, handle http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(handle)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, &opened
}

func requireFailed(t *testing.T, err error, code string, parts ...string) {
	t.Helper()
	require.Error(t, err)
	got, text := egress.Explain(err)
	require.Equal(t, code, got, "%v", err)
	for _, part := range parts {
		require.Contains(t, text, part)
	}
}

func TestPost(t *testing.T) {
	type request struct {
		method, uri, host, body string
		length                  int64
		header                  http.Header
	}
	came := make(chan request, 1)
	server := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- request{r.Method, r.RequestURI, r.Host, string(body), r.ContentLength, r.Header}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	})
	header := http.Header{"Host": {"evil.example"}, "User-Agent": {"Beckon/1"}, "X-Two": {"a", "b"}, "Content-Type": {"application/json"}}
	answer, err := wayOut(t).Post(t.Context(), server.URL+"/hook?key=1", header, []byte(`{"a":1}`), patience)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.Status)
	require.Equal(t, "7", answer.Header.Get("Retry-After"))
	require.Equal(t, "thanks", string(answer.Body))
	require.False(t, answer.Truncated)
	require.Equal(t, request{"POST", "/hook?key=1", strings.TrimPrefix(server.URL, "http://"), `{"a":1}`, 7,
		http.Header{"User-Agent": {"Beckon/1"}, "X-Two": {"a", "b"}, "Content-Type": {"application/json"}, "Content-Length": {"7"}}}, <-came)
	require.Equal(t, []string{"evil.example"}, header["Host"], "the caller's header stays the caller's")
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	for name, answer := range map[string]int{"empty": 0, "short": 3, "as long as what is kept": egress.KeptBytes} {
		t.Run(name, func(t *testing.T) {
			server, opened := counted(t, func(w http.ResponseWriter, _ *http.Request) {
				half := bytes.Repeat([]byte("x"), answer/2)
				_, _ = w.Write(half)
				w.(http.Flusher).Flush() // chunked, so that the end is only known when it has come
				_, _ = w.Write(append(half, make([]byte, answer%2)...))
			})
			out := wayOut(t)
			for range 50 {
				got, err := out.Post(t.Context(), server.URL, nil, []byte("{}"), patience)
				require.NoError(t, err)
				require.Len(t, got.Body, answer)
				require.False(t, got.Truncated)
			}
			require.Less(t, opened.Load(), int32(5)) // net/http gives a connection up when its own writer is very late
		})
	}
}

func TestManyConnectionsAreKept(t *testing.T) {
	const callers = 32
	var together sync.WaitGroup
	server, opened := counted(t, func(http.ResponseWriter, *http.Request) {
		together.Done()
		together.Wait() // every caller needs a connection of its own
	})
	out := wayOut(t)
	for range 3 {
		together.Add(callers)
		var posts sync.WaitGroup
		for range callers {
			posts.Go(func() { _, _ = out.Post(t.Context(), server.URL, nil, nil, patience) })
		}
		posts.Wait()
	}
	require.Less(t, int(opened.Load()), 2*callers) // see TestConnectionsAreReused
}

func TestARedirectIsAnAnswer(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int32
		var server *httptest.Server
		server = receiver(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			http.Redirect(w, r, server.URL+"/again", status)
		})
		answer, err := wayOut(t).Post(t.Context(), server.URL, nil, []byte("{}"), patience)
		require.NoError(t, err)
		require.Equal(t, status, answer.Status)
		require.Equal(t, server.URL+"/again", answer.Header.Get("Location"))
		require.EqualValues(t, 1, asked.Load())
	}
}

// TestTheEnvironmentsProxyIsIgnored asks in a process of its own, because net/http reads the environment only once.
func TestTheEnvironmentsProxyIsIgnored(t *testing.T) {
	const inside = "BECKON_TEST_PROXIED"
	if url := os.Getenv(inside); url != "" {
		dns := fakeDNS(t, "127.0.0.1") // net/http never asks a proxy for localhost, but for this name it would
		out := wayOut(t)
		out.LookUpWith(dns.resolver())
		answer, err := out.Post(t.Context(), dns.urlOf(url), nil, nil, patience)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.Status)
		return
	}
	var asked, proxied atomic.Int32
	server := receiver(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	proxy := receiver(t, func(http.ResponseWriter, *http.Request) { proxied.Add(1) })
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = []string{inside + "=" + server.URL, "HTTP_PROXY=" + proxy.URL, "HTTPS_PROXY=" + proxy.URL, "ALL_PROXY=" + proxy.URL}
	said, err := again.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Zero(t, proxied.Load())
	require.EqualValues(t, 1, asked.Load())
}

func TestNothingIsSentToARefusedURL(t *testing.T) {
	var asked atomic.Int32
	server := receiver(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	out := egress.NewWebhooks(guardOf())
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), strings.Replace(server.URL, "127.0.0.1", "localhost", 1),
		strings.Replace(server.URL, "127.0.0.1", "127.1", 1), strings.Replace(server.URL, "127.0.0.1", "0.0.0.0", 1), strings.Replace(server.URL, "http://", "http://s3cret:s3cret@", 1)} {
		_, err := out.Post(t.Context(), url, nil, nil, patience)
		requireRefused(t, err)
		requireFailed(t, err, "refused_address", ".")
		_, text := egress.Explain(err)
		require.NotContains(t, text, "s3cret")
	}
	require.Zero(t, asked.Load())
}

func TestPooledConnectionsEndWithThePermission(t *testing.T) {
	for name, secure := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
			server.EnableHTTP2 = true
			dns := fakeDNS(t, "127.0.0.1")
			var networks atomic.Pointer[[]netip.Prefix]
			networks.Store(&[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
			out := egress.NewWebhooks(egress.NewGuard(func() []netip.Prefix { return *networks.Load() }))
			defer out.Close()
			out.LookUpWith(dns.resolver())
			url := ""
			if secure {
				server.StartTLS()
				out.Trust(rootsOf(server))
				url = strings.Replace(dns.urlOf(server.URL), fakeHost, "example.com", 1) // the name in httptest's certificate
			} else {
				server.Start()
				url = dns.urlOf(server.URL)
			}
			defer server.Close()
			_, err := out.Post(t.Context(), url, nil, []byte("{}"), patience)
			require.NoError(t, err)
			networks.Store(&[]netip.Prefix{})
			_, err = out.Post(t.Context(), url, nil, []byte("{}"), patience)
			requireRefused(t, err, "127.0.0.1 is a loopback address")
			require.EqualValues(t, 1, asked.Load())
		})
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	answer, err := wayOut(t).Post(ctx, server.URL, nil, []byte("{}"), patience)
	require.ErrorIs(t, err, context.Canceled)
	requireFailed(t, err, "canceled")
	require.Zero(t, answer)
}
