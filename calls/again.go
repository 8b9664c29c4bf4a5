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

// TryAgain starts another run with the input of a run, for an administrator, and returns its ID as soon as it is
// recorded. The input is used as it is: no template, command or source changes it. The run counts as a call of the
// client, and the client's limits apply.
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
