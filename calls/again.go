package calls

import (
	"context"
	"net/http"
	"time"

	"beckon/clients"
	"beckon/commands"
	"beckon/internal/fence"
	"beckon/runs"
)

// TryAgain starts a run of a client with just the input of another run of it, for an administrator, and returns its
// ID as soon as it is recorded. Nothing makes a prompt of that input again: no template, no command, no source. It
// counts as a call of the client, and its limits apply.
func (s *Service) TryAgain(ctx context.Context, run *runs.Run) (runID string, err error) {
	spans := fence.All(run.Input)
	if run.Fence != nil {
		spans = run.Fence.Spans
	}
	same := func(*clients.Member, commands.Set, *Request, int) (Prompt, error) {
		return Prompt{Text: run.Input, Agent: run.WorkflowID, isOwn: true, spans: spans}, nil
	}
	channel := &Channel{Source: runs.SourcePage, Verify: trustClientID, Prompt: same, Reply: negotiateReply}
	r := &Request{
		ClientID:   run.ClientID,
		Header:     http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		ReceivedAt: time.Now(),
		isAgain:    true,
	}
	return s.try(ctx, channel, r)
}
