package runs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

const (
	// writePatience is how long after the time of its agent what happened in a run is tried to be written, when the disk is
	// full or the database is away: the answer has been paid for.
	writePatience = 10 * time.Minute
	// callerPatience is how long a caller waits for a database that does not take the end of its run.
	callerPatience = 3 * time.Second
	lookUpAfter    = 15 * time.Second
)

// finish commits the end of the run and only then lets its caller know. While the database does not take it, the caller
// is told so after a while, and the tries go on.
func (s *Service) finish(a *Active) {
	a.journal.add(a.last(a.progress.finish(), a.end))
	a.journal.release()
	<-a.recorded
	if a.startErr != nil {
		s.giveUp(a)
		return
	}
	soon := time.NewTimer(callerPatience)
	defer soon.Stop()
	select {
	case err := <-a.end:
		s.finished(a, err)
	case <-soon.C:
		a.err = problem.New(problem.Unavailable, problem.CodeStorageUnavailable,
			"The agent has answered, but the answer could not be recorded yet. Beckon keeps trying; "+
				"look the run up before you call again.").After(lookUpAfter)
		a.notifyEnded()
		s.finishedLate(a, <-a.end)
	}
}

// last is the entry with which the run ends.
func (a *Active) last(nodes nodeCount, written chan<- error) entry {
	outcome := &a.run // it does not change any more
	if outcome.Rules != nil {
		treated := a.run
		outcome = &treated
	}
	last := entry{end: outcome, at: outcome.CompletedAt, done: func(err error) { written <- err },
		event: func(id string) events.Event { return runEvent(id, outcome, nodes) }}
	acts := a.progress.acts.Load()
	switch {
	case outcome.Error != nil && (outcome.IsFlow || acts):
		last.write = func(tx store.Tx) error { return a.journal.service.stopWork(tx, outcome, acts) }
	case !outcome.IsFlow && len(outcome.Artifacts) > 0: // a flow's nodes keep theirs
		last.write = func(tx store.Tx) error { return a.journal.service.keepArtifacts(tx, a.ID, outcome.Artifacts) }
	}
	if write := last.write; outcome.Session != "" {
		last.write = func(tx store.Tx) error {
			if write != nil {
				if err := write(tx); err != nil {
					return err
				}
			}
			return a.journal.service.endInSession(tx, outcome, a.progress.conversation)
		}
	}
	return last
}

// stopWork ends what had not ended when a run failed or was canceled.
func (s *Service) stopWork(tx store.Tx, r *Run, acts bool) error {
	failure := *r.kept().Error
	if acts {
		if err := endCalls(tx, r.ID, failure, r.CompletedAt); err != nil {
			return err
		}
	}
	if r.IsFlow {
		return stopNodes(tx, r.ID, failure, r.CompletedAt)
	}
	return s.keepArtifacts(tx, r.ID, r.Artifacts)
}

// finished takes the outcome of writing the end, for which the caller has waited.
func (s *Service) finished(a *Active, err error) {
	if err == nil {
		s.tell(a)
		s.leavesPlace(a)
		return
	}
	a.err = whyUnrecorded(err)
	a.notifyEnded()
	s.finishedLate(a, err)
}

// finishedLate takes the outcome of writing the end after the caller has been told that it is not written yet.
func (s *Service) finishedLate(a *Active, err error) {
	outcome := a.run
	if err == nil {
		s.count(a.journal.ctx, &outcome)
		s.report(a.journal.ctx, &outcome, a.err)
		s.leavesPlace(a)
		return
	}
	outcome.Status = unrecorded
	s.count(a.journal.ctx, &outcome)
	s.Log.Error("the end of a run could not be recorded",
		"run_id", a.ID, "client", outcome.ClientID, "agent", outcome.WorkflowID, "error", err)
}

// leavesPlace looks for the next run of a client that may have only so many at once, or of the same session.
func (s *Service) leavesPlace(a *Active) {
	if a.run.Session != "" || s.mostOf(a.run.ClientID) > 0 {
		s.bell.Ring()
	}
}

// whyUnrecorded says why the end of a run is not on record.
func whyUnrecorded(err error) error {
	if errors.Is(err, errEnded) {
		return problem.New(problem.Unavailable, problem.CodeInterrupted,
			"Another process has taken over the run, because this one was taken for dead. "+
				"Look the run up before you call again.").After(lookUpAfter)
	}
	return problem.Of(err)
}

// giveUp ends a run whose start could not be written: there is no trace of it but the log's.
func (s *Service) giveUp(a *Active) {
	a.err = problem.Of(a.startErr)
	lost := a.run
	lost.Status = unrecorded
	s.count(a.journal.ctx, &lost)
	s.Log.Error("run could not be recorded", "run_id", a.ID, "client", a.run.ClientID, "agent", a.run.WorkflowID, "error", a.startErr)
	a.notifyEnded()
}

// unrecorded is what the metrics call runs that are not on record.
const unrecorded Status = "UNRECORDED"

// tell lets everybody know of a run whose end is on record. Its caller does not wait for the log.
func (s *Service) tell(a *Active) {
	s.count(a.journal.ctx, &a.run)
	a.notifyEnded()
	s.report(a.journal.ctx, &a.run, a.err)
}

// tellEnd counts and logs a run that ended without being worked on here.
func (s *Service) tellEnd(ctx context.Context, r *Run) {
	s.Metrics.RunStarted()
	s.count(ctx, r)
	s.report(ctx, r, r.Problem())
}

func (s *Service) count(ctx context.Context, r *Run) {
	s.Metrics.RunEnded(ctx, string(r.Status), r.Duration(), r.Usage.PromptTokens, r.Usage.CompletionTokens)
}

// report is the one line that the log has of every run.
func (s *Service) report(ctx context.Context, r *Run, why error) {
	if r.Rules != nil {
		if r = r.kept(); r.Error != nil {
			why = errors.New(r.Error.Message)
		}
	}
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("run_id", r.ID), slog.String("status", string(r.Status)), slog.String("client", r.ClientID),
		slog.String("agent", r.WorkflowID), slog.Duration("duration", r.Duration()), slog.Int("tokens", r.Usage.TotalTokens)}
	if r.Error != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("code", r.Error.Code), slog.Any("error", why))
	}
	if r.By.Degraded {
		level = slog.LevelWarn
		attrs = append(attrs, slog.Bool("degraded", true), slog.String("provider", r.By.Provider))
		if len(r.By.Attempts) > 0 && r.By.Attempts[0].Error != nil {
			attrs = append(attrs, slog.String("first", r.By.Attempts[0].Error.Code), slog.String("reason", r.By.Attempts[0].Reason))
		}
	}
	if handler := s.Log.Handler(); handler.Enabled(ctx, level) { // a slog.Logger would look up its caller, for each run
		line := slog.NewRecord(time.Now(), level, "run ended", 0)
		line.AddAttrs(attrs...)
		_ = handler.Handle(ctx, line)
	}
}

// endUnworked ends a run that nobody works on: one that waits in the queue, or whose instance is gone. It returns the
// events to publish after the commit; none when the run is not as it was any more.
func (s *Service) endUnworked(tx store.Tx, r *Run, from Status) ([]events.Event, error) {
	if ended, err := endFrom(tx, r, from); err != nil || !ended {
		return nil, err
	}
	last, err := events.Last(tx, r.ID)
	if err != nil {
		return nil, err
	}
	ids, list := events.NewSequence(r.ID, last), []events.Event(nil)
	r = s.named(r)
	if r.IsFlow {
		if r.Nodes, err = nodesOf(tx, r.ID); err != nil {
			return nil, err
		}
	}
	if err := s.stopWork(tx, r, r.acts); err != nil {
		return nil, err
	}
	if err := s.endInSession(tx, r, nil); err != nil {
		return nil, err
	}
	if r.IsFlow {
		for i := range r.Nodes {
			n := &r.Nodes[i]
			if n.Status != agents.NodeRunning {
				continue
			}
			// as stopNodes has written it
			n.Status, n.Error, n.CompletedAt, n.Names = agents.NodeCanceled, r.Error, r.CompletedAt, r.EventNames
			list = append(list, nodeEvent(ids.Next(r.CompletedAt), r, *n))
		}
	}
	if err := s.addArtifacts(tx, r); err != nil {
		return nil, err
	}
	list = append(list, runEvent(ids.Next(r.CompletedAt), r, countNodes(r.Nodes)))
	wanted := s.Events.Wanted(r.subject(), list...)
	if err := s.Events.Append(tx, r.subject(), list); err != nil {
		return nil, err
	}
	return list, s.settle(tx, r, wanted)
}
