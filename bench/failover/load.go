package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"beckon/bench/stub"
)

// mostOpen is how many calls may be open at the same time: while nothing answers, no more are made.
const mostOpen = 300

// call is one way to call.
type call struct {
	agent string
	path  string
	slow  bool
	once  bool // with an Idempotency-Key, and made again until it is accepted
}

// Callers who wait for the answer, and those who put runs into the queue.
var calls = []call{
	{agent: "quick", path: "/api/v1/webhooks/ci"},
	{agent: "quick", path: "/api/v1/runs"},
	{agent: "relay", path: "/api/v1/webhooks/ci"},
	{agent: "relay", path: "/api/v1/runs"},
	{agent: "quick", path: "/api/v1/webhooks/ci", once: true},
	{agent: "quick", path: "/api/v1/runs", once: true},
	{agent: "quick", path: "/api/v1/runs", slow: true},
}

// accepted is a run that a caller was told of with a 200 or a 202.
type accepted struct {
	answered bool   // with the answer
	once     string // the Idempotency-Key
	at       time.Time
}

// load is callers who call all the time, and what they were told.
type load struct {
	fleet  *fleet
	client *http.Client
	open   chan struct{}
	end    context.CancelFunc
	ended  sync.WaitGroup

	mu       sync.Mutex
	accepted map[string]accepted     // by run
	keys     map[string]string       // the run, by Idempotency-Key
	twice    []string                // Idempotency-Keys with two runs
	latest   map[string][2]time.Time // by gateway, when the last call began that was answered 200 and 202
	refused  int                     // 503, and calls of a gateway that was not there
	wrong    map[string]int          // all other answers
}

// startLoad begins to call, at a rate a second.
func startLoad(ctx context.Context, f *fleet, rate int) *load {
	l := &load{
		fleet: f, client: &http.Client{Timeout: 70 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
		open: make(chan struct{}, mostOpen), accepted: map[string]accepted{}, keys: map[string]string{},
		latest: map[string][2]time.Time{}, wrong: map[string]int{},
	}
	ctx, l.end = context.WithCancel(ctx)
	l.ended.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case l.open <- struct{}{}:
			default:
				continue
			}
			l.ended.Go(func() {
				defer func() { <-l.open }()
				l.call(ctx, n)
			})
		}
	})
	return l
}

// stop starts no more calls, and waits for those in progress.
func (l *load) stop() {
	l.end()
	l.ended.Wait()
	l.client.CloseIdleConnections()
}

// call makes one call; one with an Idempotency-Key again and again, at one gateway after the other, until it is accepted.
func (l *load) call(ctx context.Context, n int) {
	c := calls[n%len(calls)]
	key := ""
	if c.once {
		key = fmt.Sprintf("call-%d", n)
	}
	for try := 0; ; try++ {
		g := l.fleet.gateways[(n+try)%len(l.fleet.gateways)]
		if l.try(context.WithoutCancel(ctx), g, c, key) || !c.once {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

// try makes a call at a gateway, and reports whether it was accepted.
func (l *load) try(ctx context.Context, g *gateway, c call, key string) bool {
	prompt := "hello"
	if c.slow {
		prompt = stub.Slowly
	}
	began := time.Now()
	body := fmt.Sprintf(`{"agent":%q,"prompt":%q}`, c.agent, prompt)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.address+c.path, strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", `"`+key+`"`)
	}
	response, err := l.client.Do(request)
	if err != nil {
		l.note(func() { l.refused++ })
		return false
	}
	defer response.Body.Close()
	var answer struct{ RunID, Code, Response string }
	decoded := json.NewDecoder(response.Body).Decode(&answer)
	isAccepted := false
	l.note(func() {
		switch {
		case decoded != nil:
			l.refused++ // the gateway was killed before it had said all
		case response.StatusCode == http.StatusOK, response.StatusCode == http.StatusAccepted:
			isAccepted = true
			l.accept(g, answer.RunID, key, began, response.StatusCode == http.StatusOK)
			if response.StatusCode == http.StatusOK && answer.Response != stub.Text {
				l.wrong["200 with another answer"]++
			}
		case response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
			l.refused++
		case response.StatusCode == http.StatusConflict && key != "": // another gateway is still working on this call
			l.refused++
		default:
			l.wrong[fmt.Sprintf("%d %s", response.StatusCode, answer.Code)]++
		}
	})
	return isAccepted
}

func (l *load) note(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

// accept notes a run that was accepted.
func (l *load) accept(g *gateway, run, key string, began time.Time, answered bool) {
	if run == "" {
		l.wrong["accepted without an id"]++
		return
	}
	l.accepted[run] = accepted{answered: answered, once: key, at: time.Now()}
	if key != "" {
		if before := l.keys[key]; before != "" && before != run {
			l.twice = append(l.twice, key)
		}
		l.keys[key] = run
	}
	latest := l.latest[g.address]
	kind := 1
	if answered {
		kind = 0
	}
	if began.After(latest[kind]) {
		latest[kind] = began
	}
	l.latest[g.address] = latest
}

// answersSince reports whether every gateway has answered a call and accepted another one, both made after a time.
func (l *load) answersSince(at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.fleet.gateways {
		if latest := l.latest[g.address]; !latest[0].After(at) || !latest[1].After(at) {
			return false
		}
	}
	return true
}

// runsBefore returns the ids of all runs that were accepted before a time.
func (l *load) runsBefore(at time.Time) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, a := range l.accepted {
		if a.at.Before(at) {
			ids = append(ids, id)
		}
	}
	return ids
}
