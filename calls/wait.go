package calls

import (
	"context"
	"time"

	"beckon/internal/problem"
	"beckon/runs"
)

// Wait waits for Active to end, and returns the run as it is recorded. The error is a problem that says why there is
// no answer. Wait returns nil, nil if the run goes on: the time to wait is over, or the caller has disconnected, which
// ends ctx.
func (c *Call) Wait(ctx context.Context) (*runs.Run, error) {
	deadline := time.NewTimer(c.waitTime())
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
			return nil, c.NoResult()
		}
		return nil, nil
	}
	c.service.Metrics.Webhook(ctx, time.Since(c.request.ReceivedAt))
	return c.Active.Outcome()
}

// agentGrace is how much longer a call waits than its agent's timeout, so that the caller gets the error of an agent
// that timed out.
const agentGrace = 10 * time.Second

// waitTime returns how long the call waits for its run.
func (c *Call) waitTime() time.Duration {
	wait := c.Client.SyncTimeout.Or(c.agentTimeout + agentGrace)
	switch {
	case c.Prefer.HasWait:
		return c.Prefer.Wait
	case c.Prefer.Heartbeat:
		return wait
	}
	return c.service.capForProxy(wait)
}

// capForProxy limits a wait, so that the answer is sent before the proxy times out: to ProxyTimeout minus a tenth of
// it, and minus five seconds at most.
func (s *Service) capForProxy(wait time.Duration) time.Duration {
	if s.ProxyTimeout <= 0 {
		return wait
	}
	return min(wait, s.ProxyTimeout-min(s.ProxyTimeout/10, 5*time.Second))
}

// NoResult is the error of a call with Prefer: require-result whose run goes on.
func (c *Call) NoResult() error {
	return problem.New(problem.Expired, problem.CodeResultNotReady,
		"The result was not ready in time, and the call asked for an error in that case (Prefer: require-result). "+
			"The run goes on: see /api/v1/runs/%s.", c.Active.ID)
}

// Reply returns the response for a completed run; see Channel.Reply.
func (c *Call) Reply(run *runs.Run) (contentType, text string) {
	return c.channel.Reply(c.request, run)
}
