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
	responseAgent string // the path of the response agent
	finalStep     string // the path of the step that answers where there is no response agent, if it is one step
	loops         int    // around the step that is being built
	found         problem.Fields
}

func newBuilder(f agents.Flow, lookup func(id string) *agents.Entry) *builder {
	b := &builder{flow: f, lookup: lookup, names: newNodeNames(f.Root)}
	if b.finalStep = lastAgent(f.Root, "root"); hasResponseAgent(f.Root) {
		b.finalStep = ""
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
			var err error
			if l.until, err = compile(s.Until); err != nil {
				b.found.Add(path+".until", "%s", err)
			}
		}
		built = l
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
			b.found.Add(path+".responseAgent", "only one step can be the response agent; %s is already", b.responseAgent)
		}
		b.responseAgent = path
	}
	key := s.OutputKey
	if key == "" {
		key = entry.OutputKey
	}
	if entry.IsFlow && len(s.Events) > 0 {
		b.found.Add(path+".events", "have no effect here: %q is a flow, whose own steps make the nodes; rename their events there, or in this flow's events", s.AgentID)
	}
	built := &agentStep{id: b.names.next(s.AgentID), entry: entry, key: key, isResponseAgent: s.ResponseAgent,
		streams: s.ResponseAgent || path == b.finalStep, inLoop: b.loops > 0, names: agents.NodeNames(s, entry, b.flow)}
	if s.Prompt != "" {
		var err error
		if built.prompt, err = agents.ParseInstructions(s.Prompt); err != nil {
			b.found.Add(path+".prompt", "%s", err)
		}
	}
	return built
}

// lastAgent returns the path of the agent step that ends s; "" when steps in parallel do.
func lastAgent(s agents.Step, path string) string {
	switch {
	case s.Type == agents.StepAgent:
		return path
	case s.Type == agents.StepParallel || len(s.Steps) == 0:
		return ""
	}
	last := len(s.Steps) - 1
	return lastAgent(s.Steps[last], agents.StepPath(path, last))
}

func hasResponseAgent(s agents.Step) bool {
	return s.ResponseAgent || slices.ContainsFunc(s.Steps, hasResponseAgent)
}
