package runs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/events"
)

// Request is what a run is started with.
type Request struct {
	ClientID    string
	Entry       *agents.Entry
	Source      string
	Input       string
	SessionID   string
	Metadata    json.RawMessage
	Callback    json.RawMessage // see Run
	ReceivedAt  time.Time
	Priority    int          // in the queue; 0 is PriorityDefault
	Idempotency *Idempotency // nil for a call that is made anew each time
	Share       bool         // it gets a page for recipients
	Stream      bool         // somebody reads along: the answer is passed on as it is written
	OnEnd       func()       // called once, when the run has ended and before anybody hears of it; may be nil
}

// Active is a run that this process works on.
type Active struct {
	ID       string
	done     chan struct{}
	recorded chan struct{} // closed when the start is on record, or cannot be
	written  chan error    // gets the outcome of writing the end
	startErr error         // why the start was not recorded; read it after recorded
	cancel   context.CancelCauseFunc
	onEnd    func()
	run      Run
	err      error // set before done is closed; nil when the run has completed
	journal  *journal
	progress *progress
	files    files
}

// startGrace is how long a run may take to end before its start is written on its own. A run that ends within
// that time is written once, as a whole. Other runs are written when it is over, or when somebody needs the record.
const startGrace = 50 * time.Millisecond

// Start begins a run in this process and returns at once; an Unavailable says that the service is draining, a
// *Duplicate that the call has been made before. The run does not end with ctx, only its values are used: a caller who
// hangs up does not lose it.
func (s *Service) Start(ctx context.Context, r Request) (*Active, error) {
	now := time.Now().UTC()
	run := newRun(r, now)
	run.Status, run.StartedAt, run.Claim = Running, now, 1
	ctx = context.WithoutCancel(ctx)
	a := s.newActive(ctx, run, "", r.Entry.Timeout, r.OnEnd)
	a.progress.read = r.Stream
	ctx, a.cancel = context.WithCancelCause(ctx)
	if err := s.add(a); err != nil {
		return nil, err
	}
	event := func(id string) events.Event { return runEvent(id, &run, nodeCount{}) }
	if r.Idempotency != nil {
		// Whether it is the first such call has to be known before the agent is asked.
		if err := s.record(ctx, r.Idempotency, &run, s.instance, []events.Event{event(a.journal.ids.Next(now))}, nil); err != nil {
			s.remove(a)
			return nil, err
		}
		close(a.recorded)
	} else {
		a.journal.held = true
		a.journal.add(entry{begin: &run, at: now, event: event, done: a.startWritten})
	}
	go s.work(ctx, a, r.Entry, r.Stream)
	return a, nil
}

func newRun(r Request, now time.Time) Run {
	priority := r.Priority
	if priority == 0 {
		priority = PriorityDefault
	}
	share := NoPage
	if r.Share {
		share = HasPage
	}
	return Run{ID: "run_" + ulid.Make().String(), ClientID: r.ClientID, WorkflowID: r.Entry.ID, IsFlow: r.Entry.IsFlow, Source: r.Source,
		SessionID: r.SessionID, Input: r.Input, Metadata: r.Metadata, Callback: r.Callback, EventNames: r.Entry.Events, Priority: priority, Attempts: 1, RetryOnCrash: r.Entry.RetryOnCrash,
		Share: share, ReceivedAt: r.ReceivedAt, CreatedAt: now}
}

// newActive prepares the work on a run whose last event so far is known, and which may take as long as timeout. Its
// writes have the values of ctx, which must not end.
func (s *Service) newActive(ctx context.Context, run Run, lastEvent string, timeout time.Duration, onEnd func()) *Active {
	a := &Active{ID: run.ID, done: make(chan struct{}), recorded: make(chan struct{}), written: make(chan error, 1), onEnd: onEnd, run: run,
		journal: &journal{service: s, runID: run.ID, about: run.subject(), ids: events.NewSequence(run.ID, lastEvent),
			claim: run.Claim, ctx: ctx, until: time.Now().Add(timeout + writePatience)}}
	snapshot := run
	a.progress = &progress{run: &snapshot, journal: a.journal}
	return a
}

// startWritten takes the outcome of writing the start.
func (a *Active) startWritten(err error) {
	if err != nil {
		a.startErr = err
		a.cancel(err) // an answer that can't be recorded need not be waited for
	}
	close(a.recorded)
}

// Done is closed when the caller can be answered: the end of the run is on record, or it could not be recorded so far.
func (a *Active) Done() <-chan struct{} { return a.done }

// Recorded waits until the run is on record, so that it is not lost; an error says that it cannot be recorded.
func (a *Active) Recorded(ctx context.Context) error {
	a.journal.release()
	select {
	case <-a.recorded:
		return a.startErr
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// IsRecorded reports whether the run is known to be on record by now.
func (a *Active) IsRecorded() bool {
	select {
	case <-a.recorded:
		return a.startErr == nil
	default:
		return false
	}
}

// notifyEnded gives back what the run has taken, and lets those who wait on Done go on.
func (a *Active) notifyEnded() {
	if a.onEnd != nil {
		a.onEnd()
	}
	close(a.done)
}

// Cancel ends the run CANCELED unless it has ended already.
func (a *Active) Cancel() { a.cancel(errCanceled) }

// Outcome returns the run after Done. The error is a problem that says why there is no answer: the run failed, was canceled,
// or could not be recorded so far. Without an error, the run is on record.
func (a *Active) Outcome() (*Run, error) { return &a.run, a.err }
