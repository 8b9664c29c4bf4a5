package server_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/server"
)

func TestConnectionsAreBounded(t *testing.T) {
	require.GreaterOrEqual(t, server.DefaultMaxConnections(), 64)
	g := newGateway(t, setting{server: func(c *server.Config) { c.MaxConnections = 2 }})
	ask := func(c net.Conn) {
		_, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
	}
	first, second, third := g.dial(), g.dial(), g.dial()
	for _, c := range []net.Conn{first, second} {
		ask(c)
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	ask(third)
	require.NoError(t, third.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := third.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout", "it waits")
	require.NoError(t, first.Close())
	require.NoError(t, third.SetReadDeadline(time.Now().Add(patience)))
	response, err := http.ReadResponse(bufio.NewReader(third), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// exhausted is a listener whose process has as many files open as it may.
type exhausted struct{ net.Listener }

func (exhausted) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

func TestTooManyOpenFilesAreLogged(t *testing.T) {
	log := &lockedBuffer{}
	l := server.BoundListener(exhausted{}, 1, slog.New(slog.NewTextHandler(log, nil)))
	for range 5 { // a place is given back each time
		_, err := l.Accept()
		require.ErrorIs(t, err, syscall.EMFILE)
		require.True(t, err.(interface{ Temporary() bool }).Temporary(), "net/http tries it again")
	}
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), "net/http tries it again each second: %s", log)
	require.Contains(t, log.String(), "LimitNOFILE")
	require.Contains(t, log.String(), "limit=")
}
