package calls

import (
	"context"
	"strings"
	"time"

	"beckon/calls/kept"
	"beckon/internal/problem"
	"beckon/runs"
)

// replayedRun is the Channel of a kept request to the runs API that an administrator replays.
var replayedRun = &Channel{Source: runs.SourcePage, Verify: trustClientID, Prompt: promptForRun, Reply: negotiateReply}

// isByAdmin reports whether an administrator makes the call, and not its client.
func (c *Call) isByAdmin() bool {
	return c.channel == Page || c.channel == replayedRun || c.request.isAgain
}

// KeptOfRun returns the kept request of a run; of a replay, the request that it repeats. The error is a NotFound
// where it is not kept.
func (s *Service) KeptOfRun(ctx context.Context, run *runs.Run) (kept.Request, error) {
	switch {
	case run.ReplayOf == "":
		return s.Kept.OfRun(ctx, run.ID)
	case strings.HasPrefix(run.ReplayOf, "run_"):
		return s.Kept.OfRun(ctx, run.ReplayOf)
	}
	return s.Kept.Get(ctx, run.ClientID, run.ReplayOf)
}

// ReplayRun starts a run with the kept request of another one, as its client is now, and returns its ID as soon as
// it is recorded.
func (s *Service) ReplayRun(ctx context.Context, runID string) (string, error) {
	run, err := s.Runs.Get(ctx, runID)
	if err != nil {
		return "", err
	}
	k, err := s.KeptOfRun(ctx, run)
	if err != nil {
		return "", err
	}
	return s.replay(ctx, k)
}

// ReplayRequest is ReplayRun with a kept request of a client, which need not have started a run.
func (s *Service) ReplayRequest(ctx context.Context, clientID, id string) (string, error) {
	k, err := s.Kept.Get(ctx, clientID, id)
	if err != nil {
		return "", err
	}
	return s.replay(ctx, k)
}

func (s *Service) replay(ctx context.Context, k kept.Request) (string, error) {
	if err := k.Replayable(); err != nil {
		return "", err
	}
	if client := s.Catalog().Clients.Get(k.ClientID); client == nil {
		return "", problem.New(problem.NotFound, kept.CodeNotKept, "The client %q of this request is gone.", k.ClientID)
	}
	channel := Page
	if k.Source == runs.SourceAPI {
		channel = replayedRun
	}
	r := &Request{
		Method:     k.Method,
		ClientID:   k.ClientID,
		Agent:      k.Agent,
		Header:     k.Header,
		Query:      k.Query,
		Body:       k.Body,
		ReceivedAt: time.Now(),
		replayOf:   k.ID,
	}
	if k.RunID != "" {
		r.replayOf = k.RunID
	}
	return s.try(ctx, channel, r)
}
