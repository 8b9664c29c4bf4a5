package crash_test

import (
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// kind is one way in which callers call.
type kind struct {
	agent   string
	answer  string // of the model, before the prompt
	path    string
	headers []string
	webhook bool          // the call names one
	once    bool          // it has an Idempotency-Key, and is made again until it is accepted
	takes   time.Duration // the models, where the caller waits for them and that takes most of the time
}

const (
	labWebhook = "/api/v1/webhooks/ci"
	labRuns    = "/api/v1/runs"
)

// Those who wait for an answer call again when they have it; those who do not wait fill the queue.
var (
	waitingKinds = []kind{
		{agent: "quick", answer: "quick", path: labWebhook},
		{agent: "relay", answer: "third", path: labWebhook, takes: 450 * time.Millisecond},
		{agent: "slow", answer: "slow", path: labWebhook, once: true, takes: 500 * time.Millisecond},
		{agent: "fan", answer: "third", path: labRuns, headers: []string{"Prefer: wait=0"}},
	}
	queuedKinds = []kind{
		{agent: "relay", answer: "third", path: labRuns, webhook: true},
		{agent: "quick", answer: "quick", path: labWebhook, webhook: true, headers: []string{"Prefer: respond-async"}},
		{agent: "slow", answer: "slow", path: labRuns, once: true},
		{agent: "long", answer: "long", path: labRuns, webhook: true},
		{agent: "fan", answer: "third", path: labRuns},
	}
)

// How many callers there are, and how often each of them calls at the most.
const (
	waitingCallers, waitingEvery = 4, 50 * time.Millisecond
	queuingCallers, queuingEvery = 3, 150 * time.Millisecond
)

// accepted is a run that its caller was told of with a 200 or 202.
type accepted struct {
	prompt  string
	answer  string // what the model says
	webhook bool   // its end is to be told to the call's webhook
	once    bool   // the call had an Idempotency-Key
	begun   time.Time
}

// load is callers who call all the time, in all ways, and what they were told.
type load struct {
	lab     *lab
	ending  chan struct{}
	callers sync.WaitGroup
	vanish  bool // a gateway may be gone in the middle of a call

	mu       sync.Mutex
	accepted map[string]accepted // by run
	latest   map[int]time.Time   // by gateway: when the last call began that it accepted
	refused  map[string]int      // answers of 503 with Retry-After, by code
	named    []string            // the runs that those name
	wrong    map[string]int      // all other answers, by status and code

	needed, took time.Duration // what calls should have taken, and what they did
}

func newLoad(l *lab) *load {
	return &load{lab: l, ending: make(chan struct{}), accepted: map[string]accepted{}, latest: map[int]time.Time{}, refused: map[string]int{}, wrong: map[string]int{}}
}

func (c *load) begin() {
	for n := range waitingCallers {
		c.callers.Go(func() { c.call(n, waitingKinds, waitingEvery) })
	}
	for n := range queuingCallers {
		c.callers.Go(func() { c.call(waitingCallers+n, queuedKinds, queuingEvery) })
	}
	c.callers.Go(c.callSingly)
}

// end lets the calls under way come to their end.
func (c *load) end() {
	close(c.ending)
	c.callers.Wait()
}

// next waits until the next call is to be made; false says that there is none.
func (c *load) next(tick *time.Ticker) bool {
	select {
	case <-c.ending:
		return false
	case <-tick.C:
		return true
	}
}

// call makes one call after another, of all kinds in turn, to one gateway.
func (c *load) call(n int, kinds []kind, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; c.next(tick); i++ {
		k := kinds[(n+i)%len(kinds)]
		prompt := fmt.Sprintf("%d.%d", n, i)
		for try := 0; c.make(n+try, k, prompt) == "" && k.once && c.next(tick); try++ { // the next gateway is asked
		}
	}
}

// callSingly has a client that may have one run at a time start two, and waits for both.
func (c *load) callSingly() {
	const gateway = 2 // the last
	tick := time.NewTicker(waitingEvery)
	defer tick.Stop()
	k := kind{agent: "quick", answer: "quick", path: labRuns, headers: []string{"Authorization: Bearer " + labSingleToken}}
	for i := 0; c.next(tick); i++ {
		var ids []string
		for j := range 2 {
			if id := c.make(gateway, k, fmt.Sprintf("single %d.%d", i, j)); id != "" {
				ids = append(ids, id)
			}
		}
		for len(ids) > 0 && c.next(tick) {
			status, _, run := c.lab.gateway(gateway).send("GET", labRuns+"/"+ids[0], "", k.headers...)
			if run["completedAt"] != nil {
				ids = ids[1:]
			}
			if status != 200 && status != 503 && (status != 0 || !c.vanish) {
				c.mu.Lock()
				c.wrong[fmt.Sprintf("%d %v to a GET", status, run["code"])]++
				c.mu.Unlock()
			}
		}
	}
}

// make makes a call, and returns the id of the run when it was accepted.
func (c *load) make(n int, k kind, prompt string) (id string) {
	body := fmt.Sprintf(`{"agent":%q,"prompt":%q}`, k.agent, prompt)
	if k.webhook {
		body = fmt.Sprintf(`{"agent":%q,"prompt":%q,"webhook":{"url":%q,"retry":%s}}`, k.agent, prompt, c.lab.receiver.URL+"/callback", retryWaits)
	}
	headers := k.headers
	if k.once {
		headers = append([]string{fmt.Sprintf("Idempotency-Key: %q", prompt)}, headers...)
	}
	begun, gateway := time.Now(), c.lab.gateway(n)
	status, header, answer := gateway.send("POST", k.path, body, headers...)
	c.mu.Lock()
	defer c.mu.Unlock()
	code, _ := answer["code"].(string)
	switch {
	case status == 200 || status == 202:
		id, _ = answer["runId"].(string)
		c.accepted[id] = accepted{prompt: prompt, answer: k.answer + " answers " + prompt, webhook: k.webhook, once: k.once, begun: begun}
		c.latest[n%len(c.lab.gateways)] = begun
		if status == 200 && k.takes > 0 {
			c.needed += k.takes
			c.took += time.Since(begun)
		}
		if status == 200 && answer["response"] != nil && answer["response"] != k.answer+" answers "+prompt {
			c.wrong["200 with another answer"]++
		}
	case status == 503 && header.Get("Retry-After") != "":
		c.refused[code]++
		if named, ok := answer["runId"].(string); ok {
			c.named = append(c.named, named)
		}
	case status == 409 && k.once: // it is in flight
	case status == 0 && c.vanish:
	default:
		c.wrong[fmt.Sprintf("%d %s", status, code)]++
	}
	return id
}

// count is how many runs were accepted.
func (c *load) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.accepted)
}

// slowness is how many times as long as they need calls have taken so far; 1 where other work leaves the machine to them.
func (c *load) slowness() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(1, float64(c.took)/float64(c.needed+1)/1.5)
}

// countSince is how many runs were accepted of the calls that began after a time.
func (c *load) countSince(after time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.accepted {
		if a.begun.After(after) {
			n++
		}
	}
	return n
}

// awaitAccepted waits until so many more runs were accepted.
func (c *load) awaitAccepted(more int) {
	enough := c.count() + more
	require.Eventually(c.lab.t, func() bool { return c.count() >= enough }, patience, 10*time.Millisecond, "the gateway takes no calls")
}

// awaitEachAccepts waits until every gateway has accepted a call that was made after a time.
func (c *load) awaitEachAccepts(after time.Time) {
	require.Eventually(c.lab.t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for n := range c.lab.gateways {
			if !c.latest[n].After(after) {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond, "a gateway takes no calls any more")
}
