package calls

import (
	"context"
	"time"

	"beckon/internal/problem"
	"beckon/runs"
)

// Wait waits for a run of this process as long as its caller wants to, and returns it as it is on record. The error is
// a problem that says why there is no answer. A nil run without an error means that the run goes on, either because the
// caller's time is over or because the caller has left, which ends ctx.
func (c *Call) Wait(ctx context.Context) (*runs.Run, error) {
	deadline := time.NewTimer(c.patience())
	defer deadline.Stop()
	select {
	case <-c.Active.Done():
	case <-ctx.Done():
		return nil, nil
	case <-deadline.C:
		if err := c.Active.Recorded(ctx); err != nil {
			return nil, problem.Of(err)
		}
		c.detach()
		if c.Prefer.RequireResult {
			return nil, c.errNoResult()
		}
		return nil, nil
	}
	c.service.Metrics.Webhook(time.Since(c.request.ReceivedAt))
	return c.Active.Outcome()
}

// beyondAgent is how much longer than its agent may take a call waits, so that the caller of an agent that ran out of time
// is told so.
const beyondAgent = 10 * time.Second

// patience is how long the caller waits for its run.
func (c *Call) patience() time.Duration {
	wait := c.Client.SyncTimeout.Or(c.agentTimeout + beyondAgent)
	switch {
	case c.Prefer.HasWait:
		return c.Prefer.Wait
	case c.Prefer.Heartbeat:
		return wait
	}
	return c.service.behindProxy(wait)
}

// behindProxy shortens a wait, so that the answer is there before a proxy cuts the connection: by a tenth of the proxy's
// time, and by five seconds at most.
func (s *Service) behindProxy(wait time.Duration) time.Duration {
	if s.ProxyTimeout <= 0 {
		return wait
	}
	return min(wait, s.ProxyTimeout-min(s.ProxyTimeout/10, 5*time.Second))
}

// errNoResult answers a caller that takes nothing but a result.
func (c *Call) errNoResult() error {
	return problem.New(problem.Expired, problem.CodeResultNotReady, "The result was not there in time, and the call asked for nothing else (Prefer: require-result). The run goes on: see /api/v1/runs/%s.", c.Active.ID)
}

// Reply returns how the caller is told of a completed run; see Sender.
func (c *Call) Reply(run *runs.Run) (contentType, text string) { return c.sender.Reply(c.request, run) }
