package egress_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

// rawReceiver reads the head of a request on every connection and lets talk say the rest. It returns its URL.
func rawReceiver(t *testing.T, talk func(conn net.Conn, ended <-chan struct{})) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended, closed := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(ended)
		_ = listener.Close()
		<-closed
	})
	go func() {
		defer close(closed)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				talk(conn, ended)
			}
			_ = conn.Close()
		}
	}()
	return "http://" + listener.Addr().String() + "/"
}

func TestSlowReceivers(t *testing.T) {
	// drip sends one byte after the other, much more slowly than the exchange may take.
	drip := func(conn net.Conn, ended <-chan struct{}) {
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		}
	}
	for name, c := range map[string]struct {
		said   string // at once
		status int
		text   string
	}{
		"nothing at all":         {"", 0, "did not answer within "},
		"header, byte by byte":   {"HTTP/1.1 200 OK\r\nX-Slow: ", 0, "did not answer within "},
		"body, byte by byte":     {"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", 200, "not complete within "},
		"chunks, byte by byte":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n", 200, "not complete within "},
		"body, but for its end":  {"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n", 500, "not complete within "},
		"1xx, again and again":   {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20), 0, "did not answer within "},
		"processing for a while": {"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 ", 0, "did not answer within "},
	} {
		t.Run(name, func(t *testing.T) {
			talk := func(conn net.Conn, ended <-chan struct{}) {
				_, _ = io.WriteString(conn, c.said)
				if strings.HasSuffix(c.said, ": ") || strings.HasSuffix(c.said, "\r\n\r\n") || strings.HasSuffix(c.said, "2710\r\n") {
					drip(conn, ended)
				}
				<-ended
			}
			answer := requireTimeout(t, c.text, func(limit time.Duration) (egress.Answer, error) {
				return wayOut(t).Post(t.Context(), rawReceiver(t, talk), nil, []byte("{}"), limit)
			})
			require.Equal(t, c.status, answer.Status)
		})
	}
}

// requireTimeout makes an exchange whose time is over at the point that text is about. A busy machine may need all of a
// short limit to come to that point; then it is made again with a longer one.
func requireTimeout(t *testing.T, text string, post func(limit time.Duration) (egress.Answer, error)) egress.Answer {
	t.Helper()
	for limit := 300 * time.Millisecond; ; limit *= 4 {
		started := time.Now()
		answer, err := post(limit)
		require.Less(t, time.Since(started), patience/3)
		if _, said := egress.Explain(err); strings.Contains(said, text) || limit > 2*time.Second {
			requireFailed(t, err, "timeout", text+limit.String())
			return answer
		}
	}
}

// A receiver that takes the connection and then reads nothing ends at the limit too, however long the body is.
func TestAReceiverThatDoesNotRead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() // the kernel accepts, nobody reads
	requireTimeout(t, "did not answer within ", func(limit time.Duration) (egress.Answer, error) {
		return wayOut(t).Post(t.Context(), "http://"+listener.Addr().String(), nil, make([]byte, 32<<20), limit)
	})
}

func TestOddAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		said   string
		status int
		code   string
		text   string
	}{
		"hangs up":          {"", 0, "connection_reset", "without an answer"},
		"not HTTP":          {"SSH-2.0-OpenSSH_9.9\r\n", 0, "network", "does not speak HTTP"},
		"half a header":     {"HTTP/1.1 200 OK\r\nX-Half: ", 0, "connection_reset", "without an answer"},
		"huge header":       {"HTTP/1.1 200 OK\r\nX-Huge: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", 0, "answer_too_large", "64 KiB"},
		"many headers":      {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Many: x\r\n", 8<<10) + "\r\n", 0, "answer_too_large", "64 KiB"},
		"flood of 1xx":      {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 4<<10), 0, "answer_too_large", "64 KiB"},
		"another protocol":  {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 101, "", ""},
		"no body":           {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", ""},
		"until it hangs up": {"HTTP/1.0 200 OK\r\n\r\nhello", 200, "", ""},
		"some 1xx":          {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, "", ""},
		"bad chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200, "network", ""},
		"two lengths":       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 0, "network", ""},
	} {
		t.Run(name, func(t *testing.T) {
			url := rawReceiver(t, func(conn net.Conn, _ <-chan struct{}) {
				_, _ = io.WriteString(conn, c.said)
				if c.status == http.StatusSwitchingProtocols {
					_, _ = io.Copy(io.Discard, conn) // it keeps the connection for as long as the caller does
				}
			})
			answer, err := wayOut(t).Post(t.Context(), url, nil, []byte("{}"), patience)
			require.Equal(t, c.status, answer.Status)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			requireFailed(t, err, c.code, c.text)
		})
	}
}

func TestConnectionsThatDoNotComeAbout(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	// Nobody can listen at the near end of a connection for as long as it is open.
	taken, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer taken.Close()
	_, err = wayOut(t).Post(t.Context(), "http://"+taken.LocalAddr().String(), nil, nil, patience)
	requireFailed(t, err, "connection_refused", "Nothing listens")

	url := rawReceiver(t, func(conn net.Conn, _ <-chan struct{}) {
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset instead of an orderly end
	})
	_, err = wayOut(t).Post(t.Context(), url, nil, nil, patience)
	requireFailed(t, err, "connection_reset", "without an answer")
}

// A text never shows what the receiver, or whoever wrote the URL, has put into an error.
func TestExplain(t *testing.T) {
	code, text := egress.Explain(nil)
	require.Empty(t, code+text)
	for _, c := range []struct {
		err  error
		code string
	}{
		{errors.New("s3cret"), "network"},
		{fmt.Errorf("http2: server sent GOAWAY, debug=%q", "s3cret"), "http2"},
		{errors.New("http2: client connection lost"), "timeout"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "s3cret", IsNotFound: true}}, "dns"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "s3cret", IsTimeout: true}}, "dns"},
		{&net.OpError{Op: "dial", Err: timeoutError("s3cret")}, "timeout"},
		{&tls.CertificateVerificationError{Err: errors.New("x509: s3cret")}, "tls"},
	} {
		code, text := egress.Explain(c.err)
		require.Equal(t, c.code, code)
		require.NotContains(t, text, "s3cret")
		require.True(t, strings.HasSuffix(text, "."), text)
	}
}

type timeoutError string

func (e timeoutError) Error() string { return string(e) }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
