package runs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
)

// When the end of a run cannot be written, because the disk is full or the database gone, it is tried again for a
// while: the answer has been paid for, and a run must not stay RUNNING.
const (
	finishPatience  = 10 * time.Minute
	finishFirstWait = 250 * time.Millisecond
	finishMaxWait   = 15 * time.Second
)

// finish commits the end of the run and only then lets its caller know. A caller is not kept waiting for a database
// that has failed once; the attempts to write go on without it.
func (s *Service) finish(a *Active) {
	outcome := a.run
	nodes := a.progress.finish()
	last := entry{end: &outcome, at: outcome.CompletedAt, event: func(id string) events.Event { return runEvent(id, &outcome, nodes) }}
	if outcome.IsFlow && outcome.Error != nil {
		last.write = func(tx *gorm.DB) error { return stopNodes(tx, a.ID, *outcome.Error, outcome.CompletedAt) }
	}
	err := a.write(last)
	switch {
	case err == nil:
		s.tell(a)
		s.unpark(outcome.ClientID)
	case a.lost != nil:
		s.giveUp(a)
	default:
		s.finishLater(a, last, err)
	}
}

// write waits until the journal has written e, and everything in front of it.
func (a *Active) write(e entry) error {
	outcome := make(chan error, 1)
	e.done = func(err error) { outcome <- err }
	a.journal.add(e)
	a.journal.release()
	err := <-outcome
	<-a.recorded
	return err
}

// giveUp ends a run whose start could not be written: there is no trace of it but the log's.
func (s *Service) giveUp(a *Active) {
	a.err = problem.Of(a.lost)
	lost := a.run
	lost.Status = unrecorded
	s.count(&lost)
	s.Log.Error("run could not be recorded", "run_id", a.ID, "client", a.run.ClientID, "agent", a.run.WorkflowID, "error", a.lost)
	a.end()
}

func (s *Service) finishLater(a *Active, last entry, err error) {
	outcome := *last.end
	a.err = problem.New(problem.Unavailable, "storage_unavailable",
		"The agent has answered, but the answer could not be recorded yet. Beckon keeps trying; look the run up before you call again.").After(finishMaxWait).Because(err)
	a.end()
	s.Log.Error("end of a run could not be recorded, trying again", "run_id", a.ID, "client", outcome.ClientID, "error", err)
	for wait, until := finishFirstWait, time.Now().Add(finishPatience); time.Now().Before(until); wait = min(2*wait, finishMaxWait) {
		if errors.Is(err, errEnded) {
			break // somebody else ended it; what they wrote stands
		}
		select {
		case <-time.After(wait):
		case <-s.working.Done():
			until = time.Now() // one last attempt
		}
		if err = a.write(last); err == nil {
			s.count(&outcome)
			s.report(&outcome, a.err)
			return
		}
	}
	outcome.Status = unrecorded
	s.count(&outcome)
	s.Log.Error("end of a run was given up", "run_id", a.ID, "client", outcome.ClientID, "error", err)
}

// unrecorded is what the metrics call runs that are not on record.
const unrecorded Status = "UNRECORDED"

// tell lets everybody know of a run whose end is on record. Its caller does not wait for the log.
func (s *Service) tell(a *Active) {
	s.count(&a.run)
	a.end()
	s.report(&a.run, a.err)
}

// tellEnd counts and logs a run that ended without being worked on here.
func (s *Service) tellEnd(r *Run) {
	s.Metrics.RunStarted()
	s.count(r)
	s.report(r, r.Problem())
}

func (s *Service) count(r *Run) {
	s.Metrics.RunEnded(string(r.Status), r.Duration(), r.Usage.PromptTokens, r.Usage.CompletionTokens)
}

// report is the one line that the log has of every run.
func (s *Service) report(r *Run, why error) {
	level, attrs := slog.LevelInfo, []slog.Attr{slog.String("run_id", r.ID), slog.String("status", string(r.Status)), slog.String("client", r.ClientID),
		slog.String("agent", r.WorkflowID), slog.Duration("duration", r.Duration()), slog.Int("tokens", r.Usage.TotalTokens)}
	if r.Error != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("code", r.Error.Code), slog.Any("error", why))
	}
	s.Log.LogAttrs(context.Background(), level, "run ended", attrs...)
}

// endUnworked ends a run that nobody works on: one that waits in the queue, or whose instance is gone. It returns the
// events to publish after the commit; none when the run is not as it was any more.
func (s *Service) endUnworked(tx *gorm.DB, r *Run, from Status, instance string) ([]events.Event, error) {
	var done *gorm.DB
	if from == Queued {
		done = tx.Exec("UPDATE runs SET status = ?, error_code = ?, error_message = ?, error_kind = ?, completed_at = ? WHERE id = ? AND status = 'QUEUED'",
			string(r.Status), r.Error.Code, r.Error.Message, string(r.ErrorKind), r.CompletedAt.UnixMilli(), r.ID)
	} else {
		done = tx.Exec("UPDATE runs SET status = ?, error_code = ?, error_message = ?, error_kind = ?, completed_at = ? WHERE id = ? AND status = 'RUNNING' AND instance_id = ?",
			string(r.Status), r.Error.Code, r.Error.Message, string(r.ErrorKind), r.CompletedAt.UnixMilli(), r.ID, instance)
	}
	if done.Error != nil || done.RowsAffected == 0 {
		return nil, done.Error
	}
	var nodes []agents.Node
	if r.IsFlow {
		if err := stopNodes(tx, r.ID, *r.Error, r.CompletedAt); err != nil {
			return nil, err
		}
		var err error
		if nodes, err = nodesOf(tx, r.ID); err != nil {
			return nil, err
		}
	}
	last, err := events.Last(tx, r.ID)
	if err != nil {
		return nil, err
	}
	list := []events.Event{runEvent(events.NewSequence(r.ID, last).Next(r.CompletedAt), s.named(r), countNodes(nodes))}
	return list, s.Events.Append(tx, r.subject(), list)
}
