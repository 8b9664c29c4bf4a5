package calls

import (
	"context"
	"net/http"

	"beckon/clients"
	"beckon/internal/problem"
)

// Preview returns the prompt that a call of the client's webhook would make, and the agent or flow that would get it.
// It starts no run; if a call would not start one either, p.Skipped says why. The marker of p.Fence is a sample: each
// run has its own. The client need not be saved or in force.
func (s *Service) Preview(client clients.Client, r *Request) (p Prompt, agent string, err error) {
	set, findings := clients.NewSet([]clients.Declared{{Client: client}}, clients.NewLimits())
	if len(findings) > 0 {
		return p, "", findings[0].Fields.Err()
	}
	member := set.Get(client.ID)
	r.service = s
	if err := s.readBody(member, r); err != nil {
		return p, "", err
	}
	return s.prompt(Webhook, member, s.Catalog(), r)
}

// Try starts a run as a call of the client's webhook would, within the client's limits, and returns its ID as soon as
// the run is recorded. The run goes on when ctx ends.
func (s *Service) Try(ctx context.Context, r *Request) (runID string, err error) {
	return s.try(ctx, Page, r)
}

func (s *Service) try(ctx context.Context, channel *Channel, r *Request) (runID string, err error) {
	if r.Header = r.Header.Clone(); r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Del("Prefer") // the page follows the run instead of waiting, and each try is a new run
	r.Header.Del(keyHeader)
	r.Stream = true // so that the page shows the answer while it is written
	c := s.Start(context.WithoutCancel(ctx), channel, r)
	defer c.Close()
	if c.Refused != nil {
		return "", c.Refused
	}
	if c.Skipped != "" {
		return "", problem.New(problem.Unprocessable, SkipCode(c.Skipped), "%s", SkipReason(c.Skipped))
	}
	if err := c.Active.Recorded(ctx); err != nil {
		return "", problem.Of(err)
	}
	return c.Active.ID, nil
}
