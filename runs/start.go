package runs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// Request is what a run is started with.
type Request struct {
	ClientID   string
	Entry      *agents.Entry
	Source     string
	Input      string
	SessionID  string
	Metadata   json.RawMessage
	ReceivedAt time.Time
	Wait       time.Duration // how long the caller waits for the answer
	OnEnd      func()        // called once, when the run has ended and before anybody hears of it
}

var (
	errAgentTime = errors.New("the agent's time is over")
	errWaitTime  = errors.New("the caller's waiting time is over")
	errCanceled  = errors.New("the run was canceled")
)

// Active is a run that this process works on.
type Active struct {
	ID     string
	done   chan struct{}
	cancel context.CancelCauseFunc
	onEnd  func()
	run    Run
	ended  atomic.Pointer[Run] // the run as it ended, from the moment in which that is known
	err    error               // set before done is closed; nil when the run has completed
}

// Start begins a run and returns at once; an Unavailable says that the service is draining. The run does not end with
// ctx, only its values are used: a caller who hangs up does not lose it.
func (s *Service) Start(ctx context.Context, r Request) (*Active, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	now := time.Now()
	a := &Active{ID: "run_" + ulid.Make().String(), done: make(chan struct{}), onEnd: r.OnEnd}
	a.run = Run{ID: a.ID, Status: Running, ClientID: r.ClientID, WorkflowID: r.Entry.ID, Source: r.Source, SessionID: r.SessionID,
		Input: r.Input, Metadata: r.Metadata, CreatedAt: now.UTC(), StartedAt: now.UTC()}
	ctx, a.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	go s.work(ctx, a, r)
	return a, nil
}

// Done is closed when the run has ended and its end is on record, or cannot be.
func (a *Active) Done() <-chan struct{} { return a.done }

// end lets everybody know.
func (a *Active) end() {
	if a.onEnd != nil {
		a.onEnd()
	}
	close(a.done)
}

// Cancel ends the run CANCELED unless it has ended already.
func (a *Active) Cancel() { a.cancel(errCanceled) }

// Outcome returns the run as it is on record, after Done. The error is a problem that says why there is no answer: the
// run failed, was canceled, or could not be recorded.
func (a *Active) Outcome() (*Run, error) { return &a.run, a.err }

// beginning is what became of the writing of a run's start: whether its end was written with it, or why nothing was.
type beginning struct {
	whole bool
	err   error
}

// startGrace is how long a run may take to end before its start is written on its own. Agents that answer at once are
// written once, as a whole; to all others, and to those who look at the record, it makes no difference.
const startGrace = 5 * time.Millisecond

// work is the life of a run. Its start is being committed while the agent is already being asked; its end is
// committed before anybody hears of it.
func (s *Service) work(ctx context.Context, a *Active, r Request) {
	defer s.active.Done()
	s.metrics.RunStarted()
	stop := context.AfterFunc(s.working, func() { a.cancel(errInterrupted) })
	defer stop()

	start, begun := a.run, make(chan beginning, 1)
	write := func() {
		s.storage.begin(&start, a.ended.Load, func(whole bool, err error) {
			if err != nil {
				a.cancel(err) // an answer that can't be recorded need not be waited for
			}
			begun <- beginning{whole, err}
		})
	}
	soon := time.AfterFunc(startGrace, write)
	result, failure := s.invoke(ctx, a, r)
	a.settle(result, failure)
	final := a.run
	a.ended.Store(&final)
	if soon.Stop() {
		write()
	}
	switch b := <-begun; {
	case b.err != nil:
		s.giveUp(a, b.err)
	case b.whole:
		s.tell(a)
	default:
		s.finish(a)
	}
}

func (s *Service) invoke(ctx context.Context, a *Active, r Request) (agents.Result, error) {
	var cancel context.CancelFunc
	if r.Wait < r.Entry.Timeout {
		ctx, cancel = context.WithTimeoutCause(ctx, r.Wait, errWaitTime)
	} else {
		ctx, cancel = context.WithTimeoutCause(ctx, r.Entry.Timeout, errAgentTime)
	}
	defer cancel()
	result, err := callAgent(ctx, r.Entry.Invoker, agents.Call{RunID: a.ID, ClientID: r.ClientID, AgentID: r.Entry.ID, Prompt: r.Input,
		SessionID: r.SessionID, Metadata: r.Metadata, ReceivedAt: r.ReceivedAt})
	if err != nil && ctx.Err() != nil {
		err = explainEnd(context.Cause(ctx), r, err)
	}
	return result, err
}

// callAgent turns a panic of an agent into the failure of its run.
func callAgent(ctx context.Context, invoker agents.Invoker, call agents.Call) (result agents.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in agent %q: %v", call.AgentID, p)
		}
	}()
	return invoker.Invoke(ctx, call)
}

// explainEnd says why a run's context ended, in place of the error that this caused in the agent.
func explainEnd(cause error, r Request, err error) error {
	switch {
	case errors.Is(cause, errWaitTime):
		return problem.New(problem.Expired, "wait_timeout", "The agent did not answer within the %s that this call waits. Let it wait longer (Prefer: wait=N, or the client's syncTimeout), or ask for less.",
			units.Duration(r.Wait)) // err says only that the agent was stopped
	case errors.Is(cause, errAgentTime):
		return problem.New(problem.Expired, "agent_timeout", "The agent ran out of its %s. Raise the agent's timeout, or ask for less.",
			units.Duration(r.Entry.Timeout)).Because(err)
	case errors.Is(cause, errInterrupted):
		return problem.New(problem.Unavailable, "interrupted", "Beckon was shut down before the agent had answered. Call again.").After(5 * time.Second).Because(err)
	case errors.Is(cause, errCanceled):
		return problem.New(problem.Conflict, "canceled", "The run was canceled.").Because(err)
	}
	return err
}

// settle writes down how the run ended. Only a problem's detail may be seen by a caller; anything else is internal.
func (a *Active) settle(result agents.Result, failure error) {
	a.run.CompletedAt = time.Now().UTC()
	a.run.Output, a.run.Usage, a.run.Status = result.Output, result.Usage, Completed
	if failure == nil {
		return
	}
	p := problem.Of(failure)
	a.run.Status = Failed
	if p.Code == "canceled" {
		a.run.Status = Canceled
	}
	a.run.Error = &Failure{p.Code, p.Detail}
	a.err = p
}
