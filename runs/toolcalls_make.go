package runs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/telemetry"
	"beckon/internal/units"
	"beckon/tools"
)

// record writes a round with its calls, and returns when that is on disk.
func (t *turn) record(ctx context.Context, r *keptRound) error {
	if err := t.active.Recorded(ctx); err != nil {
		return err
	}
	t.active.progress.acts.Store(true)
	recorded := t.add(entry{write: func(tx store.Tx) error { return insertRound(tx, t.active.ID, t.node, r) }})
	for _, c := range r.calls {
		if !c.isLocal() && c.Status != agents.ToolWaiting {
			t.active.journal.add(t.report(c.ToolCall))
		}
	}
	return await(ctx, recorded)
}

// add adds an entry to the run's journal; what it returns receives the outcome.
func (t *turn) add(e entry) <-chan error {
	outcome := make(chan error, 1)
	e.done = func(err error) { outcome <- err }
	t.active.journal.add(e)
	return outcome
}

func await(ctx context.Context, outcome <-chan error) error {
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// report is an entry with the event that a call has come into its status.
func (t *turn) report(c agents.ToolCall) entry {
	at := c.StartedAt
	if c.Status.Ended() {
		at = c.CompletedAt
	}
	return entry{at: at, event: func(id string) events.Event { return toolEvent(id, t.active.progress.run, c, at) }}
}

// update is an entry that writes what has become of a call, and reports it.
func (t *turn) update(c agents.ToolCall, artifacts []agents.Artifact) entry {
	e := t.report(c)
	e.write = func(tx store.Tx) error {
		if err := updateCall(tx, c); err != nil {
			return err
		}
		return t.service.keepArtifacts(tx, t.active.ID, artifacts)
	}
	return e
}

// goOn makes a call that has not ended, or ends it as it was decided, and returns when that is on record.
func (t *turn) goOn(ctx context.Context, c *keptCall) error {
	if c.Status == agents.ToolWaiting {
		if !c.Decision.Allowed {
			c.deny(t.acting.ApproveWithin)
			return await(ctx, t.add(t.update(c.ToolCall, nil)))
		}
		c.Status, c.StartedAt = agents.ToolRunning, time.Now().UTC()
		if err := await(ctx, t.add(t.update(c.ToolCall, nil))); err != nil { // from here on its outcome may be unknown
			return err
		}
	}
	within, span := telemetry.Start(ctx, telemetry.Internal, "execute_tool", c.Tool)
	span.Operation("execute_tool")
	span.Text("gen_ai.tool.name", c.Tool)
	span.Text("gen_ai.tool.call.id", c.ID)
	result, err := t.call(within, c)
	if ctx.Err() != nil {
		span.End(problem.CodeCanceled)
		return context.Cause(ctx)
	}
	c.Result, c.Status, c.CompletedAt = result.Text, agents.ToolCompleted, time.Now().UTC()
	switch wrong, isArgument := errors.AsType[*tools.ArgumentError](err); {
	case isArgument:
		_ = c.fail(codeBadArguments, "The arguments cannot be used: %s.", wrong.Reason)
	case err != nil:
		p := problem.Of(err)
		_ = c.fail(p.Code, "%s", p.Detail)
	case result.IsError:
		_ = c.fail(codeToolError, "The tool itself says that it has failed.")
	}
	failed := ""
	if c.Error != nil {
		failed = c.Error.Code
	}
	span.End(failed)
	t.mu.Lock()
	t.artifacts = append(t.artifacts, result.Artifacts...)
	t.mu.Unlock()
	return await(ctx, t.add(t.update(c.ToolCall, result.Artifacts)))
}

// deny ends a call that nobody has allowed.
func (c *keptCall) deny(within time.Duration) {
	if c.Decision.By == "" {
		_ = c.fail(problem.CodeApprovalExpired,
			"Nobody has allowed this call within %s, so that it was not made.", units.Duration(within))
	} else {
		_ = c.fail(codeDenied, "A person has denied this call. It was not made.")
	}
	c.Status = agents.ToolDenied
}

// call calls a tool, within a time of its own.
func (t *turn) call(ctx context.Context, c *keptCall) (result tools.Result, err error) {
	defer func() { // no caller up the stack could take care of a panic: the goroutine is the turn's
		if p := recover(); p != nil {
			result, err = tools.Result{}, fmt.Errorf("panic in tool %q: %v", c.Tool, p)
			t.service.Log.Error("a tool has panicked", "run_id", t.active.ID, "tool", c.Tool, "error", err)
		}
	}()
	limited, cancel := context.WithTimeout(ctx, toolTimeout)
	defer cancel()
	use := tools.Use{
		Tool:      c.Tool,
		Arguments: json.RawMessage(c.Arguments),
		RunID:     t.active.ID,
		NodeID:    t.node,
		ClientID:  t.active.run.ClientID,
		Artifacts: append(t.Artifacts(), t.acting.Artifacts...),
		Note:      t.note,
	}
	if t.service.Artifacts != nil {
		use.Files = &files{t.service, t.active, t.node}
	}
	result, err = t.service.Tools.Call(limited, use)
	if limited.Err() != nil && ctx.Err() == nil {
		err = problem.New(problem.Expired, tools.CodeToolTimeout,
			"The tool %q did not answer within %s. It may have done its work.", c.Tool, units.Duration(toolTimeout))
	}
	return result, err
}

// note adds what a tool says of the run to its record.
func (t *turn) note(text string) {
	note := Note{At: time.Now().UTC(), Kind: NoteAgent, Text: text}
	t.active.journal.add(entry{write: func(tx store.Tx) error { return addLateNote(tx, t.active.ID, note) }})
}

// outcomeUnknown is the problem of a call that a crash has interrupted, and that may have changed something.
func outcomeUnknown(c agents.ToolCall) *problem.Error {
	return problem.New(problem.Unavailable, problem.CodeInterrupted,
		"Beckon was stopped while the tool %q was called (%s). Whether it has done its work is not known, and it is "+
			"not called again, because it may change something. Look at what it has done before you call again.",
		c.Tool, c.ID)
}
