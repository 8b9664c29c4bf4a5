package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadEvents(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		stream string
		want   []string // the id, type and data of each event
	}{
		"an event":                    {"id: 1\nevent: a\ndata: {}\n\n", []string{"1 a {}"}},
		"without a space, CRLF":       {"id:1\r\nevent:a\r\ndata:x\r\n\r\ndata:y\r\n\r\n", []string{"1 a x", "1  y"}},
		"lines of data":               {"data: a\ndata\ndata:  b\n\n", []string{"  a\n\n b"}},
		"comments and unknown":        {": heartbeat\n\nfoo: bar\ndata: x\n: y\n\n: heartbeat\n\n", []string{"  x"}},
		"an id stays":                 {"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", []string{"1  a", "1  b", "  c"}},
		"without data it is none":     {"id: 7\nevent: a\n\nevent: a\ndata\n\ndata: b\n\n", []string{"7  b"}},
		"when to come back":           {"retry: 250\n\nretry: soon\ndata: a\n\n", []string{"  a"}},
		"what is cut off is left":     {"data: a\n\ndata: b\n", []string{"  a"}},
		"what is cut off in its line": {"data: a\n\nid: 2\ndata: b", []string{"  a"}},
		"a byte order mark":           {"\ufeffdata: a\n\n", []string{"  a"}},
		"an id with a NUL is none":    {"id: 1\nid: 2\x00\ndata: a\n\n", []string{"1  a"}},
		"a long line":                 {"data: " + long + "\n\n", []string{"  " + long}},
	} {
		// In pieces of one byte, the reader would take minutes for the long line if it did not read on.
		for _, pieces := range []func(io.Reader) io.Reader{iotest.DataErrReader, iotest.OneByteReader, iotest.HalfReader} {
			t.Run(name, func(t *testing.T) {
				var got []string
				for e, err := range readEvents(pieces(strings.NewReader(test.stream))) {
					require.NoError(t, err)
					got = append(got, e.id+" "+e.kind+" "+string(e.data))
				}
				require.Equal(t, test.want, got)
			})
		}
	}
}

// A stream that breaks, or has an event larger than an answer may be, ends with an error after what it had.
func TestReadEventsOfABrokenStream(t *testing.T) {
	broken := errors.New("broken")
	for want, rest := range map[error]io.Reader{broken: iotest.ErrReader(broken), bufio.ErrTooLong: endless{}} {
		var told []string
		var err error
		for e, failed := range readEvents(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), rest)) {
			if err = failed; err == nil {
				told = append(told, string(e.data))
			}
		}
		require.ErrorIs(t, err, want)
		require.Equal(t, []string{"a"}, told)
	}
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// An event is told when it is there, and not with what comes next.
func TestReadEventsAtOnce(t *testing.T) {
	r, w := io.Pipe()
	next, stop := iter.Pull2(readEvents(r))
	defer stop()
	for _, end := range []string{"\n\n", "\r\n\r\n"} {
		go func() { _, _ = io.WriteString(w, "data: a"+end) }()
		e, err, ok := next()
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, "a", string(e.data))
	}
	require.NoError(t, w.Close())
	_, _, ok := next()
	require.False(t, ok)
}

const followed = "run_01ARZ3NDEKTSV4RRFFQ69G5FAV"

// sayEvents sends the events n to m of a run of five, whose last is that it has completed.
func sayEvents(w http.ResponseWriter, n, m int) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Beckon-Run-Id", followed)
	for ; n <= m; n++ {
		kind, data := "message.delta", fmt.Sprintf(`{"text":"%d"}`, n)
		if n == 5 {
			kind, data = "run.completed", `{"runId":"`+followed+`","data":{"status":"COMPLETED","output":"1234!"}}`
		}
		fmt.Fprintf(w, "id: evt_%d\nevent: %s\ndata: %s\n\n", n, kind, data)
	}
	_ = http.NewResponseController(w).Flush()
}

func ended(w http.ResponseWriter, completedAt string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"runId":%q,"status":"COMPLETED","output":"1234!","error":null,"completedAt":%s}`, followed, completedAt)
}

func refuse(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	fmt.Fprint(w, `{"code":"no","detail":"No."}`)
}

// Each connection to the gateway is one step of a test; what the follower then asks for is checked.
func TestAFollowerOverSeveralConnections(t *testing.T) {
	type step struct {
		wants string // the method, the path behind /api/v1 and the Last-Event-ID
		does  func(http.ResponseWriter, *http.Request)
	}
	const post, events, run = "POST /webhooks/ci ", "GET /runs/" + followed + "/events ", "GET /runs/" + followed + " "
	say := func(n, m int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { sayEvents(w, n, m) }
	}
	breakOff := func(n, m int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			sayEvents(w, n, m)
			panic(http.ErrAbortHandler)
		}
	}
	refused := func(status int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { refuse(w, status) }
	}
	for name, test := range map[string]struct {
		steps []step
		want  string // the text of the events
		code  int
		err   string
	}{
		"at once":             {[]step{{post, say(1, 5)}}, "1234.", 0, ""},
		"broken off":          {[]step{{post, breakOff(1, 2)}, {events + "evt_2", breakOff(3, 3)}, {events + "evt_3", say(4, 5)}}, "1234.", 0, ""},
		"sent away":           {[]step{{post, say(1, 2)}, {events + "evt_2", say(3, 5)}}, "1234.", 0, ""},
		"down for a while":    {[]step{{post, breakOff(1, 4)}, {events + "evt_4", refused(503)}, {events + "evt_4", refused(502)}, {events + "evt_4", say(5, 5)}}, "1234.", 0, ""},
		"the end was told":    {[]step{{post, breakOff(1, 4)}, {events + "evt_4", say(1, 0)}, {run, func(w http.ResponseWriter, _ *http.Request) { ended(w, `"2026-02-18T12:00:00.000Z"`) }}}, "1234.", 0, ""},
		"nothing to say yet":  {[]step{{post, breakOff(1, 4)}, {events + "evt_4", say(1, 0)}, {run, func(w http.ResponseWriter, _ *http.Request) { ended(w, "null") }}, {events + "evt_4", say(5, 5)}}, "1234.", 0, ""},
		"refused":             {[]step{{post, refused(403)}}, "", exitRefused, "No."},
		"full":                {[]step{{post, refused(503)}}, "", exitRefused, "No."},
		"refused afterwards":  {[]step{{post, breakOff(1, 1)}, {events + "evt_1", refused(404)}}, "1", exitRefused, "No."},
		"not a gateway":       {[]step{{post, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }}}, "", 0, "not Beckon"},
		"no events":           {[]step{{post, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }}}, "", 0, "does not stream"},
		"nothing, and no run": {[]step{{post, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/event-stream") }}}, "", 0, "ended before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 20)
			next := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1") + " " + r.Header.Get("Last-Event-ID")
				if next++; next > len(test.steps) {
					refuse(w, http.StatusTeapot)
					return
				}
				test.steps[next-1].does(w, r)
			}))
			defer server.Close()
			client, err := gatewayFlags{URL: server.URL, Token: "t"}.client()
			require.NoError(t, err)
			request, err := client.request(t.Context(), http.MethodPost, nil, nil, "webhooks", "ci")
			require.NoError(t, err)
			f := client.follower("", func(string) {})
			f.wait = time.Millisecond
			got := ""
			_, err = f.follow(t.Context(), request, func(e runEvent) error {
				if got += e.Text; e.ends() {
					require.Equal(t, "1234!", e.Data.Output)
					got += "."
				}
				return nil
			})
			require.Equal(t, test.want, got)
			for _, s := range test.steps {
				require.Equal(t, s.wants, <-asked)
			}
			require.Empty(t, asked)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.err)
			exit, _ := errors.AsType[*exitError](err)
			require.Equal(t, test.code != 0, exit != nil)
			if exit != nil {
				require.Equal(t, test.code, exit.code)
			}
		})
	}
}

// A connection on which nothing comes any more is given up for another one.
func TestAFollowerOfASilentGateway(t *testing.T) {
	told := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") == "evt_2" {
			sayEvents(w, 3, 5)
			return
		}
		sayEvents(w, 1, 1)
		select {
		case <-told:
			sayEvents(w, 2, 2)
		case <-r.Context().Done():
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	client, err := gatewayFlags{URL: server.URL, Token: "t"}.client()
	require.NoError(t, err)
	notice := ""
	f := client.follower(followed, func(text string) { notice = text })
	f.wait = time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), patience) // which is over before the usual silence
	defer cancel()
	got := ""
	_, err = f.follow(ctx, nil, func(e runEvent) error {
		switch got += e.Text; got {
		case "1": // what comes next is the last of this connection: silence is short behind it only, however slow this test is
			f.silence = 50 * time.Millisecond
			close(told)
		case "12":
			f.silence = followSilence
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "1234", got)
	require.Contains(t, notice, "has been silent")
}

func TestAFollowerGivesUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") != "" {
			refuse(w, http.StatusServiceUnavailable)
			return
		}
		sayEvents(w, 1, 1)
	}))
	defer server.Close()
	client, err := gatewayFlags{URL: server.URL, Token: "t"}.client()
	require.NoError(t, err)
	notices := 0
	var f *follower
	f = client.follower(followed, func(string) {
		if notices++; notices == 2 { // from the first refusal on
			f.patience = 50 * time.Millisecond
		}
	})
	f.wait = time.Millisecond
	_, err = f.follow(t.Context(), nil, func(runEvent) error { return nil })
	require.ErrorContains(t, err, "beckon runs follow "+followed)
	require.Equal(t, 2, notices, "the same is not said twice")

	// Who leaves is told how to come back, and a view that cannot write ends it all.
	ctx, cancel := context.WithCancel(t.Context())
	_, err = client.follower(followed, func(string) { cancel() }).follow(ctx, nil, func(runEvent) error { return nil })
	exit, _ := errors.AsType[*exitError](err)
	require.Equal(t, exitGoesOn, exit.code)
	_, err = client.follower(followed, func(string) {}).follow(t.Context(), nil, func(runEvent) error { return io.ErrClosedPipe })
	require.ErrorIs(t, err, io.ErrClosedPipe)
}
