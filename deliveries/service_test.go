package deliveries_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestAnEventReachesItsReceivers(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r := newReceiver(t, nil)
		p := newPlant(t, s, endpoint("all", r), endpoint("failures", r, func(e *deliveries.Endpoint) { e.Events = []string{events.RunFailed} }),
			endpoint("others", r, func(e *deliveries.Endpoint) { e.Clients = []string{"nightly"} }))
		id := p.happens(callback(r.URL+"/callback", `,"metadata":{"orderId":"order_456"},"events":["run.completed"]`), events.RunCompleted)
		posts := r.gets(t, 2)
		verifier, err := webhooks.NewWebhook(testSecret.Reveal())
		require.NoError(t, err)
		paths := map[string]post{}
		for _, got := range posts {
			paths[got.path] = got
			require.NoError(t, verifier.Verify([]byte(got.body), got.header))
			require.Equal(t, id, got.header.Get("webhook-id"))
			require.Equal(t, id, got.header.Get("svix-id"))
			require.Equal(t, "Beckon/test", got.header.Get("User-Agent"))
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
		}
		require.JSONEq(t, `{"from":"run"}`, metadataOf(t, paths["/all"].body))
		require.JSONEq(t, `{"from":"run","orderId":"order_456"}`, metadataOf(t, paths["/callback"].body))
		d := p.settled("all", deliveries.Delivered, 1)[0]
		require.Equal(t, 204, d.StatusCode)
		require.Len(t, p.attempts(d.ID), 1)
		require.Empty(t, p.all(deliveries.Query{EndpointID: "others"}))
		require.Empty(t, p.all(deliveries.Query{EndpointID: "failures"}))
	})
}

// An event does not wait for the next look at what is due, which comes every 5 s.
func TestAnEventGoesOutAtOnce(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r := newReceiver(t, nil)
		p := newPlant(t, s, endpoint("ops", r))
		var took time.Duration
		for n := range 10 { // whatever runs beside this test may keep the machine from being idle
			begun := time.Now()
			p.happens(ofTriage, events.RunCompleted)
			if took = r.gets(t, n+1)[n].at.Sub(begun); took < time.Second {
				break
			}
		}
		require.Less(t, took, time.Second)
	})
}

func metadataOf(t *testing.T, body string) string {
	var payload struct{ Metadata json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(body), &payload))
	return string(payload.Metadata)
}

// Who names no events gets the six that everybody gets; the others, and those with another name, have to be asked for.
func TestFilters(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, nil)
	p := newPlant(t, s, endpoint("usual", r), endpoint("asked", r, func(e *deliveries.Endpoint) {
		e.Events = []string{events.RunQueued, events.NodeStarted, "lead.completed"}
	}))
	for _, kind := range []string{events.RunQueued, events.RunStarted, events.NodeStarted, events.NodeCompleted, events.NodeFailed, events.RunCompleted, events.RunFailed, events.RunCanceled, events.MessageDelta} {
		p.happens(ofTriage, kind)
	}
	p.happens(ofTriage, events.RunCompleted, named("lead.completed"))
	types := func(id string, n int) (list []string) {
		for _, d := range p.settled(id, deliveries.Delivered, n) {
			list = append(list, d.Type)
		}
		return list
	}
	require.ElementsMatch(t, []string{"run.started", "node.completed", "node.failed", "run.completed", "run.failed", "run.canceled", "lead.completed"}, types("usual", 7))
	require.ElementsMatch(t, []string{"run.queued", "node.started", "lead.completed"}, types("asked", 3))
	for _, got := range r.got() {
		var payload struct{ Type string }
		require.NoError(t, json.Unmarshal([]byte(got.body), &payload))
		require.NotEqual(t, events.MessageDelta, payload.Type)
	}
}

func TestAFailureIsTriedAgain(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		var n atomic.Int32
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) < 3 {
				http.Error(w, "not now", http.StatusServiceUnavailable)
			}
		})
		p := newPlant(t, s, endpoint("ops", r, func(e *deliveries.Endpoint) {
			e.Retry = waits(100*time.Millisecond, 1300*time.Millisecond) // more than a second, also when the jitter makes them shorter
			e.Headers = map[string]secret.String{"Authorization": "Bearer hush"}
		}))
		id := p.happens(ofTriage, events.RunCompleted)
		d := p.settled("ops", deliveries.Delivered, 1)[0]
		attempts := p.attempts(d.ID)
		require.Len(t, attempts, 3)
		for i, got := range r.got() {
			require.Equal(t, id, got.header.Get("webhook-id"), "the id stays")
			require.Equal(t, "Bearer hush", got.header.Get("Authorization"))
			require.Equal(t, i+1, attempts[i].Number)
			require.Equal(t, "•••", attempts[i].RequestHeaders["Authorization"])
			require.Equal(t, got.header.Get("webhook-signature"), attempts[i].RequestHeaders["Webhook-Signature"])
		}
		require.Equal(t, []string{"first", "retry", "retry"}, []string{attempts[0].Reason, attempts[1].Reason, attempts[2].Reason})
		require.Equal(t, 503, attempts[0].StatusCode)
		require.Equal(t, "not now\n", attempts[0].ResponseBody)
		require.Equal(t, "status", attempts[0].Error.Code)
		require.Nil(t, attempts[2].Error)
		first, last := r.got()[0].header, r.got()[2].header
		require.NotEqual(t, first.Get("webhook-timestamp"), last.Get("webhook-timestamp"), "each attempt has its own time")
		require.GreaterOrEqual(t, attempts[1].StartedAt.Sub(attempts[0].StartedAt), 80*time.Millisecond)
	})
}

func TestRetriesEnd(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r, watch := newReceiver(t, status(500)), newReceiver(t, nil)
	p := newPlant(t, s, endpoint("ops", r, func(e *deliveries.Endpoint) { e.Retry = waits(time.Millisecond) }),
		endpoint("watch", watch, func(e *deliveries.Endpoint) { e.Events = []string{deliveries.DeliveryExhausted} }))
	p.happens(ofTriage, events.RunCompleted)
	d := p.settled("ops", deliveries.Failed, 1)[0]
	require.Equal(t, 2, d.Attempts)
	require.False(t, d.CompletedAt.IsZero())
	require.Contains(t, watch.gets(t, 1)[0].body, d.ID)
}

// What an endpoint that is gone was to be told waits for it to come back.
func TestGone(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r, watch := newReceiver(t, status(410)), newReceiver(t, nil)
		p := newPlant(t, s, endpoint("ops", r, func(e *deliveries.Endpoint) { e.Retry = waits(time.Millisecond, time.Millisecond, time.Millisecond) }),
			endpoint("watch", watch, func(e *deliveries.Endpoint) { e.Events = []string{deliveries.EndpointDisabled} }))
		p.happens(ofTriage, events.RunCompleted)
		require.Contains(t, watch.gets(t, 1)[0].body, `"reason":"gone"`)
		p.happens(ofTriage, events.RunCompleted)
		list := p.settled("ops", deliveries.Pending, 2)
		require.Equal(t, 1, list[0].Attempts)
		require.Eventually(t, func() bool { // what is on record takes effect a moment later
			health, err := p.Health(t.Context(), "ops")
			return err == nil && health.DisabledReason == deliveries.DisabledGone
		}, patience, 5*time.Millisecond)
		require.ErrorContains(t, p.Resend(t.Context(), list[0].ID), "disabled")
		r.change(nil)
		require.NoError(t, p.Enable(t.Context(), "ops"))
		p.settled("ops", deliveries.Delivered, 2)
		require.Len(t, r.got(), 3)
	})
}

// A test finds that out as well as an event.
func TestATestOfWhatIsGone(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, status(500))
	p := newPlant(t, s, endpoint("ops", r))
	tested := func() deliveries.Health {
		_, _, err := p.Test(t.Context(), "ops", "")
		require.NoError(t, err)
		health, err := p.Health(t.Context(), "ops")
		require.NoError(t, err)
		return health
	}
	require.Zero(t, tested(), "a test that fails says nothing of its health")
	r.change(status(410))
	require.Equal(t, deliveries.DisabledGone, tested().DisabledReason)
}

// A callback has no endpoint that could come back.
func TestACallbackThatIsGone(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, status(410))
	p := newPlant(t, s)
	p.happens(callback(r.URL, ""), events.RunCompleted)
	require.Equal(t, "gone", p.settled("", deliveries.Failed, 1)[0].Error.Code)
}

func TestFiveDaysOfFailure(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, status(500))
	ops := func(retry time.Duration) deliveries.Endpoint {
		return endpoint("ops", r, func(e *deliveries.Endpoint) { e.Retry = waits(retry) })
	}
	p := newPlant(t, s, ops(time.Millisecond))
	fails := func(n int) {
		p.happens(ofTriage, events.RunCompleted)
		p.settled("ops", deliveries.Failed, n)
	}
	disabled := func() bool {
		h, err := p.Health(t.Context(), "ops")
		require.NoError(t, err)
		return h.DisabledReason == deliveries.DisabledFailing
	}
	fails(1)
	p.clock.advance(3 * 24 * time.Hour)
	r.change(nil)
	p.happens(ofTriage, events.RunCompleted)
	p.settled("ops", deliveries.Delivered, 1) // from here it counts anew
	r.change(status(500))
	fails(2)
	p.clock.advance(4 * 24 * time.Hour)
	fails(3)
	require.False(t, disabled())
	p.clock.advance(24 * time.Hour)
	require.NoError(t, p.Use(t.Context(), []deliveries.Endpoint{ops(time.Hour)})) // no retry is due before it is disabled
	p.happens(ofTriage, events.RunCompleted)
	require.Eventually(t, disabled, patience, 5*time.Millisecond)
	p.settled("ops", deliveries.Pending, 1)
}

// Deliveries wait for a disabled endpoint for a day, and can be recovered after that.
func TestDisabledForTooLong(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r := newReceiver(t, nil)
		p := newPlant(t, s, endpoint("ops", r))
		require.NoError(t, p.Disable(t.Context(), "ops"))
		since := time.Now().Add(-time.Minute)
		p.happens(ofTriage, events.RunStarted)
		p.settled("ops", deliveries.Pending, 1)
		p.clock.advance(23 * time.Hour)
		p.Look()
		p.settled("ops", deliveries.Pending, 1)
		p.clock.advance(2 * time.Hour)
		p.Look()
		require.Equal(t, "endpoint_disabled", p.settled("ops", deliveries.Failed, 1)[0].Error.Code)
		require.Empty(t, r.got())
		require.NoError(t, p.Enable(t.Context(), "ops"))
		n, err := p.Recover(t.Context(), "ops", since)
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		d := p.settled("ops", deliveries.Delivered, 1)[0]
		require.Equal(t, "recover", p.attempts(d.ID)[0].Reason)
		n, err = p.Recover(t.Context(), "ops", since)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestResendAndTest(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, nil)
	p := newPlant(t, s, endpoint("ops", r))
	id := p.happens(ofTriage, events.RunCompleted)
	d := p.settled("ops", deliveries.Delivered, 1)[0]
	require.NoError(t, p.Resend(t.Context(), d.ID))
	require.Equal(t, id, r.gets(t, 2)[1].header.Get("webhook-id"))
	require.Equal(t, 2, p.settled("ops", deliveries.Delivered, 1)[0].Attempts)
	require.Equal(t, "resend", p.attempts(d.ID)[1].Reason)
	require.ErrorContains(t, p.Resend(t.Context(), "dlv_none"), "no such delivery")

	tested, attempts, err := p.Test(t.Context(), "ops", "")
	require.NoError(t, err)
	require.Equal(t, deliveries.Delivered, tested.Status)
	require.Len(t, attempts, 1)
	require.Contains(t, r.got()[2].body, deliveries.EndpointTest)
	r.change(status(500))
	require.NoError(t, p.Disable(t.Context(), "ops"))
	tested, _, err = p.Test(t.Context(), "ops", "") // also while it is disabled, to see whether it works again
	require.NoError(t, err)
	require.Equal(t, deliveries.Failed, tested.Status)
	_, _, err = p.Test(t.Context(), "none", "")
	require.ErrorContains(t, err, "no endpoint")
}

// A test may be an example of any event, also of one that is called otherwise, in the form that the endpoint wants.
func TestATestOfAChosenEvent(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, nil)
	p := newPlant(t, s, endpoint("ops", r), endpoint("video", r, func(e *deliveries.Endpoint) { e.Format = "payload" }),
		endpoint("lead", r, func(e *deliveries.Endpoint) { e.Format = leadTemplate }))
	for _, tt := range []struct{ id, event, want string }{
		{"ops", "run.failed", `"success":false,"type":"run.failed"`}, {"ops", "lead.failed", `"success":false,"type":"lead.failed"`},
		{"ops", "lead.won", `"success":true,"type":"lead.won"`}, {"video", "run.started", `"status":"rendering"`}, {"video", "run.completed", `"downloads":[{"url":"https://`},
		{"lead", "run.viewed", `"viewer_ip": "192.0.2.1"`}, {"ops", "", `"type":"endpoint.test"`},
	} {
		d, _, err := p.Test(t.Context(), tt.id, tt.event)
		require.NoError(t, err)
		require.Equal(t, deliveries.Delivered, d.Status, "%s: %v", tt.event, d.Error)
		require.Empty(t, d.RunID, "there is no such run")
		got := r.got()[len(r.got())-1]
		require.Contains(t, got.body, tt.want)
		require.True(t, json.Valid([]byte(got.body)))
	}
	_, _, err := p.Test(t.Context(), "ops", "run.exploded")
	require.ErrorContains(t, err, `there is no event "run.exploded"`)
}

func TestASlowEndpointDelaysNobody(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	release := make(chan struct{})
	slow := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	quick := newReceiver(t, nil)
	p := newPlant(t, s, endpoint("slow", slow), endpoint("quick", quick))
	const n = 200
	for range n {
		p.happens(ofTriage, events.RunCompleted)
	}
	p.settled("quick", deliveries.Delivered, n)
	require.LessOrEqual(t, len(slow.got()), 16)
	close(release)
	p.settled("slow", deliveries.Delivered, n)
}

// Callbacks of one client that hang don't delay those of another one to the same host.
func TestSlowCallbacksOfAnotherClient(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	release := make(chan struct{})
	r := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			return
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	p := newPlant(t, s)
	slow, quick := callback(r.URL+"/slow", ""), callback(r.URL+"/quick", "")
	quick.ClientID = "another"
	for range 20 {
		p.happens(slow, events.RunCompleted)
	}
	r.gets(t, 2) // the lane is full
	p.happens(quick, events.RunCompleted)
	require.Eventually(t, func() bool { return len(p.all(deliveries.Query{Status: deliveries.Delivered})) == 1 }, patience, 5*time.Millisecond)
}

func TestRateLimit(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, nil)
	p := newPlant(t, s, endpoint("ops", r, func(e *deliveries.Endpoint) { e.RateLimit = 20 }))
	require.NoError(t, p.Disable(t.Context(), "ops"))
	for range 11 {
		p.happens(ofTriage, events.RunCompleted)
	}
	begun := time.Now() // the first may be late at the receiver, so that the others come closer behind it
	require.NoError(t, p.Enable(t.Context(), "ops"))
	require.GreaterOrEqual(t, r.gets(t, 11)[10].at.Sub(begun), 450*time.Millisecond, "ten more at twenty a second")
}

// Of two processes on one database, one makes the attempt.
func TestTwoProcesses(t *testing.T) {
	url := storetest.Postgres(t)
	var mu sync.Mutex
	going, twice := map[string]bool{}, 0
	r := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("webhook-id")
		mu.Lock()
		if going[id] {
			twice++
		}
		going[id] = true
		mu.Unlock()
		time.Sleep(5 * time.Millisecond) // long enough for another one to come in
		mu.Lock()
		delete(going, id)
		mu.Unlock()
	})
	one := newPlant(t, storetest.Open(t, url), endpoint("ops", r))
	two := newPlant(t, storetest.Open(t, url), endpoint("ops", r))
	const n = 100
	for range n {
		one.happens(ofTriage, events.RunCompleted)
		two.happens(ofTriage, events.RunCompleted)
	}
	for _, d := range one.settled("ops", deliveries.Delivered, 2*n) {
		require.Equal(t, 1, d.Attempts)
	}
	require.Len(t, r.got(), 2*n)
	require.Zero(t, twice)
}

// What a process that died had claimed is sent by another.
func TestDeliveriesOfADeadInstance(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r := newReceiver(t, nil)
		p := newPlant(t, s, endpoint("ops", r))
		require.NoError(t, p.Disable(t.Context(), "ops"))
		p.happens(ofTriage, events.RunCompleted)
		p.settled("ops", deliveries.Pending, 1)
		require.NoError(t, p.store.Write(t.Context(), func(tx store.Tx) error {
			return tx.Exec("UPDATE deliveries SET status = 'SENDING', instance_id = 'dead'")
		}))
		require.NoError(t, p.Enable(t.Context(), "ops"))
		alive := errors.New("it is alive")
		require.ErrorIs(t, p.RecoverFrom(t.Context(), "dead", func(store.Tx) error { return alive }), alive)
		require.NoError(t, p.RecoverFrom(t.Context(), "dead", func(store.Tx) error { return nil }))
		p.settled("ops", deliveries.Delivered, 1)
	})
}

func TestOldDeliveriesAreDeleted(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, nil)
	p := newPlant(t, s, endpoint("ops", r), endpoint("off", r, func(e *deliveries.Endpoint) { no := false; e.Enabled = &no }))
	p.happens(ofTriage, events.RunCompleted)
	id := p.settled("ops", deliveries.Delivered, 1)[0].ID
	require.NoError(t, p.Retain(t.Context(), time.Now().Add(-time.Hour)))
	require.Len(t, p.attempts(id), 1)
	require.NoError(t, p.Retain(t.Context(), time.Now().Add(time.Hour)))
	_, _, err := p.Get(t.Context(), id)
	require.ErrorContains(t, err, "no such delivery")
	p.settled("off", deliveries.Pending, 1) // nobody has been told yet
}

// Only the body is signed there, and the timestamp says when the event occurred.
func TestTheTimestampOfAVendorIsTheEvents(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	var n atomic.Int32
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	p := newPlant(t, s, endpoint("acme", r, func(e *deliveries.Endpoint) {
		e.Signature, e.Vendor, e.Retry = "hmac-sha256-hex", "Acme", waits(1300*time.Millisecond)
	}), endpoint("own-agent", r, func(e *deliveries.Endpoint) {
		e.Vendor, e.Headers, e.Events = "Acme", map[string]secret.String{"User-Agent": "Acme/2"}, []string{events.RunFailed}
	}))
	p.happens(ofTriage, events.RunCompleted)
	p.settled("acme", deliveries.Delivered, 1)
	occurred := strconv.FormatInt(time.Date(2026, 2, 18, 12, 0, 0, 0, time.UTC).Unix(), 10)
	for _, got := range r.got() {
		require.Equal(t, occurred, got.header.Get("X-Acme-Timestamp"))
		require.Equal(t, "Acme-Webhooks/1.0", got.header.Get("User-Agent"))
	}
	require.Len(t, r.got(), 2)
	p.happens(ofTriage, events.RunFailed)
	p.settled("own-agent", deliveries.Delivered, 1)
	require.True(t, slices.ContainsFunc(r.got(), func(got post) bool { return got.header.Get("User-Agent") == "Acme/2" }))
}
