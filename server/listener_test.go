package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
