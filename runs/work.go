package runs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/telemetry"
	"beckon/internal/units"
)

var (
	errAgentTime = errors.New("the agent's time is over")
	errCanceled  = errors.New("the run was canceled")
)

// work begins the life of a run, from its start to its end. A start that is not on record yet is being committed while the
// agent is already being asked; the end is committed before anybody hears of it.
func (s *Service) work(ctx context.Context, a *Active, entry *agents.Entry, stream bool) {
	s.Metrics.RunStarted()
	ctx, span := startSpan(ctx, a)
	w := &working{Service: s, active: a, entry: entry, stream: stream, ctx: ctx, span: span}
	w.grace = time.AfterFunc(startGrace, a.journal.release)
	var asked context.Context
	asked, w.stopClock = context.WithTimeoutCause(ctx, entry.Timeout, errAgentTime)
	w.goOn(asked, func(ctx context.Context) (agents.Result, error) { return entry.Invoker.Invoke(ctx, w.callOf()) })
}

// working is the work on a run. While its agent is parked it has no goroutine: two timers of the runtime, of which the first
// to fire goes on with it, are all that it costs.
type working struct {
	*Service
	active *Active
	entry  *agents.Entry
	stream bool
	ctx    context.Context // of the run
	spend  Account         // nil where nobody counts
	span   *telemetry.Span // nil where traces are off

	grace     *time.Timer        // writes the start of the run: see startGrace
	stopClock context.CancelFunc // of the agent's time
}

// stop stops the timers of the run.
func (w *working) stop() {
	w.stopClock()
	w.grace.Stop()
}

// Account counts what the requests of one run to models cost, as long as this process works on it.
type Account interface {
	agents.Spend
	// Close is called when the run is over, or is put away and may go on under another claim. Then it returns when what was spent
	// is on record.
	Close(isOver bool)
}

func (w *working) closeAccount(isOver bool) {
	if w.spend != nil {
		w.spend.Close(isOver)
	}
}

// goOn works on the run until it has ended, or its agent parks.
func (w *working) goOn(asked context.Context, do func(context.Context) (agents.Result, error)) {
	result, err := callAgent(asked, w.entry.ID, do)
	if parked, ok := errors.AsType[*agents.Parked](err); ok {
		w.park(asked, parked)
		return
	}
	if errors.Is(err, agents.ErrWaiting) && asked.Err() == nil {
		w.endSpan(Waiting, result.Usage, "")
		w.putAway()
		return
	}
	if err != nil && asked.Err() != nil {
		err = explainEnd(context.Cause(asked), w.entry.Timeout, err)
	}
	w.end(result, err)
}

func (w *working) park(asked context.Context, parked *agents.Parked) {
	var (
		once  sync.Once
		timer atomic.Pointer[time.Timer]
	)
	resume := func() { once.Do(func() { w.goOn(asked, parked.Resume) }) }
	forget := context.AfterFunc(asked, func() {
		if t := timer.Load(); t != nil {
			t.Stop()
		}
		resume()
	})
	timer.Store(time.AfterFunc(time.Until(parked.Until), func() {
		forget()
		resume()
	}))
}

func (w *working) end(result agents.Result, failure error) {
	s, a := w.Service, w.active
	defer s.remove(a)
	defer a.cancel(nil)
	defer w.stop()
	if errors.Is(context.Cause(w.ctx), errInterrupted) && failure != nil && s.putsBack(&a.run) {
		w.closeAccount(false)
		w.endSpan(Queued, result.Usage, interrupted.Code)
		s.putBack(a)
		return
	}
	if p := s.usedUp(a, failure); p != nil && !a.run.IsFlow {
		w.closeAccount(false)
		w.endSpan(Queued, result.Usage, p.Code)
		s.waitForBudget(a, p)
		return
	}
	if w.stream && failure == nil {
		a.progress.whole(result.Output)
	}
	w.closeAccount(true)
	a.setOutcome(result, failure)
	s.judge(a.journal.ctx, &a.run, w.entry)
	w.endSpan(a.run.Status, a.run.Usage, problem.CodeOf(failure))
	s.finish(a)
}

// callOf is what the agent is asked.
func (w *working) callOf() agents.Call {
	s, a := w.Service, w.active
	call := agents.Call{
		RunID:      a.ID,
		ClientID:   a.run.ClientID,
		AgentID:    w.entry.ID,
		Prompt:     a.run.Input,
		Fence:      a.run.Fence,
		SessionID:  a.run.SessionID,
		Metadata:   a.run.Metadata,
		Artifacts:  a.run.Uploads,
		ReceivedAt: a.run.ReceivedAt,
	}
	if a.run.Rules != nil && a.run.Rules.Model {
		call.Redact = a.run.Rules
	}
	if s.Spend != nil {
		w.spend = s.Spend(&a.run)
		call.Spend = w.spend
	}
	if w.entry.IsFlow {
		call.Progress = &a.progress
	} else {
		call.Percent = func(percent int) {
			a.progress.Advance(agents.Node{ID: w.entry.ID, Type: w.entry.ID, Names: a.run.EventNames}, percent)
		}
	}
	if a.run.RetryOnCrash && s.Work != nil { // nobody else picks them up
		call.Responses = &responses{service: s, active: a}
	}
	if w.entry.UsesTools && s.Tools != nil {
		call.Turns = &turns{s, a, "", w.entry.RetryIsSet}
	}
	if a.run.Session != "" {
		a.progress.conversation = newConversation(a)
		call.Conversation = &conversation{a.progress.conversation, s, a, ""}
	}
	if s.Artifacts != nil {
		a.files = files{s, a, ""}
		call.Files = &a.files
	}
	if w.stream {
		call.Text, call.Followed = a.progress.write, a.progress.followed
	}
	return call
}

// callAgent turns a panic of an agent into the failure of its run.
func callAgent(ctx context.Context, id string, do func(context.Context) (agents.Result, error)) (result agents.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in agent %q: %v", id, p)
		}
	}()
	return do(ctx)
}

// explainEnd says why a run's context ended, in place of the error that this caused in the agent.
func explainEnd(cause error, timeout time.Duration, err error) error {
	switch {
	case errors.Is(cause, errAgentTime):
		return problem.New(problem.Expired, problem.CodeAgentTimeout,
			"The agent ran out of its %s. Raise the agent's timeout, or ask for less.",
			units.Duration(timeout)).Because(err)
	case errors.Is(cause, errInterrupted):
		return interrupted.Because(err)
	case errors.Is(cause, errCanceled):
		return canceled.Because(err)
	}
	return err
}

// retryInterrupted is when it makes sense to call again after a gateway was stopped.
const retryInterrupted = 5 * time.Second

var (
	canceled     = problem.New(problem.Conflict, problem.CodeCanceled, "The run was canceled.")
	mayHaveActed = problem.New(problem.Unavailable, problem.CodeInterrupted,
		"Beckon was stopped before the agent had answered. It does not run it again by itself, "+
			"because the agent has tools that may change something. "+
			"Look at the calls of the run before you call again; retryOnCrash: true on the agent or flow has such runs go on.")
	interrupted = problem.New(problem.Unavailable, problem.CodeInterrupted,
		"Beckon was stopped before the agent had answered. Call again, with a new Idempotency-Key where there was one. "+
			"Beckon runs it again by itself unless retryOnCrash is false, at most twice.").After(retryInterrupted)
)

// setOutcome notes how the run ended. Only a problem's detail may be seen by a caller; anything else is internal.
func (a *Active) setOutcome(result agents.Result, failure error) {
	a.run.CompletedAt = time.Now().UTC()
	a.run.Output, a.run.Usage, a.run.By, a.run.Status = result.Output, result.Usage, result.By, Completed
	a.run.By.Responses = a.progress.responsesOf("")
	a.run.Artifacts = result.Artifacts
	if failure == nil {
		return
	}
	p := problem.Of(failure)
	a.run.fail(p)
	a.err = p
}

// fail makes the run one that ended for the reason p.
func (r *Run) fail(p *problem.Error) {
	r.Status = Failed
	if p.Code == canceled.Code {
		r.Status = Canceled
	}
	r.Error, r.ErrorKind = &agents.Failure{Code: p.Code, Message: p.Detail}, p.Kind
}
