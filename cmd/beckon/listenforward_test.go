package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/signature"
)

func TestListenForwards(t *testing.T) {
	var got *http.Request
	var body string
	reply := func(w http.ResponseWriter) {}
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read, _ := io.ReadAll(r.Body)
		got, body = r, string(read)
		reply(w)
	}))
	behind.Config.SetKeepAlivesEnabled(false) // when it is closed, the next connection is refused and none breaks off
	h := listenWith(t, listenCommand{Forward: behind.URL + "/hook?a=b"})
	sent := event("evt_1", `{"a": "1"}`)
	for name, c := range map[string]struct {
		reply  func(w http.ResponseWriter)
		status int
		says   string
		header [2]string
	}{
		"taken": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted); fmt.Fprint(w, "done") }, 202, "done", [2]string{}},
		"busy":  {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "7"); w.WriteHeader(503) }, 503, "", [2]string{"Retry-After", "7"}},
		"a problem": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(410)
		}, 410, "", [2]string{"Content-Type", "application/problem+json"}},
		"elsewhere":   {func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(302) }, 302, "", [2]string{}},
		"not changed": {func(w http.ResponseWriter) { w.WriteHeader(304) }, 304, "", [2]string{}},
		"very long":   {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, maxForwardReply+1)) }, 200, strings.Repeat("\x00", maxForwardReply), [2]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			reply, got = c.reply, nil
			answer := h.send(signature.Standard, listenSecret, sent, "Connection: X-Hop", "X-Hop: 1", "Proxy-Authorization: Basic eA==", "X-Env: prod")
			require.Equal(t, c.status, answer.StatusCode)
			said, _ := io.ReadAll(answer.Body)
			require.Equal(t, c.says, string(said))
			if c.header[0] != "" {
				require.Equal(t, c.header[1], answer.Header.Get(c.header[0]))
			}
			require.Contains(t, h.printed(), fmt.Sprintf("forwarded: %d\n", c.status))

			require.Equal(t, "/hook?a=b", got.URL.String())
			require.Equal(t, `{"a": "1"}`, body)
			verified, err := signature.Verify(got.Header, []byte(body), listenSecret, "", time.Now())
			require.NoError(t, err, "who is behind can verify it, too")
			require.Equal(t, "evt_1", verified.ID)
			require.Equal(t, "prod", got.Header.Get("X-Env"))
			require.Equal(t, "Beckon/test", got.UserAgent())
			require.Empty(t, got.Header.Get("X-Hop")+got.Header.Get("Proxy-Authorization"))
			require.Equal(t, strings.TrimPrefix(behind.URL, "http://"), got.Host)
		})
	}
	behind.Close()
	require.Equal(t, http.StatusBadGateway, h.send(signature.Standard, listenSecret, sent).StatusCode)
	require.Regexp(t, `not forwarded: .*refused\n$`, h.printed())
}
