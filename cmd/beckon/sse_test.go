package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadEvents(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		want   []sseEvent
		retry  time.Duration
	}{
		"an event":                 {stream: "id: 1\nevent: a\ndata: {}\n\n", want: []sseEvent{{"1", "a", []byte("{}")}}},
		"without a space, CRLF":    {stream: "id:1\r\nevent:a\r\ndata:x\r\n\r\n", want: []sseEvent{{"1", "a", []byte("x")}}},
		"lines of data":            {stream: "data: a\ndata\ndata:  b\n\n", want: []sseEvent{{"", "message", []byte("a\n\n b")}}},
		"comments and unknown":     {stream: ": heartbeat\n\nfoo: bar\ndata: x\n: y\n\n", want: []sseEvent{{"", "message", []byte("x")}}},
		"an id stays":              {stream: "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", want: []sseEvent{{"1", "message", []byte("a")}, {"1", "message", []byte("b")}, {"", "message", []byte("c")}}},
		"without data it is none":  {stream: "id: 7\nevent: a\n\ndata: b\n\n", want: []sseEvent{{"7", "message", []byte("b")}}},
		"empty data is some":       {stream: "event: a\ndata\n\n", want: []sseEvent{{"", "a", nil}}},
		"what is cut off is left":  {stream: "data: a\n\ndata: b\n", want: []sseEvent{{"", "message", []byte("a")}}},
		"a byte order mark":        {stream: "\ufeffdata: a\n\n", want: []sseEvent{{"", "message", []byte("a")}}},
		"an id with a NUL is none": {stream: "id: 1\nid: 2\x00\ndata: a\n\n", want: []sseEvent{{"1", "message", []byte("a")}}},
		"when to come back":        {stream: "retry: 250\nretry: soon\nretry: -1\n\n", retry: 250 * time.Millisecond},
		"a long line":              {stream: "data: " + strings.Repeat("x", 1<<20) + "\n\n", want: []sseEvent{{"", "message", []byte(strings.Repeat("x", 1<<20))}}},
	} {
		t.Run(name, func(t *testing.T) {
			reader := newSSEReader(strings.NewReader(test.stream))
			var got []sseEvent
			for {
				e, err := reader.next()
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				got = append(got, e)
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.retry, reader.retry)
		})
	}
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
