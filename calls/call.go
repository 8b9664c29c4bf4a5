package calls

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"beckon/calls/kept"
	"beckon/calls/senders"
	"beckon/clients"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/runs"
)

// Call is a request and what Start made of it. One of Refused, Active, Queued, Original, Answer and Skipped is set.
// Refused and Original are both set if the first call with the same Idempotency-Key is still running.
type Call struct {
	Refused  error           // the problem that kept a run from being started
	Client   *clients.Member // nil if the request is not authenticated
	Prefer   Preference
	Active   *runs.Active    // the run, if it runs in this process
	Queued   *runs.Run       // the run, if it was put into the queue
	Original *runs.Run       // the run of the first call with the same Idempotency-Key, or of the same delivery
	Answer   *senders.Answer // the response to a handshake, or to a form that a bot filled in: neither starts a run
	Redirect string          // the URL to which the visitor of a form is redirected; "" shows the page of thanks
	Skipped  string          // why a valid call starts no run: SkippedByFilter, …

	request *Request
	channel *Channel
	service *Service
	catalog Catalog
	lease   *Lease
	key     string // Idempotency-Key

	captured     *kept.Request // the request as it will be kept; nil if it is not
	arrived      *ArrivedEvent // a summary of the call's event; nil if its client has no source
	agentTimeout time.Duration // how long the run's agent or flow may take
	detach       func()        // call it to let the run go on when the caller disconnects
}

// Quota returns what is left of the client's rate limit, and how many more calls it may run at the same time. Either is
// zero if the client has no such limit.
func (c *Call) Quota() (rate clients.Quota, free int) { return c.lease.Quota, c.lease.Free }

// IsAsync reports whether the run is queued. Then the call is answered 202, and the caller reads the result later.
func (c *Call) IsAsync() bool {
	if c.coalesces() {
		return true
	}
	if c.channel == Form && c.Client.Form.ShowsAnswer() {
		return false
	}
	respond := c.channel == Webhook && c.Client.RespondsAsync()
	return !c.Prefer.HasWait && (c.Prefer.Async || respond || c.channel.Queues && !c.request.Stream)
}

// RunID returns the ID of the call's run, or "" if it has none.
func (c *Call) RunID() string {
	switch {
	case c.Active != nil:
		return c.Active.ID
	case c.Queued != nil:
		return c.Queued.ID
	case c.Original != nil:
		return c.Original.ID
	}
	return ""
}

// IsRecorded reports whether the run is known to be on record by now.
func (c *Call) IsRecorded() bool { return c.Active == nil || c.Active.IsRecorded() }

// Close releases the memory that the call holds. It must be called once the response is written. The run keeps what it
// needs.
func (c *Call) Close() {
	if c.Active != nil {
		c.Active.CloseOwn()
	}
	c.lease.release()
}

// Start takes a request through the steps that the package comment lists, and starts its run. The caller must Close the
// Call, also a refused one.
func (s *Service) Start(ctx context.Context, channel *Channel, r *Request) *Call {
	c := &Call{request: r, channel: channel, service: s, catalog: s.Catalog(), lease: newLease(s.Memory), detach: noop}
	r.held, r.service = c.lease.memory, s
	returned := false
	defer func() {
		if c.Active == nil {
			c.lease.releaseRun()
			if c.Queued == nil {
				c.discardFiles(ctx)
			}
		}
		if !returned { // a step has panicked, so the caller of Start gets no Call to close
			c.Close()
		}
	}()
	err := c.admit(ctx)
	if err == nil && c.Answer == nil {
		err = c.start(ctx)
	}
	if first, ok := errors.AsType[*runs.Duplicate](err); ok {
		err = c.findOriginal(ctx, first)
	}
	returned, c.Refused = true, c.asRetryable(err)
	c.noteArrival()
	c.keepRequest()
	return c
}

// errUnusable is for an authenticated client whose configuration has an error. It is not a 401, since the token is
// right.
var errUnusable = problem.New(problem.Unavailable, problem.CodeClientUnusable,
	"This client cannot be used now: its configuration has an error, or that of something it refers to has. "+
		"The client's page and Beckon's log name it.").After(time.Minute)

// admit verifies the request, takes the lease, and reads the headers and the body.
func (c *Call) admit(ctx context.Context) (err error) {
	r := c.request
	if c.Client, err = c.channel.Verify(ctx, c.catalog.Clients, r); err != nil {
		return err
	}
	if !c.isByAdmin() {
		c.Client.NoteCall(time.Now())
	}
	if !c.Client.IsEnabled() {
		return problem.New(problem.Denied, problem.CodeClientDisabled, "This client is disabled.")
	}
	if c.Client.Unusable {
		return errUnusable
	}
	if c.Prefer, err = readPrefer(r.Header); err != nil && !c.isLenient() {
		return err
	}
	if c.coalesces() {
		c.Prefer = Preference{} // other calls may share the run
	}
	if !c.Prefer.Heartbeat { // heartbeats keep a proxy from timing out
		c.Prefer.Wait = c.service.capForProxy(c.Prefer.Wait)
	}
	// A lenient call whose run is queued is not refused over the rate limit: its run can wait.
	if err := c.lease.takeRate(c.Client); err != nil && (!c.isLenient() || !c.IsAsync()) {
		return err
	}
	if c.key, err = idempotencyKey(r.Header); err != nil && !c.isLenient() {
		return err
	}
	if err := c.readBody(ctx); err != nil {
		return err
	}
	if c.channel.Check != nil {
		if err := c.channel.Check(ctx, c); err != nil || c.Answer != nil {
			return err
		}
	}
	if err := c.answerHandshake(ctx); err != nil || c.Answer != nil {
		return err
	}
	c.captureRequest()
	return c.lease.takeSlot(c.service.Runs, c.IsAsync())
}

// start starts the run in this process, or puts it into the queue.
func (c *Call) start(ctx context.Context) error {
	r, err := c.runRequest()
	if err != nil || c.Skipped != "" {
		return err
	}
	if err := c.checkBudget(ctx, &r); err != nil {
		return err
	}
	if c.IsAsync() {
		c.Queued, err = c.service.Runs.Enqueue(ctx, r)
		if err == nil && c.Queued == nil {
			c.Skipped = SkippedResolved
		}
		return err
	}
	r.OnEnd = c.lease.releaseRun
	if c.Active, err = c.service.Runs.Start(memory.With(ctx, c.lease.memory), r); err != nil {
		return err
	}
	if c.Client.CancelOnDisconnect {
		// ctx also ends when the response is written: a run that is to go on after that needs detach.
		stop := context.AfterFunc(ctx, c.Active.Cancel)
		c.detach = func() { stop() }
	}
	return nil
}

// checkBudget refuses a run for which a budget has nothing left. A call that was made before is not refused: it gets
// the run of the first call, as a *runs.Duplicate.
func (c *Call) checkBudget(ctx context.Context, r *runs.Request) error {
	if c.service.Budget == nil || c.isLenient() {
		return nil
	}
	agentID := ""
	if !r.Entry.IsFlow {
		agentID = r.Entry.ID
	}
	err := c.service.Budget(ctx, c.Client.ID, agentID)
	if err == nil || r.Idempotency == nil {
		return err
	}
	return cmp.Or(c.service.Runs.FindDuplicate(ctx, c.Client.ID, *r.Idempotency), err)
}

// runRequest makes the prompt, checks the callback, and finds the agent or flow to run.
func (c *Call) runRequest() (runs.Request, error) {
	r := c.request
	c.summarizeEvent()
	p, agent, err := c.service.prompt(c.channel, c.Client, c.catalog, r)
	if err != nil || p.Skipped != "" {
		c.Skipped = p.Skipped
		return runs.Request{}, err
	}
	var callback json.RawMessage
	if p.Webhook != nil && r.replayOf == "" { // the callback of a replayed call was for its first run
		if callback, err = c.service.Deliveries.Accept(c.Client.ID, c.Client.Content, p.Webhook); err != nil {
			return runs.Request{}, err
		}
	}
	entry := c.catalog.Agents.Get(agent)
	if entry == nil {
		return runs.Request{}, problem.New(problem.Unavailable, problem.CodeAgentUnavailable,
			"The agent %q cannot be used now: its configuration has an error, which the log names.", agent)
	}
	if entry.Sessions.IsKept() && p.SessionID != "" && c.Client.Content.Discarding() {
		return runs.Request{}, problem.New(problem.Unprocessable, problem.CodeSessionNotKept,
			"This client keeps no content (storeContent: false), and so no conversation either. "+
				"Leave sessionId out, or call an agent without session.")
	}
	c.agentTimeout = entry.Timeout
	run := runs.Request{
		ClientID:   c.Client.ID,
		Entry:      entry,
		Source:     c.channel.Source,
		Input:      p.Text,
		Fence:      p.Fence,
		SessionID:  p.SessionID,
		Metadata:   p.Metadata,
		Callback:   callback,
		ReceivedAt: r.ReceivedAt,
		Priority:   p.Priority,
		Stream:     r.Stream,
		Rules:      c.Client.Content,
		ReplayOf:   r.replayOf,
		Share:      (c.Client.Share || entry.Share) && !c.Client.Content.Discarding(),
	}
	if r.hasFiles() {
		run.ID, run.Uploads = r.upload.runID, r.upload.files
	}
	switch {
	case c.key != "":
		run.Idempotency = &runs.Idempotency{Key: c.key, Request: fingerprint(r)}
	case r.deliveryKey != "" && c.channel == Webhook:
		run.Idempotency = &runs.Idempotency{Key: deliveryPrefix + r.deliveryKey, Request: deliveryPrefix}
	}
	if run.Admit, err = c.coalesce(p); err != nil {
		return runs.Request{}, err
	}
	run.Warnings, run.Origin = r.warnings, c.origin()
	r.Body = nil
	if run.Admit != nil {
		return run, nil // Admit reads the event, whose texts are parts of the body
	}
	// The run may take minutes. It needs the memory of the prompt, and not that of the body.
	r.parsed = nil
	c.lease.memory.Set(int64(len(run.Input) + len(run.Metadata) + len(run.Callback) + len(run.Origin)))
	return run, nil
}
