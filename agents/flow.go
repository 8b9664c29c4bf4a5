package agents

import (
	"beckon/internal/gate"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// The limits of a flow, so that one configuration line cannot ask for endless work.
const (
	MaxFlowDepth      = 32 // levels of steps, with those of the flows within it
	MaxFlowSteps      = 1000
	MaxLoopIterations = 1000
	MaxForeachItems   = 1000
	MaxForeachAtOnce  = 100
)

// DefaultForeachItems is how long the list of a step of type foreach may be unless it says otherwise.
const DefaultForeachItems = 100

// The types of a flow's steps.
const (
	StepAgent      = "agent"
	StepSequential = "sequential"
	StepParallel   = "parallel"
	StepLoop       = "loop"
	StepRouter     = "router"
	StepForeach    = "foreach"
	StepSet        = "set"
)

// Flow is a tree of steps whose leaves are agents or other flows.
type Flow struct {
	ID   string `json:"id" yaml:"id"`
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// what it does when a call brings no prompt
	Prompt string `json:"prompt,omitempty" yaml:"prompt,omitempty"`
	// for the whole flow; 5m
	Timeout units.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// false: a run that a crash interrupts fails; true
	RetryOnCrash *bool `json:"retryOnCrash,omitempty" yaml:"retryOnCrash,omitempty"`
	// its runs have pages for recipients
	Share bool `json:"share,omitempty" yaml:"share,omitempty"`
	// CEL over data: whether an answer passes; see gate.Gate
	Gate string `json:"gate,omitempty" yaml:"gate,omitempty"`
	Root Step   `json:"root" yaml:"root"`
	// Events renames its events as they go out, those of its nodes included: run.completed to lead.completed.
	Events map[string]string `json:"events,omitempty" yaml:"events,omitempty"`
}

// Step is one node of the tree: an agent, or steps that run in order, at the same time, again and again, once for
// each item of a list, or of which one is chosen.
type Step struct {
	Type string `json:"type" yaml:"type"`
	// type agent: an agent or a flow
	AgentID string `json:"agentId,omitempty" yaml:"agentId,omitempty"`
	// type agent: a template in place of what came before
	Prompt string `json:"prompt,omitempty" yaml:"prompt,omitempty"`
	// type agent: names the output; foreach: the list of outputs
	OutputKey string `json:"outputKey,omitempty" yaml:"outputKey,omitempty"`
	// type agent: its output is the flow's answer
	ResponseAgent bool `json:"responseAgent,omitempty" yaml:"responseAgent,omitempty"`
	// "continue", or empty to fail
	OnError string `json:"onError,omitempty" yaml:"onError,omitempty"`
	// type loop
	MaxIterations int `json:"maxIterations,omitempty" yaml:"maxIterations,omitempty"`
	// type loop: CEL over state
	Until string `json:"until,omitempty" yaml:"until,omitempty"`
	// type foreach: CEL, a list
	Over string `json:"over,omitempty" yaml:"over,omitempty"`
	// type foreach: another name of its item
	As string `json:"as,omitempty" yaml:"as,omitempty"`
	// type foreach: of the list; 100
	MaxItems int `json:"maxItems,omitempty" yaml:"maxItems,omitempty"`
	// type foreach: items at the same time; 1
	MaxParallel int `json:"maxParallel,omitempty" yaml:"maxParallel,omitempty"`
	// within a router: CEL, whether it is chosen
	When  string `json:"when,omitempty" yaml:"when,omitempty"`
	Steps []Step `json:"steps,omitempty" yaml:"steps,omitempty"`
	// Otherwise, of type router, runs when none of its steps is chosen.
	Otherwise *Step `json:"otherwise,omitempty" yaml:"otherwise,omitempty"`
	// Set, of type set, puts values into the state by their keys: CEL over what is there.
	Set map[string]string `json:"set,omitempty" yaml:"set,omitempty"`
	// Events, of type agent, renames the events of its nodes as they go out: completed to research.completed.
	Events map[string]string `json:"events,omitempty" yaml:"events,omitempty"`
}

// Key returns the id.
func (f Flow) Key() string { return f.ID }

// RetriesOnCrash reports whether a run that a crash of the gateway interrupts goes on.
func (f Flow) RetriesOnCrash() bool { return retriesOnCrash(f.RetryOnCrash) }

// Check returns the mistakes in the structure of the flow. NewSet checks whether its agents exist.
func (f Flow) Check() (found problem.Fields) {
	found.Under("events", checkEvents(f.Events, agentEvents, agentWildcards))
	if f.Gate != "" {
		if _, err := gate.Parse(f.Gate); err != nil {
			found.Add("gate", "%s", err)
		}
	}
	steps := 0
	found.Under("root", f.Root.check(Step{}, 1, &steps))
	if steps > MaxFlowSteps {
		found.Add("root", "has %d steps; %d are allowed", steps, MaxFlowSteps)
	}
	return found
}

// EachAgent calls each for every agent and flow that the steps name.
func (f Flow) EachAgent(each func(id string)) {
	walkAgents(f.Root, "root", 1, func(_ string, _ int, id string) { each(id) })
}
