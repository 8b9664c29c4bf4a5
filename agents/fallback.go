package agents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"beckon/internal/problem"
	"beckon/internal/units"
)

// localReserve is the time that is left, at most, for fallbacks that need no network.
const localReserve = time.Second

// candidate is a provider that may answer for an agent.
type candidate struct {
	provider string
	model    string
	isLocal  bool // it needs no network, and next to no time
	invoker  Invoker
	breaker  *breaker
}

// chain asks the providers of an agent, one after the other, until one answers. It is safe for concurrent use.
type chain struct {
	agent      string
	schema     *Schema  // nil unless the agent's output has one
	session    *Session // nil unless it takes part in conversations
	summarizer Invoker  // nil unless what no longer fits of these is summed up
	candidates []candidate
}

// Invoke asks the agent's provider, and its fallbacks if the provider fails or has failed too often. After a reader
// has seen a part of the answer, Invoke returns the failure and asks no fallback. A fallback starts from the prompt
// again, and makes its own calls of tools.
func (c *chain) Invoke(ctx context.Context, call Call) (result Result, err error) {
	streamed := false
	if text := call.Text; text != nil && len(c.candidates) > 1 {
		call.Text = func(piece string) {
			streamed = streamed || piece != ""
			text(piece)
		}
	}
	var log callLog
	if c.session != nil && call.Conversation != nil {
		if err := c.recall(ctx, &call, &log); err != nil {
			return Result{Usage: log.used, By: Answerer{Attempts: log.reportable()}}, err
		}
	}
	for i := range c.candidates {
		one, isLast := &c.candidates[i], i == len(c.candidates)-1
		allowed := one.breaker.enter()
		if !allowed && !isLast {
			log.skipped(one)
			continue
		}
		begun := time.Now()
		result, err = c.ask(ctx, one, i, call)
		failure := err
		if errors.Is(err, ErrWaiting) { // the provider has answered
			failure = nil
		}
		one.tellBreaker(ctx, failure, allowed)
		log.add(one, begun, result, failure)
		result.Usage = log.used
		result.By = Answerer{
			Provider: one.provider,
			Model:    one.model,
			Degraded: i > 0 && err == nil,
			IsData:   result.By.IsData,
		}
		if err == nil || streamed || ctx.Err() != nil || !fallbackMayHelp(err) {
			break
		}
	}
	result.By.Attempts = log.reportable()
	return result, err
}

// callLog collects the usage and the attempts of one call.
type callLog struct {
	used     Usage
	attempts []Attempt
}

func (r *callLog) skipped(one *candidate) {
	why := &Failure{Code: problem.CodeProviderSkipped,
		Message: fmt.Sprintf("The provider %q has failed too often, and is not asked for a while.", one.provider)}
	r.attempts = append(r.attempts, Attempt{
		Provider:  one.provider,
		Model:     one.model,
		StartedAt: time.Now().UTC(),
		Error:     why,
	})
}

func (r *callLog) add(one *candidate, begun time.Time, result Result, err error) {
	r.used = r.used.Add(result.Usage)
	list := result.By.Attempts
	if len(list) == 0 {
		list = []Attempt{{
			Provider:  one.provider,
			Model:     one.model,
			StartedAt: begun.UTC(),
			Duration:  time.Since(begun),
		}}
	}
	if last := &list[len(list)-1]; err != nil && last.Error == nil { // the answer was not usable
		last.Error = problem.FailureOf(err)
	}
	r.attempts = append(r.attempts, list...)
}

// reportable returns the attempts; nil where each of them is a usual answer.
func (r *callLog) reportable() []Attempt {
	if !slices.ContainsFunc(r.attempts, func(a Attempt) bool { return a.Error != nil || a.Finish != "" }) {
		return nil
	}
	if n := len(r.attempts); n > maxAttempts {
		return append(r.attempts[:1:1], r.attempts[n-maxAttempts+1:]...)
	}
	return r.attempts
}

// ask asks one provider, within its share of the time.
func (c *chain) ask(ctx context.Context, one *candidate, place int, call Call) (Result, error) {
	if limit := c.timeShare(ctx, place); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, problem.New(problem.Upstream, problem.CodeProviderTimeout,
			"The provider %q did not answer within %s, its share of the time of agent %q.",
			one.provider, units.Duration(limit.Round(time.Millisecond)), c.agent))
		defer cancel()
	}
	result, err := one.invoker.Invoke(ctx, call)
	if err == nil && c.schema != nil && !result.By.IsData { // an invoker that knows of no schema
		var data json.RawMessage
		if data, err = c.schema.Read(result.Output); err != nil {
			return result, OutputInvalid(c.agent, err)
		}
		result.Output, result.By.IsData = string(data), true
	}
	return result, err
}

// timeShare is how long a provider may take, so that there is time for those behind it: an equal part of what is
// left, and nearly all of it where they need no network. 0 is as long as there is time.
func (c *chain) timeShare(ctx context.Context, place int) time.Duration {
	deadline, ok := ctx.Deadline()
	behind := c.candidates[place+1:]
	if !ok || len(behind) == 0 {
		return 0
	}
	left, parts := time.Until(deadline), 1
	for i := range behind {
		if !behind[i].isLocal {
			parts++
		}
	}
	if parts == 1 {
		return max(1, left-min(localReserve, left/10))
	}
	return max(1, left/time.Duration(parts))
}

// tellBreaker reports the outcome of a call to the breaker.
func (o *candidate) tellBreaker(ctx context.Context, err error, allowed bool) {
	code := ""
	if err != nil {
		code = problem.Of(err).Code
	}
	switch {
	case !allowed:
		o.breaker.recordForced(code)
	case err != nil && ctx.Err() != nil:
		o.breaker.abandon()
	default:
		o.breaker.record(code)
	}
}

// fallbackMayHelp reports whether another provider may succeed: the failure is the provider's or its answer's, not
// one of the agent's own settings.
func fallbackMayHelp(err error) bool {
	p, ok := errors.AsType[*problem.Error](err)
	return ok && (p.Kind == problem.Upstream && p.Code != instructionsFailed || p.Kind == problem.OverBudget)
}

// Notes implements Noted. It returns what was learnt about the agent's providers.
func (c *chain) Notes() (list []string) {
	for i := range c.candidates {
		one := &c.candidates[i]
		noted, ok := one.invoker.(Noted)
		if !ok {
			continue
		}
		for _, note := range noted.Notes() {
			if len(c.candidates) > 1 {
				note = one.provider + ", " + one.model + ": " + note
			}
			list = append(list, note)
		}
	}
	return list
}
