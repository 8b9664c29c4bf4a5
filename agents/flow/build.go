package flow

import (
	"slices"

	"beckon/agents"
	"beckon/internal/problem"
)

// builder turns a flow's configuration, whose shape has been checked, into steps that run.
type builder struct {
	flow          agents.Flow
	lookup        func(id string) *agents.Entry
	names         nodeNames
	responseAgent string   // the path of the response agent
	finalSteps    []string // the paths of the steps of which one answers where there is no response agent
	loops         int      // around the step that is being built
	items         []string // the names of the items of the foreach steps around it
	found         problem.Fields
}

func newBuilder(f agents.Flow, lookup func(id string) *agents.Entry) *builder {
	b := &builder{flow: f, lookup: lookup, names: newNodeNames(f.Root)}
	if !hasResponseAgent(f.Root) {
		b.finalSteps = lastAgents(f.Root, "root")
	}
	return b
}

func (b *builder) build(s agents.Step, path string) (built step) {
	switch s.Type {
	case agents.StepAgent:
		built = b.agent(s, path)
	case agents.StepParallel:
		built = parallel(b.children(s, path))
	case agents.StepLoop:
		b.loops++
		l := &loop{body: b.children(s, path), maxTurns: s.MaxIterations}
		b.loops--
		if s.Until != "" {
			l.until = b.condition(s.Until, path+".until")
		}
		built = l
	case agents.StepRouter:
		built = b.router(s, path)
	case agents.StepForeach:
		built = b.foreach(s, path)
	case agents.StepSet:
		built = b.set(s, path)
	default:
		built = sequence(b.children(s, path))
	}
	if s.OnError == "continue" {
		return continueOnError{built}
	}
	return built
}

func (b *builder) children(s agents.Step, path string) []step {
	list := make([]step, len(s.Steps))
	for i, child := range s.Steps {
		list[i] = b.build(child, agents.StepPath(path, i))
	}
	return list
}

func (b *builder) agent(s agents.Step, path string) step {
	entry := b.lookup(s.AgentID)
	if entry == nil {
		b.found.Add(path+".agentId", "there is no agent or flow %q", s.AgentID)
		return nil
	}
	if s.ResponseAgent {
		if b.responseAgent != "" {
			b.found.Add(path+".responseAgent",
				"only one step can be the response agent; %s is already", b.responseAgent)
		}
		b.responseAgent = path
	}
	key := s.OutputKey
	if key == "" {
		key = entry.OutputKey
	}
	if entry.IsFlow && len(s.Events) > 0 {
		b.found.Add(path+".events",
			"have no effect here: %q is a flow, whose own steps make the nodes; rename their events there, "+
				"or in this flow's events", s.AgentID)
	}
	built := &agentStep{
		id:              b.names.next(s.AgentID),
		entry:           entry,
		key:             key,
		isResponseAgent: s.ResponseAgent,
		streams:         s.ResponseAgent || slices.Contains(b.finalSteps, path),
		inLoop:          b.loops > 0,
		names:           agents.NodeNames(s, entry, b.flow),
	}
	if s.Prompt != "" {
		var err error
		if built.prompt, err = agents.ParseInstructions(s.Prompt); err != nil {
			b.found.Add(path+".prompt", "%s", err)
		}
	}
	return built
}

// condition compiles a condition of a step.
func (b *builder) condition(text, path string) *condition {
	compiled, err := compileCondition(text, b.items)
	if err != nil {
		b.found.Add(path, "%s", err)
	}
	return compiled
}

// lastAgents returns the paths of the agent steps of which one ends s; none when several do at the same time.
func lastAgents(s agents.Step, path string) (paths []string) {
	switch s.Type {
	case agents.StepAgent:
		return []string{path}
	case agents.StepRouter:
		for within, child := range s.Within(path) {
			paths = append(paths, lastAgents(child, within)...)
		}
	case agents.StepSequential, agents.StepLoop:
		if last := len(s.Steps) - 1; last >= 0 {
			return lastAgents(s.Steps[last], agents.StepPath(path, last))
		}
	}
	return paths
}

func hasResponseAgent(s agents.Step) bool {
	for _, child := range s.Within("") {
		if hasResponseAgent(child) {
			return true
		}
	}
	return s.ResponseAgent
}
