package tools

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"beckon/internal/problem"
)

// The states of a connection to a server.
const (
	StateIdle       = "idle" // there is no session, because nobody needs one
	StateConnecting = "connecting"
	StateConnected  = "connected"
	StateFailed     = "failed"
	StateDisabled   = "disabled"
)

// Status is how Beckon stands with a server.
type Status struct {
	State     string
	Since     time.Time // of a session; zero where there is none
	NextTry   time.Time // after a failure; zero where the next call tries at once
	Server    string    // its name and version, as it says
	Failure   string    // why there is no session; "" where there has been none since the last one
	Tools     []Tool    // of its last list
	LeftOut   []string  // what was left out of the list or changed in it, and why
	HasListed bool      // it has given a list
	Notes     []Note    // what has happened, the last first
}

// Status says how a server is; the zero Status for one that is not in force, and of a nil Toolbox.
func (b *Toolbox) Status(id string) Status {
	c := b.connection(id)
	if c == nil {
		return Status{}
	}
	return c.status()
}

// Connect connects to a server where there is no session with it, also before the next attempt is due, and says how
// it is then.
func (b *Toolbox) Connect(ctx context.Context, id string) Status {
	c := b.connection(id)
	if c == nil {
		return Status{}
	}
	if !c.server.Disabled {
		c.mu.Lock()
		c.retryAt = time.Time{}
		c.mu.Unlock()
		c.tools(ctx)
	}
	return c.status()
}

func (c *connection) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Server: c.identity, Notes: slices.Clone(c.notes)}
	slices.Reverse(s.Notes)
	if c.listing != nil {
		s.HasListed, s.Tools, s.LeftOut = true, c.listing.tools, c.listing.notes
	}
	if c.failure != nil {
		s.Failure = c.failure.Error()
	}
	switch {
	case c.server.Disabled:
		s.State = StateDisabled
	case c.current != nil:
		s.State, s.Since = StateConnected, c.openedAt
	case c.opening != nil:
		s.State = StateConnecting
	case c.failure != nil:
		s.State, s.NextTry = StateFailed, c.retryAt
	default:
		s.State = StateIdle
	}
	if s.State == StateIdle && time.Now().Before(c.retryAt) {
		s.State, s.NextTry, s.Failure = StateFailed, c.retryAt, c.whyNot().Error()
	}
	return s
}

// NameIn returns the name of a tool of a server that somebody has given with or without the server's id.
func NameIn(server, given string) string {
	if strings.HasPrefix(given, server+".") {
		return given
	}
	return server + "." + given
}

// Try calls a tool as people try one: what is wrong with the arguments is a *problem.Error as well, and no files
// are kept.
func (b *Toolbox) Try(ctx context.Context, tool string, arguments json.RawMessage) (Result, error) {
	if b == nil {
		return Result{}, unknownTool(tool)
	}
	result, err := b.Call(ctx, Use{Tool: tool, Arguments: arguments})
	if wrong, ok := errors.AsType[*ArgumentError](err); ok {
		var fields problem.Fields
		fields.Add("arguments", "%s", wrong.Reason)
		return result, fields.Err()
	}
	return result, err
}
