package calls

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"beckon/clients"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/runs"
)

// Call is a request on its way to a run. Refused, Active, Queued or Original is set; Original also beside Refused, when the
// first call with the same key is still running.
type Call struct {
	Refused  error           // a problem: why no run was started
	Client   *clients.Member // nil where the request proves no client
	Prefer   Preference
	Active   *runs.Active // works on the run in this process
	Queued   *runs.Run
	Original *runs.Run // the run of the first call with the same Idempotency-Key

	request *Request
	sender  *Sender
	service *Service
	catalog Catalog
	lease   *Lease
	key     string // Idempotency-Key

	agentTimeout time.Duration // how long the run's agent or flow may take
	detach       func()        // lets the run go on when its caller leaves
}

// Quota returns what the client has left of its rate, and how many more calls it may run, where that is limited.
func (c *Call) Quota() (rate clients.Quota, free int) { return c.lease.Quota, c.lease.Free }

// IsAsync reports whether the run goes through the queue, and the caller comes back for it.
func (c *Call) IsAsync() bool {
	return !c.Prefer.HasWait && (c.Prefer.Async || c.sender.Queues && !c.request.Stream)
}

// RunID returns the id of the call's run, or nothing while it has none.
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

// Close gives back what the call holds, when its caller has been answered. The run keeps what it needs.
func (c *Call) Close() { c.lease.release() }

// Start verifies a request, admits it and starts its run. Close must follow.
func (s *Service) Start(ctx context.Context, sender *Sender, r *Request) *Call {
	c := &Call{request: r, sender: sender, service: s, catalog: s.Catalog(), lease: newLease(s.Memory), detach: noop}
	r.held = c.lease.memory
	returned := false
	defer func() {
		if c.Active == nil {
			c.lease.releaseRun()
		}
		if !returned { // a step has panicked: nobody gets the call to close it
			c.Close()
		}
	}()
	err := c.admit()
	if err == nil {
		err = c.start(ctx)
	}
	if first, ok := errors.AsType[*runs.Duplicate](err); ok {
		err = c.findOriginal(ctx, first)
	}
	returned, c.Refused = true, err
	return c
}

// errUnusable answers an authenticated client whose configuration is broken. Another token would change nothing.
var errUnusable = problem.New(problem.Unavailable, problem.CodeClientUnusable, "This client cannot be used now: its configuration has an error, or something that it needs has. Its page and the log of Beckon name it.").After(time.Minute)

// admit verifies the request and takes the lease.
func (c *Call) admit() (err error) {
	r := c.request
	if c.Client, err = c.sender.Verify(c.catalog.Clients, r); err != nil {
		return err
	}
	if !c.Client.IsEnabled() {
		return problem.New(problem.Denied, problem.CodeClientDisabled, "This client is disabled.")
	}
	if c.Client.Unusable {
		return errUnusable
	}
	if c.Prefer, err = readPrefer(r.Header); err != nil {
		return err
	}
	if !c.Prefer.Heartbeat { // which shows the proxy that the connection lives
		c.Prefer.Wait = c.service.behindProxy(c.Prefer.Wait)
	}
	if err := c.lease.takeRate(c.Client); err != nil {
		return err
	}
	if c.key, err = idempotencyKey(r.Header); err != nil {
		return err
	}
	if err := c.service.readBody(c.Client, r); err != nil {
		return err
	}
	return c.lease.takeSlot(c.service.Runs, c.IsAsync())
}

// start starts the run, here or in the queue.
func (c *Call) start(ctx context.Context) error {
	r, err := c.runRequest()
	if err != nil {
		return err
	}
	if c.IsAsync() {
		c.Queued, err = c.service.Runs.Enqueue(ctx, r)
		return err
	}
	r.OnEnd = c.lease.releaseRun
	if c.Active, err = c.service.Runs.Start(memory.With(ctx, c.lease.memory), r); err != nil {
		return err
	}
	if c.Client.CancelOnDisconnect {
		stop := context.AfterFunc(ctx, c.Active.Cancel) // which also ends when the call has been answered
		c.detach = func() { stop() }
	}
	return nil
}

// runRequest makes the prompt, and finds the agent or flow that gets it.
func (c *Call) runRequest() (runs.Request, error) {
	r := c.request
	p, agent, err := c.service.prompt(c.sender, c.Client, c.catalog, r)
	if err != nil {
		return runs.Request{}, err
	}
	var callback json.RawMessage
	if p.Webhook != nil {
		if callback, err = c.service.Deliveries.Accept(c.Client.ID, p.Webhook); err != nil {
			return runs.Request{}, err
		}
	}
	entry := c.catalog.Agents.Get(agent)
	if entry == nil {
		return runs.Request{}, problem.New(problem.Unavailable, problem.CodeAgentUnavailable, "The agent %q cannot be used now: its configuration has an error, which the log names.", agent)
	}
	c.agentTimeout = entry.Timeout
	wanted := runs.Request{
		ClientID:   c.Client.ID,
		Entry:      entry,
		Source:     c.sender.Source,
		Input:      p.Text,
		SessionID:  p.SessionID,
		Metadata:   p.Metadata,
		Callback:   callback,
		ReceivedAt: r.ReceivedAt,
		Priority:   p.Priority,
		Stream:     r.Stream,
		Share:      c.Client.Share || entry.Share,
	}
	if c.key != "" {
		wanted.Idempotency = &runs.Idempotency{Key: c.key, Request: fingerprint(r)}
	}
	// From here on the prompt is held, maybe for minutes, and the body is not.
	r.Body = nil
	c.lease.memory.Set(int64(len(wanted.Input) + len(wanted.Metadata) + len(wanted.Callback)))
	return wanted, nil
}
