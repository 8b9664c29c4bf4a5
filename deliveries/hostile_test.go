package deliveries_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/egress"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
)

// Whatever a receiver does, it ends as an attempt on record that says what happened.
func TestWhatReceiversDo(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless-redirect":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case "/not-modified":
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusNotModified)
		case "/leads-nowhere":
			w.WriteHeader(http.StatusFound)
		case "/gigabyte":
			piece := make([]byte, 1<<20)
			for range 1 << 10 {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		case "/a-byte-at-a-time":
			for range 1000 {
				_, _ = w.Write([]byte("x"))
				if http.NewResponseController(w).Flush() != nil {
					return
				}
				select {
				case <-time.After(20 * time.Millisecond):
				case <-r.Context().Done():
					return
				}
			}
		case "/hangs-up":
			panic(http.ErrAbortHandler)
		case "/binary":
			w.WriteHeader(400)
			_, _ = w.Write([]byte("a\x00b\xffc"))
		}
	})
	// Nobody can listen at the near end of a connection for as long as it is open.
	taken, err := net.Dial("tcp", r.Listener.Addr().String())
	require.NoError(t, err)
	defer taken.Close()
	template := func(text string) func(*deliveries.Endpoint) {
		return func(e *deliveries.Endpoint) { e.Format = text }
	}
	to := func(url string) func(*deliveries.Endpoint) { return func(e *deliveries.Endpoint) { e.URL = url } }
	for id, test := range map[string]struct {
		change func(*deliveries.Endpoint)
		code   string
		says   string
		status int
		body   string
	}{
		"endless-redirect": {nil, "redirect", "not followed", 302, ""},
		"not-modified":     {nil, "status", "304 Not Modified", 304, ""},
		"leads-nowhere":    {nil, "status", "302 Found and named no URL", 302, ""},
		"gigabyte":         {nil, "", "", 200, ""},
		"a-byte-at-a-time": {nil, "timeout", "not complete within", 200, ""},
		"hangs-up":         {nil, "connection_reset", "closed the connection", 0, ""},
		"binary":           {nil, "status", "400 Bad Request", 400, "ab\ufffdc"},
		"not-there":        {to("http://" + taken.LocalAddr().String()), "connection_refused", "Nothing listens", 0, ""},
		"private":          {to("http://10.0.0.1/"), "refused_address", "egress.allowPrivate", 0, ""},
		"not-tls":          {to(strings.Replace(r.URL, "http:", "https:", 1)), "tls", "TLS", 0, ""},
		"no-json":          {template(`{"text": {{ .data.output }}}`), "invalid_template_output", "JSON", 0, ""},
		"no-field":         {template(`{"text": {{ json .metadata.nothing }}}`), "template_failed", "nothing", 0, ""},
		"ten-megabytes":    {template(`{"text": "{{ if eq .metadata.from "run" }}{{ $x := "` + strings.Repeat("x", 3300) + `" }}{{ $x | replace "x" $x }}{{ end }}"}`), "template_failed", "larger than", 0, ""},
	} {
		t.Run(id, func(t *testing.T) {
			e := endpoint(id, r, func(e *deliveries.Endpoint) {
				e.Timeout, e.Retry = units.Duration(patience), waits(time.Hour)
				if test.code == "timeout" {
					e.Timeout = units.Duration(3 * time.Second) // its answer begins long before, also on a busy machine
				}
			})
			if test.change != nil {
				test.change(&e)
			}
			require.Empty(t, e.Check(), "it looks well")
			p := newPlant(t, s, e)
			p.happens(ofTriage, events.RunCompleted)
			status := deliveries.Pending // it is tried again
			if test.code == "" {
				status = deliveries.Delivered
			}
			var d *deliveries.Delivery
			require.Eventually(t, func() bool {
				list := p.all(deliveries.Query{EndpointID: id, Status: status})
				if len(list) == 1 {
					d = list[0]
				}
				return d != nil && d.Attempts == 1
			}, patience, 5*time.Millisecond)
			a := p.attempts(d.ID)[0]
			require.Equal(t, test.status, a.StatusCode)
			if test.code == "" {
				require.Nil(t, a.Error)
				require.True(t, a.Truncated)
				require.Len(t, a.ResponseBody, 0, "it was all NULs")
				return
			}
			require.Equal(t, test.code, a.Error.Code, a.Error.Message)
			require.Contains(t, a.Error.Message, test.says)
			require.Equal(t, *a.Error, *d.Error)
			if test.body != "" {
				require.Equal(t, test.body, a.ResponseBody)
			}
			require.LessOrEqual(t, len(a.ResponseBody), egress.KeptBytes)
			require.WithinDuration(t, time.Now().Add(time.Hour), d.DueAt, 13*time.Minute)
		})
	}
}

func TestRetryAfterIsHonouredUpwards(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	for name, test := range map[string]struct {
		name, value string
		from        time.Duration
		until       time.Duration
	}{
		"later":        {"Retry-After", "7200", 2 * time.Hour, 2*time.Hour + time.Minute},
		"fraction":     {"Retry-After", "7204.5", 2*time.Hour + 4500*time.Millisecond, 2*time.Hour + time.Minute},
		"milliseconds": {"retry-after-ms", "7204500", 2*time.Hour + 4500*time.Millisecond, 2*time.Hour + time.Minute},
		"date":         {"Retry-After", time.Now().Add(3 * time.Hour).UTC().Format(http.TimeFormat), 2*time.Hour + 59*time.Minute, 3*time.Hour + time.Minute},
		"past":         {"Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT", 7 * time.Minute, 13 * time.Minute},
		"sooner":       {"Retry-After", "1", 7 * time.Minute, 13 * time.Minute},
		"a-year":       {"Retry-After", "31536000", 24 * time.Hour, 24*time.Hour + time.Minute},
		"garbage":      {"Retry-After", "soon", 7 * time.Minute, 13 * time.Minute},
		"negative":     {"Retry-After", "-5", 7 * time.Minute, 13 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(test.name, test.value)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			p := newPlant(t, s, endpoint(name, r, func(e *deliveries.Endpoint) { e.Retry = waits(10 * time.Minute) }))
			p.happens(ofTriage, events.RunCompleted)
			require.Eventually(t, func() bool {
				list := p.all(deliveries.Query{EndpointID: name, Status: deliveries.Pending})
				return len(list) == 1 && list[0].Attempts == 1
			}, patience, 5*time.Millisecond)
			d := p.all(deliveries.Query{EndpointID: name})[0]
			wait := d.DueAt.Sub(p.attempts(d.ID)[0].StartedAt)
			require.GreaterOrEqual(t, wait, test.from-2*time.Millisecond, "times are kept in milliseconds")
			require.Less(t, wait, test.until)
		})
	}
}
