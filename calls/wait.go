package calls

import (
	"context"
	"time"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

// Wait waits for a run of this process as long as its caller wants to, and returns it as it is on record. The error is
// a problem that says why there is no answer. A nil run without an error means that the run goes on, either because the
// caller's time is over or because the caller has left, which ends ctx.
func (c *Call) Wait(ctx context.Context) (*runs.Run, error) {
	wait := c.Client.SyncTimeout.Or(clients.DefaultSyncTimeout)
	if c.Prefer.HasWait {
		wait = c.Prefer.Wait
	}
	deadline := time.NewTimer(wait)
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
		return nil, nil
	}
	c.service.Metrics.Webhook(time.Since(c.request.ReceivedAt))
	return c.Active.Outcome()
}

// Reply returns how the caller is told of a completed run; see Sender.
func (c *Call) Reply(run *runs.Run) (contentType, text string) { return c.sender.Reply(c.request, run) }
