package runs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/fence"
	"beckon/internal/redact"
	"beckon/internal/store"
	"beckon/internal/telemetry"
)

// Request describes a run to start.
type Request struct {
	ID          string // from NewID; "" makes one
	ClientID    string
	Entry       *agents.Entry // the agent or flow to invoke
	Source      string        // SourceWebhook, …
	Input       string
	Fence       *fence.Fence // see Run.Fence
	SessionID   string
	Metadata    json.RawMessage
	Callback    json.RawMessage // see Run.Callback
	Origin      json.RawMessage // see Run.Origin
	ReceivedAt  time.Time
	Priority    int               // in the queue; 0 means PriorityDefault
	Idempotency *Idempotency      // nil for a call without an Idempotency-Key
	Uploads     []agents.Artifact // the files that the call brought: see Upload
	Share       bool              // the run gets a page for recipients
	Warnings    []string          // what was wrong with a call that was accepted anyway; they become notes
	Admit       Admit             // decides whether the run is queued, or another one covers its call
	Stream      bool              // the caller reads the answer while it is written
	ReplayOf    string            // see Run.ReplayOf
	Rules       *redact.Rules     // how its content is treated; nil keeps it as it is
	// Also is called in the transaction that puts the run into the queue, to write what belongs to it. If it returns an
	// error, the run is not queued. It may be called twice, and may be nil.
	Also  func(tx store.Tx, runID string) error
	OnEnd func() // called once, after the end of the run and before Done is closed; may be nil
}

// Active is a run that this process works on, or one in the queue for whose end its caller waits (IsQueued).
type Active struct {
	ID       string
	done     chan struct{}
	recorded chan struct{} // closed when the start is recorded, or when writing it has failed
	startErr error         // why writing the start failed; read it only after recorded is closed
	end      chan error    // receives the result of writing the end
	cancel   context.CancelCauseFunc
	onEnd    func()
	run      Run
	err      error // why there is no answer; set before done is closed
	journal  journal
	progress progress
	files    files
	claimed  bool             // this process took the run from the queue; it did not begin here
	own      *events.Follower // see Own; nil if the caller reads what is recorded
	awaited  *awaited         // of a run that waits in the queue; nil for one that this process works on
}

// startGrace is how long the start of a run is held back. A run that ends within that time is written once, as a whole.
// The start of any other run is written when the time is over, or earlier if somebody waits for it (Recorded).
const startGrace = 50 * time.Millisecond

// Start begins a run in this process and returns without waiting for its end. A run whose session has an earlier run
// that has not ended is put into the queue instead; its Active waits for it. The error is an Unavailable problem if the
// service is draining, and a *Duplicate if the Idempotency-Key was used before. Start uses the values of ctx, and not
// its cancellation: the run goes on when the caller disconnects.
func (s *Service) Start(ctx context.Context, r Request) (*Active, error) {
	now := time.Now().UTC()
	run := newRun(r, now)
	run.Trace = telemetry.Record(ctx)
	if err := s.prepare(&run); err != nil {
		return nil, err
	}
	run.ownStream = r.Stream && r.Rules != nil
	run.Status, run.StartedAt, run.Claim = Running, now, 1
	ctx = context.WithoutCancel(ctx)
	a := s.newActive(ctx, &run, "", r.Entry.Timeout, r.OnEnd)
	a.progress.callerReads = r.Stream
	if run.ownStream {
		a.own = s.Events.FollowOwn(run.ID)
	}
	ctx, a.cancel = context.WithCancelCause(ctx)
	if err := s.add(a); err != nil {
		a.CloseOwn()
		return nil, err
	}
	event := func(id string) events.Event { return runEvent(id, &run, nodeCount{}) }
	switch {
	case run.Session != "":
		if err := s.recordInSession(ctx, r, &run); err != nil || run.Status == Queued {
			s.remove(a)
			a.CloseOwn()
			if err != nil {
				return nil, err
			}
			if r.OnEnd != nil {
				r.OnEnd() // it uses no slot while it is in the queue
			}
			return s.awaitQueued(run), nil
		}
		a.begunInSession(&run)
	case r.Idempotency != nil || len(r.Uploads) > 0:
		// Write the run now: a repeated call must not ask the agent again, and no file may be without a run for long.
		started := []events.Event{event(a.journal.ids.Next(now))}
		if err := s.record(ctx, r.Idempotency, &run, s.instance, started, nil); err != nil {
			s.remove(a)
			a.CloseOwn()
			return nil, err
		}
		close(a.recorded)
	default:
		a.journal.held = true // for startGrace; see work
		a.journal.add(entry{begin: &run, at: now, event: event, write: writeNotes(&run), done: a.setRecorded})
	}
	s.goroutines.do(func() { s.work(ctx, a, r.Entry, r.Stream) })
	return a, nil
}

// NewID returns the ID of a run that is going to be started.
func NewID() string { return "run_" + ulid.Make().String() }

// newRun returns the run that a Request describes, without a status.
func newRun(r Request, now time.Time) Run {
	priority := r.Priority
	if priority == 0 {
		priority = PriorityDefault
	}
	id := r.ID
	if id == "" {
		id = NewID()
	}
	share := NoPage
	if r.Share {
		share = HasPage
	}
	session := ""
	if r.Entry.Sessions.IsKept() && !r.Rules.Discarding() { // otherwise SessionID is only recorded with the run
		session = r.SessionID
	}
	var notes []Note
	for _, text := range r.Warnings {
		notes = append(notes, Note{At: now, Kind: NoteWarning, Text: text})
	}
	return Run{
		ID:           id,
		ClientID:     r.ClientID,
		WorkflowID:   r.Entry.ID,
		IsFlow:       r.Entry.IsFlow,
		Source:       r.Source,
		SessionID:    r.SessionID,
		Session:      session,
		sessions:     r.Entry.Sessions,
		Input:        r.Input,
		Fence:        r.Fence,
		Metadata:     r.Metadata,
		Callback:     r.Callback,
		Origin:       r.Origin,
		EventNames:   r.Entry.Events,
		Priority:     priority,
		Attempts:     1,
		RetryOnCrash: r.Entry.RetryOnCrash,
		Share:        share,
		Uploads:      r.Uploads,
		ReplayOf:     r.ReplayOf,
		Rules:        r.Rules,
		hasArtifacts: len(r.Uploads) > 0,
		Notes:        notes,
		annotated:    notes != nil || r.Admit != nil,
		ReceivedAt:   r.ReceivedAt,
		CreatedAt:    now,
	}
}

// newActive returns an Active for a run that is new, or that was claimed from the queue. lastEvent is the ID of its
// last event, or "" for a new run. timeout is the agent's: writes of the run are retried for timeout + writePatience.
// The writes use ctx, which must not be canceled. run must not change once the agent is asked: it is read while the Active's
// own copy changes.
func (s *Service) newActive(ctx context.Context, run *Run, lastEvent string, timeout time.Duration, onEnd func()) *Active {
	a := &Active{
		ID:       run.ID,
		done:     make(chan struct{}),
		recorded: make(chan struct{}),
		end:      make(chan error, 1),
		onEnd:    onEnd,
		run:      *run,
		journal: journal{
			service: s,
			runID:   run.ID,
			about:   run.subject(),
			ids:     events.NewSequence(run.ID, lastEvent),
			claim:   run.Claim,
			ctx:     ctx,
			until:   time.Now().Add(timeout + writePatience),
		},
	}
	a.journal.waiting = a.journal.first[:0]
	a.progress.run, a.progress.journal = run, &a.journal
	return a
}

// setRecorded is called with the result of writing the start.
func (a *Active) setRecorded(err error) {
	if err != nil {
		a.startErr = err
		a.cancel(err) // stop the agent: its answer could not be recorded
	}
	close(a.recorded)
}

// Done returns a channel that is closed when the caller can be answered: the end of the run is recorded, or could not be
// recorded in time. See Outcome.
func (a *Active) Done() <-chan struct{} { return a.done }

// Recorded waits until the start of the run is recorded, so that a crash does not lose it. The error says why it could
// not be recorded.
func (a *Active) Recorded(ctx context.Context) error {
	if a.awaited != nil {
		return nil
	}
	a.journal.release()
	select {
	case <-a.recorded:
		return a.startErr
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// IsRecorded reports, without waiting, whether the start of the run is recorded.
func (a *Active) IsRecorded() bool {
	select {
	case <-a.recorded:
		return a.startErr == nil
	default:
		return false
	}
}

// notifyEnded calls onEnd and closes done.
func (a *Active) notifyEnded() {
	if a.onEnd != nil {
		a.onEnd()
	}
	if a.own != nil {
		a.own.End()
	}
	close(a.done)
}

// Own returns the follower that reads the run's events unredacted. It is for a caller that reads a stream, if the run's
// content is redacted or discarded when it is recorded. It is nil for any other run.
func (a *Active) Own() *events.Follower { return a.own }

// CloseOwn closes Own, and stops waiting for a run in the queue. Call it when the caller has been answered.
func (a *Active) CloseOwn() {
	if a.awaited != nil {
		a.awaited.leave()
	}
	if a.own != nil {
		a.own.Close()
	}
}

// IsQueued reports whether Start put the run into the queue, behind an earlier one of its session.
func (a *Active) IsQueued() bool { return a.awaited != nil }

// Cancel stops the run, which ends CANCELED. It does nothing if the run has ended already.
func (a *Active) Cancel() { a.cancel(errCanceled) }

// Outcome returns the run; call it only after Done is closed. The error is a problem that says why there is no answer:
// the run failed, was canceled, or could not be recorded in time. If it is nil, the run has completed and is recorded.
func (a *Active) Outcome() (*Run, error) { return &a.run, a.err }
