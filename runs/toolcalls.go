package runs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/tools"
	"beckon/tools/names"
)

// The limits of what a model may do with tools.
const (
	toolTimeout   = 2 * time.Minute
	maxArguments  = 256 << 10 // of one call, in bytes
	maxSameCalls  = 3         // calls of one turn with the same tool and arguments
	maxRoundCalls = 32        // calls at the same time
	maxNamed      = 30        // tools that a model is reminded of
)

// The codes of calls that have failed, besides those of package tools.
const (
	codeToolNotAllowed = "tool_not_allowed"
	codeBadArguments   = "invalid_arguments"
	codeRepeated       = "repeated_call"
	codeTooManyCalls   = "too_many_calls"
	codeToolError      = "tool_error" // the tool itself says that it has failed
	codeDenied         = "denied"
)

// quotesServer are the codes of failures whose messages may have words of the server in them.
var quotesServer = []string{tools.CodeToolFailed, tools.CodeToolOutcome, tools.CodeToolUnavailable}

// localPrefix is what the tools of a flow itself are called on record.
const localPrefix = "flow."

func (c *keptCall) isLocal() bool { return strings.HasPrefix(c.Tool, localPrefix) }

// told is what the model is told of a call that has ended, and whether that comes from the tool.
func (c *keptCall) told() (text string, isData bool) {
	switch {
	case c.Error == nil:
		return c.Result, true
	case c.Error.Code == codeToolError:
		return "The tool has failed. It says:\n" + c.Result, true
	case slices.Contains(quotesServer, c.Error.Code):
		return "error: " + c.Error.Message, true
	}
	return "error: " + c.Error.Message, false
}

// judge decides what becomes of a call that a model asks for in a round: it is made, waits for a person, or fails
// at once.
func (t *turn) judge(call *agents.RoundCall, r *keptRound) *keptCall {
	now := time.Now().UTC()
	c := &keptCall{
		providerID:   call.ID,
		providerName: call.Name,
		isFresh:      true,
		ToolCall: agents.ToolCall{
			ID:        "call_" + ulid.Make().String(),
			NodeID:    t.node,
			Arguments: call.Arguments,
			Status:    agents.ToolRunning,
			StartedAt: now,
		},
	}
	if call.IsLocal {
		c.Tool, c.Status, c.Result, c.CompletedAt = localPrefix+call.Name, agents.ToolCompleted, call.Told, now
		return c
	}
	tool, ok := t.byName[call.Name]
	if c.Tool = tool.Name; !ok {
		c.Tool = problem.Shorten(strings.Replace(call.Name, "__", ".", 1))
		return c.fail(codeToolNotAllowed,
			"There is no tool %q here, or you may not use it. %s", problem.Shorten(call.Name), t.reminder())
	}
	c.isReadOnly = tool.ReadOnly
	switch {
	case len(call.Arguments) > maxArguments:
		c.Arguments = fmt.Sprintf("%d bytes", len(call.Arguments))
		return c.fail(codeBadArguments,
			"The arguments have %d bytes, and %d are allowed. Say it more briefly.", len(call.Arguments), maxArguments)
	case strings.TrimSpace(call.Arguments) == "":
		c.Arguments = "{}"
	case !json.Valid([]byte(call.Arguments)):
		return c.fail(codeBadArguments, "The arguments are not JSON.")
	}
	if len(r.calls) >= maxRoundCalls {
		return c.fail(codeTooManyCalls,
			"There are more than %d calls at once. Make fewer, and look at their results first.", maxRoundCalls)
	}
	if t.count(c, r) >= maxSameCalls {
		return c.fail(codeRepeated,
			"You have made this call %d times with the same arguments. Use its results, or do something else.",
			maxSameCalls)
	}
	if made := t.madeByOther(c, r.Provider); made != nil {
		c.Status, c.Result, c.CompletedAt = made.Status, made.Result, now
		return c
	}
	if names.Match(t.acting.Approve, tool.Name) {
		return t.awaitApproval(c, tool, now)
	}
	return c
}

// awaitApproval has a call wait for a person. Arguments that the tool would refuse are refused before.
func (t *turn) awaitApproval(c *keptCall, tool tools.Tool, now time.Time) *keptCall {
	var object agents.OutputSchema
	if json.Unmarshal(tool.Schema, &object) == nil {
		if schema, err := agents.NewSchema(object); err == nil && schema != nil {
			if _, err := schema.Read(c.Arguments); err != nil {
				return c.fail(codeBadArguments, "The arguments cannot be used: %s.", err)
			}
		}
	}
	if t.service.Work == nil { // nobody would go on with the run
		return c.fail(codeDenied, "A person has to allow this call, and nobody can be asked here.")
	}
	c.Status, c.StartedAt, c.ExpiresAt = agents.ToolWaiting, time.Time{}, now.Add(t.acting.ApproveWithin)
	return c
}

// fail ends a call that has not been made, or that went wrong.
func (c *keptCall) fail(code, format string, args ...any) *keptCall {
	c.Status, c.CompletedAt = agents.ToolFailed, time.Now().UTC()
	c.Error = &agents.Failure{Code: code, Message: fmt.Sprintf(format, args...)}
	return c
}

// reminder names the tools that there are.
func (t *turn) reminder() string {
	list := slices.Sorted(maps.Keys(t.byName))
	switch {
	case len(list) == 0:
		return "There is none."
	case len(list) > maxNamed:
		return "There are " + strings.Join(list[:maxNamed], ", ") + ", …"
	}
	return "There are " + strings.Join(list, ", ") + "."
}

// isSame reports whether both calls ask for the same.
func (c *keptCall) isSame(other *keptCall) bool {
	return c.Tool == other.Tool && c.Arguments == other.Arguments
}

// count returns how often the model has asked for the same call, before the one that it asks for in a round.
func (t *turn) count(c *keptCall, r *keptRound) (n int) {
	for _, round := range append(t.rounds[:len(t.rounds):len(t.rounds)], r) {
		for _, other := range round.calls {
			if round.Provider == r.Provider && c.isSame(other) {
				n++
			}
		}
	}
	return n
}

// madeByOther returns the same call as another provider has made it before it failed, unless the call only reads: a
// fallback does not repeat what has been done.
func (t *turn) madeByOther(c *keptCall, provider string) *keptCall {
	if c.isReadOnly {
		return nil
	}
	for _, r := range t.rounds {
		for _, other := range r.calls {
			if r.Provider != provider && other.Status == agents.ToolCompleted && c.isSame(other) &&
				!t.reused[other.ID] {
				t.reused[other.ID] = true
				return other
			}
		}
	}
	return nil
}
