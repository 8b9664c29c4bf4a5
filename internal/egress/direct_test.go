package egress_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

func post(ctx context.Context, t *testing.T, p *egress.Providers, url, body string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	return p.RoundTrip(r)
}

// raw serves connections with a function, which closes them when it returns.
func raw(t *testing.T, serve func(n int, c net.Conn, r *bufio.Reader)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	return "http://" + l.Addr().String()
}

func readRequest(r *bufio.Reader) (string, error) {
	q, err := http.ReadRequest(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(q.Body)
	return string(body), err
}

func TestAnExchangeHasNoGoroutinesOfItsOwn(t *testing.T) {
	const callers = 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer server.Close()
	providers := egress.NewProviders()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range 50 {
				text := fmt.Sprint("question ", i)
				response, err := post(t.Context(), t, providers, server.URL, text)
				if !assertNil(t, err) {
					return
				}
				got, err := io.ReadAll(response.Body)
				if !assertNil(t, err) || string(got) != text {
					t.Errorf("got %q for %q", got, text)
				}
				_ = response.Body.Close()
			}
		})
	}
	wg.Wait()
	stacks := make([]byte, 1<<20)
	require.NotContains(t, string(stacks[:runtime.Stack(stacks, true)]), "persistConn")
	providers.CloseIdleConnections()
}

func assertNil(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// A server may close a connection that it keeps at any time, and the next exchange must not fail for that.
func TestAConnectionThatWasClosedWhileIdle(t *testing.T) {
	closed, next := make(chan struct{}, 1), make(chan struct{})
	var connections atomic.Int32
	url := raw(t, func(n int, c net.Conn, r *bufio.Reader) {
		connections.Add(1)
		if _, err := readRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if n == 0 {
			<-next
			_ = c.Close()
			closed <- struct{}{}
		}
	})
	providers := egress.NewProviders()
	defer providers.CloseIdleConnections()
	for i := range 2 {
		response, err := post(t.Context(), t, providers, url, "hello")
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, "ok", string(text))
		if i == 0 {
			close(next)
			<-closed
		}
	}
	require.EqualValues(t, 2, connections.Load())
}

func TestACallerWhoLeaves(t *testing.T) {
	gone := errors.New("the caller has left")
	for name, before := range map[string]string{"before the header": "", "within the body": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{})
			url := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _ = readRequest(r)
				_, _ = io.WriteString(c, before)
				close(asked)
				_, _ = r.ReadByte() // until the connection is closed
			})
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { <-asked; cancel(gone) }()
			providers := egress.NewProviders()
			defer providers.CloseIdleConnections()
			response, err := post(ctx, t, providers, url, "hello")
			if err == nil {
				_, err = io.ReadAll(response.Body)
				_ = response.Body.Close()
			}
			require.ErrorIs(t, err, gone)
		})
	}
}

func TestAnswersThatAreNotWhole(t *testing.T) {
	for name, c := range map[string]struct{ answer, err string }{
		"nothing":           {"", "EOF"},
		"half a header":     {"HTTP/1.1 200 OK\r\nConte", "malformed"},
		"no HTTP":           {"SSH-2.0-OpenSSH_9.9\r\n", "malformed"},
		"half a body":       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "unexpected EOF"},
		"half a chunk":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", "EOF"},
		"another protocol":  {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "switch"},
		"an endless header": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10), "exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			url := raw(t, func(_ int, conn net.Conn, r *bufio.Reader) {
				_, _ = readRequest(r)
				_, _ = io.WriteString(conn, c.answer)
			})
			providers := egress.NewProviders()
			defer providers.CloseIdleConnections()
			response, err := post(t.Context(), t, providers, url, "hello")
			if err == nil {
				_, err = io.ReadAll(response.Body)
				_ = response.Body.Close()
			}
			require.ErrorContains(t, err, c.err)
		})
	}
}

// Which answers leave their connection for the next exchange.
func TestWhenAConnectionIsUsedAgain(t *testing.T) {
	whole := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for name, c := range map[string]struct {
		answer string
		unread bool // the caller closes the body at once
		want   int32
	}{
		"all was read":           {answer: whole, want: 1},
		"no body":                {answer: "HTTP/1.1 204 No Content\r\n\r\n", want: 1},
		"chunks":                 {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", want: 1},
		"news before the answer": {answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole, want: 1},
		"not read":               {answer: whole, unread: true, want: 2},
		"more than the answer":   {answer: whole + whole, want: 2},
		"the server closes":      {answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", want: 2},
		"HTTP/1.0":               {answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int32
			url := raw(t, func(_ int, conn net.Conn, r *bufio.Reader) {
				connections.Add(1)
				for {
					if _, err := readRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(conn, c.answer)
				}
			})
			providers := egress.NewProviders()
			defer providers.CloseIdleConnections()
			for range 2 {
				response, err := post(t.Context(), t, providers, url, "hello")
				require.NoError(t, err)
				if !c.unread {
					_, err = io.ReadAll(response.Body)
					require.NoError(t, err)
				}
				require.NoError(t, response.Body.Close())
			}
			require.Equal(t, c.want, connections.Load())
		})
	}
}

// A server that does not want a request may answer and close the connection before it has read all of it.
func TestARefusalBeforeTheRequestIsRead(t *testing.T) {
	url := raw(t, func(_ int, conn net.Conn, r *bufio.Reader) {
		_, _ = r.ReadString('\n')
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlong")
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, r)
	})
	response, err := post(t.Context(), t, egress.NewProviders(), url, strings.Repeat("x", 200<<10))
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "long", string(text))
}

// Some servers compress whatever the request says.
func TestAnAnswerThatIsCompressed(t *testing.T) {
	url := raw(t, func(_ int, conn net.Conn, r *bufio.Reader) {
		_, _ = readRequest(r)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
		w := gzip.NewWriter(conn)
		_, _ = io.WriteString(w, "the answer")
		_ = w.Close()
	})
	response, err := post(t.Context(), t, egress.NewProviders(), url, "hello")
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "the answer", string(text))
	require.Empty(t, response.Header.Get("Content-Encoding"))
}
