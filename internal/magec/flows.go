package magec

import "slices"

const (
	maxIterations   = 1000
	usualIterations = 10 // of a loop that says nothing, which never ends by itself in Magec
)

func (c *converter) allFlows() (list []object) {
	for _, f := range c.data.Flows {
		root := f.Root
		if root == nil || root.Type == "" {
			if root = f.chain(); root == nil {
				c.miss("Flow %q: its graph is more than a chain of agents, and is left out. Write it as steps: "+
					"router, foreach, set, loop and parallel.", f.label())
				continue
			}
		}
		w := flowWriter{converter: c, flow: f}
		written := w.step(*root)
		if written == nil {
			c.miss("Flow %q: one of its steps was not taken over, and so it is left out.", f.label())
			continue
		}
		id := c.agents.add(f.described, "flow")
		slices.Sort(w.tools)
		c.tools[f.ID] = slices.Compact(w.tools)
		var o object
		o.add("id", id)
		o.add("name", nameUnlessID(f.described, id))
		o.add("root", written)
		list = append(list, o)
		if f.A2A != nil && f.A2A.Enabled {
			c.miss("Flow %q: A2A.", f.label())
		}
		if w.answers == 0 {
			c.miss("Flow %q: no step is marked as the answer. Magec answers with all outputs, "+
				"Beckon with that of the last step.", f.label())
		}
	}
	return list
}

// chain makes steps of a graph whose nodes are agents, one behind the other; nil for any other.
func (f flow) chain() *step {
	nodes, next := map[string]node{}, map[string]string{}
	for _, n := range f.Nodes {
		nodes[n.ID] = n
	}
	for _, e := range f.Edges {
		if _, forks := next[e.From]; forks || e.Route != "" {
			return nil
		}
		next[e.From] = e.To
	}
	root := &step{Type: "sequential"}
	for at := f.Entry; at != ""; at = next[at] {
		n, ok := nodes[at]
		if !ok || n.Type != "agent" || len(root.Steps) == len(f.Nodes) {
			return nil
		}
		root.Steps = append(root.Steps, step{Type: n.Type, AgentID: n.AgentID, ResponseAgent: n.ResponseAgent})
	}
	if len(root.Steps) == 0 || len(root.Steps) < len(f.Nodes) {
		return nil
	}
	return root
}

// flowWriter writes the steps of one flow.
type flowWriter struct {
	*converter
	flow    flow
	answers int
	tools   []string
}

// step writes a step and those within it; nil where one of them cannot be.
func (w *flowWriter) step(s step) (o object) {
	o.add("type", s.Type)
	switch s.Type {
	case "agent":
		id := w.converter.agents[s.AgentID]
		if id == "" {
			return nil
		}
		o.add("agentId", id)
		w.tools = append(w.tools, w.converter.tools[s.AgentID]...)
		if s.ResponseAgent {
			if w.answers++; w.answers == 1 {
				o.add("responseAgent", true)
			} else {
				w.miss("Flow %q: several of its steps answer; here the first of them does.", w.flow.label())
			}
		}
		return o
	case "loop":
		switch {
		case s.MaxIterations < 1:
			s.MaxIterations = usualIterations
			w.miss("Flow %q: a loop has no maxIterations; it has %d now.", w.flow.label(), usualIterations)
		case s.MaxIterations > maxIterations:
			w.miss("Flow %q: a loop has %d rounds; it has %d now.", w.flow.label(), s.MaxIterations, maxIterations)
			s.MaxIterations = maxIterations
		}
		o.add("maxIterations", s.MaxIterations)
	case "sequential", "parallel":
	default:
		return nil
	}
	var steps []object
	for _, child := range s.Steps {
		written := w.step(child)
		if written == nil {
			return nil
		}
		steps = append(steps, written)
	}
	if len(steps) == 0 {
		return nil
	}
	o.add("steps", steps)
	return o
}
