package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/server"
)

// Who asks for much and reads nothing doesn't hold its connection for good.
func TestAnAnswerThatNobodyReadsIsGivenUp(t *testing.T) {
	g := newGateway(t, setting{server: func(c *server.Config) { c.AnswerTimeout = 20 * time.Millisecond }})
	for range 10 {
		g.srv.ServeHTTP(discard{http.Header{}}, g.request("/api/v1/webhooks/ci", strings.Repeat("x", 1<<20))) // on no connection: these answers have time
	}
	require.EqualValues(t, 10, g.countRuns())
	c := g.dial()
	require.NoError(t, c.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err := fmt.Fprintf(c, "GET /api/v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(g.log.String(), "an answer broke off") }, patience, 5*time.Millisecond)
}

// timed is where an answer goes on a connection that is told by when it must be taken.
type timed struct {
	*recorder
	by []time.Time
}

func (w *timed) SetWriteDeadline(by time.Time) error {
	w.by = append(w.by, by)
	return nil
}

func TestALongAnswerHasMoreTime(t *testing.T) {
	g := newGateway(t, setting{server: func(c *server.Config) { c.AnswerTimeout = time.Hour }})
	w := &timed{recorder: &recorder{discard: discard{http.Header{}}}}
	began := time.Now()
	g.srv.ServeHTTP(w, g.request("/api/v1/webhooks/ci", strings.Repeat("x", 1<<20)))
	require.Greater(t, w.body.Len(), 1<<20)
	for _, by := range w.by { // the pieces that it is written in don't add to that
		require.WithinDuration(t, began.Add(2*time.Hour), by, time.Minute, "an hour, and as long again for its MiB")
	}
	require.NotEmpty(t, w.by)
}

// The time for one answer doesn't run out on the next one of the connection, however late that comes.
func TestEachAnswerHasItsOwnTime(t *testing.T) {
	g := newGateway(t, setting{server: func(c *server.Config) { c.AnswerTimeout = 300 * time.Millisecond }})
	c := g.dial()
	answers := bufio.NewReader(c)
	g.model.hold()
	for i := range 2 {
		_, err := fmt.Fprintf(c, "POST /api/v1/webhooks/ci HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", token)
		require.NoError(t, err)
		interim, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusContinue, interim.StatusCode)
		_, err = io.WriteString(c, "x")
		require.NoError(t, err)
		<-g.model.asked
		if i == 0 {
			time.AfterFunc(400*time.Millisecond, g.model.letGo) // it begins later than an answer may take
		}
		response, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		<-time.After(350 * time.Millisecond) // the deadline of this answer is over
	}
}

// dial opens a connection that ends with the test.
func (g *gateway) dial() net.Conn {
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	require.NoError(g.t, err)
	g.t.Cleanup(func() { _ = c.Close() })
	require.NoError(g.t, c.SetDeadline(time.Now().Add(patience)))
	return c
}
