package runs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/units"
)

var (
	errAgentTime = errors.New("the agent's time is over")
	errCanceled  = errors.New("the run was canceled")
)

// work is the life of a run from its start to its end. A start that is not on record yet is being committed while the
// agent is already being asked; the end is committed before anybody hears of it.
func (s *Service) work(ctx context.Context, a *Active, entry *agents.Entry, stream bool) {
	defer s.remove(a)
	s.Metrics.RunStarted()
	stop := context.AfterFunc(s.working, func() { a.cancel(errInterrupted) })
	defer stop()
	defer a.cancel(nil)

	soon := time.AfterFunc(startGrace, a.journal.release)
	result, failure := s.invoke(ctx, a, entry, stream)
	soon.Stop()
	if errors.Is(context.Cause(ctx), errInterrupted) && failure != nil && s.putsBack(&a.run) {
		s.putBack(a)
		return
	}
	if stream && failure == nil {
		a.progress.whole(result.Output)
	}
	a.setOutcome(result, failure)
	s.finish(a)
}

func (s *Service) invoke(ctx context.Context, a *Active, entry *agents.Entry, stream bool) (agents.Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, entry.Timeout, errAgentTime)
	defer cancel()
	call := agents.Call{RunID: a.ID, ClientID: a.run.ClientID, AgentID: entry.ID, Prompt: a.run.Input, SessionID: a.run.SessionID,
		Metadata: a.run.Metadata, ReceivedAt: a.run.ReceivedAt}
	if entry.IsFlow {
		call.Progress = a.progress
	}
	if a.run.RetryOnCrash && s.Work != nil { // nobody else picks them up
		call.Responses = &responses{service: s, active: a}
	}
	if s.Artifacts != nil {
		a.files = files{s, a, ""}
		call.Files = &a.files
	}
	if stream {
		call.Text, call.Followed = a.progress.write, a.progress.followed
	}
	result, err := callAgent(ctx, entry.Invoker, call)
	if err != nil && ctx.Err() != nil {
		err = explainEnd(context.Cause(ctx), entry.Timeout, err)
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
func explainEnd(cause error, timeout time.Duration, err error) error {
	switch {
	case errors.Is(cause, errAgentTime):
		return problem.New(problem.Expired, problem.CodeAgentTimeout, "The agent ran out of its %s. Raise the agent's timeout, or ask for less.",
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
	canceled    = problem.New(problem.Conflict, problem.CodeCanceled, "The run was canceled.")
	interrupted = problem.New(problem.Unavailable, problem.CodeInterrupted, "Beckon was stopped before the agent had answered. Call again, with a new Idempotency-Key where there was one. Beckon runs it again by itself unless retryOnCrash is false, at most twice.").After(retryInterrupted)
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
