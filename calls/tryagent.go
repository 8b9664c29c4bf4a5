package calls

import (
	"context"
	"net/http"
	"time"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

// TryAgent starts a run of an agent or a flow for an administrator, and returns its ID as soon as it is recorded. The
// run has no client: no client's limits apply, and it gets no tools, because only a client can allow tools.
func (s *Service) TryAgent(ctx context.Context, agentID, prompt string) (runID string, err error) {
	if s.Catalog().Agents.Get(agentID) == nil {
		return "", problem.New(problem.Unprocessable, problem.CodeAgentUnavailable, "%q is not active. Its page says why.", agentID)
	}
	nobody := clients.Client{AllowedAgents: []string{agentID}, Passthrough: true}
	set, findings := clients.NewSet([]clients.Declared{{Client: nobody}}, clients.NewLimits())
	if len(findings) > 0 {
		return "", findings[0].Fields.Err()
	}
	verify := func(context.Context, *clients.Set, *Request) (*clients.Member, error) { return set.Get(""), nil }
	channel := &Channel{Source: runs.SourcePage, Verify: verify, Prompt: promptOfWebhook, Reply: negotiateReply}
	r := &Request{
		Header:     http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:       []byte(prompt),
		ReceivedAt: time.Now(),
	}
	return s.try(ctx, channel, r)
}
