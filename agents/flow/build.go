package flow

import (
	"fmt"

	"beckon/agents"
	"beckon/internal/problem"
)

// builder turns a flow's configuration, whose shape has been checked, into steps that run.
type builder struct {
	lookup func(id string) *agents.Entry
	answer string // the path of the response agent
	found  problem.Fields
}

func (b *builder) build(s agents.Step, path string) (built step) {
	switch s.Type {
	case agents.StepAgent:
		built = b.agent(s, path)
	case agents.StepParallel:
		built = parallel(b.children(s, path))
	case agents.StepLoop:
		l := &loop{body: b.children(s, path), most: s.MaxIterations}
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
		return lenient{built}
	}
	return built
}

func (b *builder) children(s agents.Step, path string) []step {
	list := make([]step, len(s.Steps))
	for i, child := range s.Steps {
		list[i] = b.build(child, fmt.Sprintf("%s.steps[%d]", path, i))
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
		if b.answer != "" {
			b.found.Add(path+".responseAgent", "only one step can be the response agent; %s is already", b.answer)
		}
		b.answer = path
	}
	key := s.OutputKey
	if key == "" {
		key = entry.OutputKey
	}
	return &agentStep{entry: entry, key: key, isAnswer: s.ResponseAgent}
}
