package agents

import (
	"cmp"
	"time"

	"beckon/internal/problem"
	"beckon/tools/names"
)

// The defaults and bounds of how an agent uses tools.
const (
	DefaultMaxSteps      = 20
	MaxSteps             = 1000
	DefaultApproveWithin = 24 * time.Hour
	MaxApproveWithin     = 30 * 24 * time.Hour
)

// Steps returns how often the model of the agent is asked in one turn: once for each round of tools, and for its
// answer.
func (a Agent) Steps() int { return cmp.Or(a.MaxSteps, DefaultMaxSteps) }

func (a Agent) checkTools() (found problem.Fields) {
	found.Under("tools", names.Check(a.Tools))
	found.Under("approve", names.Check(a.Approve))
	if a.MaxSteps < 0 || a.MaxSteps > MaxSteps {
		found.Add("maxSteps", "must be between 1 and %d", MaxSteps)
	}
	if time.Duration(a.ApproveWithin) > MaxApproveWithin {
		found.Add("approveWithin", "must be at most 720h")
	}
	return found
}
