package tools

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"beckon/internal/problem"
)

// call calls a tool of the server.
func (c *connection) call(ctx context.Context, use Use) (Result, error) {
	within, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-within.Done():
		return Result{}, c.late(ctx, use,
			"all of the %d calls that it may have at the same time are under way", maxParallel)
	}
	for attempt := 1; ; attempt++ {
		result, o, err := c.callOnce(ctx, within, use)
		if o == nil || attempt > 1 || within.Err() != nil || o.kind != failedBefore && o.kind != failedElsewhere {
			return result, err
		}
	}
}

// callOnce makes an attempt. The outcome is nil where there is nothing to be gained by another one.
func (c *connection) callOnce(ctx, within context.Context, use Use) (Result, *outcome, error) {
	x, giveBack, err := c.use(within)
	switch {
	case err == nil:
		defer giveBack()
	case ctx.Err() != nil:
		return Result{}, nil, ctx.Err()
	case within.Err() != nil:
		return Result{}, nil, c.late(ctx, use, "the server could not be reached until then")
	default:
		return Result{}, nil, problem.New(problem.Unavailable, CodeToolUnavailable,
			"The tool %s cannot be called: %s.", use.Tool, err)
	}
	o, sent, err := c.prepare(use)
	if err != nil {
		return Result{}, nil, err
	}
	answer, err := c.send(within, x, o.own, sent, use)
	if err == nil {
		return resultOf(ctx, answer, use, c.clean), nil, nil
	}
	return c.failed(ctx, within, x, use, err)
}

// prepare finds a tool, and makes what is sent to it of the arguments.
func (c *connection) prepare(use Use) (*offer, any, error) {
	c.mu.Lock()
	o := c.listing.byName[use.Tool]
	c.mu.Unlock()
	if o == nil {
		return nil, nil, unknownTool(use.Tool)
	}
	object, err := o.check.read(use.Arguments)
	if err != nil {
		return nil, nil, err
	}
	filled, err := c.server.fill(object)
	if err != nil {
		return nil, nil, err
	}
	if err := o.check.validate(filled.(map[string]any)); err != nil {
		wrong, _ := errors.AsType[*ArgumentError](err)
		return nil, nil, &ArgumentError{c.clean(wrong.Reason)}
	}
	return o, filled, nil
}

// send makes the call. It returns when ctx ends, also where what is written to a program is not read.
func (c *connection) send(
	ctx context.Context, x *session, tool string, arguments any, use Use,
) (*mcp.CallToolResult, error) {
	var progress func(string)
	if use.Progress != nil {
		progress = func(message string) { use.Progress(shorten(c.clean(message), maxNote)) }
	}
	type answered struct {
		result *mcp.CallToolResult
		err    error
	}
	done := make(chan answered, 1)
	c.wg.Go(func() {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(c.base, func() { cancel(errOver) })()
		result, err := x.call(ctx, tool, arguments, progress)
		done <- answered{result, err}
	})
	select {
	case a := <-done:
		return a.result, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.base.Done():
		return nil, &lost{"the gateway ends"}
	}
}

// failed says what came of a call that has no result, and has the next one get a new session where the session may
// be why.
func (c *connection) failed(ctx, within context.Context, x *session, use Use, err error) (Result, *outcome, error) {
	switch {
	case ctx.Err() != nil:
		return Result{Unknown: true}, nil, ctx.Err()
	case within.Err() != nil:
		c.note("%s has not answered within %s", use.Tool, c.timeout())
		if c.server.IsProgram() {
			c.suspect(x)
		} else {
			c.retire(x, false)
		}
		return Result{}, nil, c.late(ctx, use, "the server was told to stop, and may have done it nevertheless")
	}
	o := outcomeOf(err, x.ID() != "")
	o.why = shorten(c.clean(o.why), maxWhy)
	if o.kind == failedByServer {
		wire, _ := errors.AsType[*jsonrpc.Error](err)
		if wire.Code != jsonrpc.CodeInvalidParams && !c.server.IsProgram() {
			c.retire(x, false) // servers that have lost a session say it in many ways
		}
		return Result{
			IsError: true,
			Text:    fmt.Sprintf("The server %s could not do it: %s", c.server.ID, o.why),
		}, nil, nil
	}
	c.note("%s: %s", use.Tool, o.why)
	if !c.server.IsProgram() || o.kind != failedAnswer {
		c.retire(x, o.kind != failedElsewhere && o.kind != failedRefused)
	}
	switch o.kind {
	case failedUnknown:
		return Result{Unknown: true}, &o, problem.New(problem.Upstream, CodeToolOutcome,
			"The call of %s was sent, and what came of it is not known: %s.", use.Tool, o.why)
	case failedBefore:
		return Result{}, &o, problem.New(problem.Unavailable, CodeToolUnavailable,
			"The tool %s could not be called: %s.", use.Tool, o.why)
	case failedElsewhere, failedRefused:
		return Result{}, &o, problem.New(problem.Upstream, CodeToolFailed,
			"The tool %s was not called, its server refuses it: %s.", use.Tool, o.why)
	default:
		return Result{}, &o, problem.New(problem.Upstream, CodeToolFailed,
			"The tool %s was called, and its answer cannot be used: %s.", use.Tool, o.why)
	}
}

// late is the error of a call whose time is over.
func (c *connection) late(ctx context.Context, use Use, format string, args ...any) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return problem.New(problem.Expired, CodeToolTimeout,
		"The tool %s has not answered within %s: %s.", use.Tool, c.timeout(), fmt.Sprintf(format, args...))
}
