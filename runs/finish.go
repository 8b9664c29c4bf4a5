package runs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"beckon/internal/problem"
)

// When the end of a run cannot be written, because the disk is full or the database gone, it is tried again for a
// while: the answer has been paid for, and a run must not stay RUNNING.
const (
	finishPatience  = 10 * time.Minute
	finishFirstWait = 250 * time.Millisecond
	finishMaxWait   = 15 * time.Second
)

// giveUp ends a run whose start could not be written: there is no trace of it but the log's.
func (s *Service) giveUp(a *Active, err error) {
	a.err = problem.Of(err)
	lost := a.run
	lost.Status = unrecorded
	s.count(&lost)
	s.log.Error("run could not be recorded", "run_id", a.ID, "client", a.run.ClientID, "agent", a.run.WorkflowID, "error", err)
	a.end()
}

// finish commits the end of the run and only then lets its caller know. A caller is not kept waiting for a database
// that has failed once; the attempts to write go on without it.
func (s *Service) finish(a *Active) {
	ctx := context.Background()
	err := s.storage.end(ctx, &a.run)
	if err == nil {
		s.tell(a)
		return
	}
	outcome := a.run // the callers read a.run from here on
	a.err = problem.New(problem.Unavailable, "storage_unavailable",
		"The agent has answered, but the answer could not be recorded yet. Beckon keeps trying; look the run up before you call again.").After(finishMaxWait).Because(err)
	a.end()
	s.log.Error("end of a run could not be recorded, trying again", "run_id", a.ID, "client", outcome.ClientID, "error", err)
	for wait, until := finishFirstWait, time.Now().Add(finishPatience); time.Now().Before(until); wait = min(2*wait, finishMaxWait) {
		if errors.Is(err, errEnded) {
			break // somebody else ended it; what they wrote stands
		}
		select {
		case <-time.After(wait):
		case <-s.working.Done():
			until = time.Now() // one last attempt
		}
		if err = s.storage.end(ctx, &outcome); err == nil {
			s.count(&outcome)
			s.report(a)
			return
		}
	}
	outcome.Status = unrecorded
	s.count(&outcome)
	s.log.Error("end of a run was given up", "run_id", a.ID, "client", outcome.ClientID, "error", err)
}

// unrecorded is what the metrics call runs that are not on record.
const unrecorded Status = "UNRECORDED"

// tell lets everybody know of a run whose end is on record. Its caller does not wait for the log.
func (s *Service) tell(a *Active) {
	s.count(&a.run)
	a.end()
	s.report(a)
}

func (s *Service) count(r *Run) {
	s.metrics.RunEnded(string(r.Status), r.Duration(), r.Usage.PromptTokens, r.Usage.CompletionTokens)
}

// report is the one line that the log has of every run.
func (s *Service) report(a *Active) {
	r := &a.run
	level, attrs := slog.LevelInfo, []slog.Attr{slog.String("run_id", r.ID), slog.String("status", string(r.Status)), slog.String("client", r.ClientID),
		slog.String("agent", r.WorkflowID), slog.Duration("duration", r.Duration()), slog.Int("tokens", r.Usage.TotalTokens)}
	if r.Error != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("code", r.Error.Code), slog.Any("error", a.err))
	}
	s.log.LogAttrs(context.Background(), level, "run ended", attrs...)
}
