package deliveries_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/store/storetest"
)

// about has an event say what it is about.
func about(key string) func(*events.Event) {
	return func(e *events.Event) {
		e.Transient = true
		e.Payload = []byte(strings.Replace(string(e.Payload), `"output":"hi"`, `"key":"`+key+`"`, 1))
	}
}

// bot is an endpoint of a bot of Slack.
func bot(r *receiver, to string) deliveries.Endpoint {
	return telling("chat", "slack", r, func(e *deliveries.Endpoint) { e.Secret, e.To, e.Retry = "xoxb-1", to, waits(time.Millisecond) })
}

// Messages about one key are in the thread of the first one, however many come at once, until that is forgotten.
func TestMessagesAboutOneKeyAreAThread(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		var mu sync.Mutex
		n, lost := 0, false
		r := newReceiver(t, nil)
		r.change(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if lost {
				lost = false
				_, _ = io.WriteString(w, `{"ok":false,"error":"thread_not_found"}`)
				return
			}
			n++
			_, _ = fmt.Fprintf(w, `{"ok":true,"ts":"1.%d"}`, n)
		})
		threads := func(from, posts int) (list []string) {
			for _, p := range r.gets(t, posts)[from:posts] {
				var sent struct {
					Thread string `json:"thread_ts"`
				}
				require.NoError(t, json.Unmarshal([]byte(p.body), &sent))
				list = append(list, sent.Thread)
			}
			return list
		}
		s := storetest.Open(t, url)
		p := newPlant(t, s, bot(r, "C1"))
		for range 8 {
			p.happens(ofTriage, events.EventResolved, about("disk"))
		}
		require.Equal(t, []string{"", "1.1", "1.1", "1.1", "1.1", "1.1", "1.1", "1.1"}, threads(0, 8))
		p.settled("chat", deliveries.Delivered, 8)
		p.happens(ofTriage, events.EventResolved, about("cpu"))
		require.Equal(t, []string{""}, threads(8, 9), "another key")
		p.settled("chat", deliveries.Delivered, 9)

		mu.Lock()
		lost = true
		mu.Unlock()
		p.happens(ofTriage, events.EventResolved, about("disk"))
		require.Equal(t, []string{"1.1", ""}, threads(9, 11), "the thread is gone: the retry begins another one")
		p.settled("chat", deliveries.Delivered, 10)
		p.happens(ofTriage, events.EventResolved, about("disk"))
		require.Equal(t, []string{"1.10"}, threads(11, 12))
		p.settled("chat", deliveries.Delivered, 11)

		require.NoError(t, p.Use(t.Context(), []deliveries.Endpoint{bot(r, "C2")}))
		p.happens(ofTriage, events.EventResolved, about("disk"))
		require.Equal(t, []string{""}, threads(12, 13), "another channel")
		p.settled("chat", deliveries.Delivered, 12)

		_, _, err := p.Test(t.Context(), "chat", events.EventResolved)
		require.NoError(t, err)
		require.Equal(t, []string{""}, threads(13, 14), "a sample belongs to no thread")
		require.NoError(t, p.Retain(t.Context(), time.Now().Add(time.Hour)))
		p.happens(ofTriage, events.EventResolved, about("disk"))
		require.Equal(t, []string{""}, threads(14, 15), "it was kept as long as deliveries are")
	})
}
