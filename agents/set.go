package agents

import (
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"beckon/internal/gate"
	"beckon/internal/problem"
	"beckon/internal/skills"
	"beckon/internal/spend"
)

// Factory makes the invoker of one agent on one provider. An error of type problem.Fields names fields of the
// provider when they start with "provider.", of the agent otherwise.
type Factory func(Provider, Agent) (Invoker, problem.Fields)

// AgentFactory makes the invoker of an agent that has no provider.
type AgentFactory func(Agent) (Invoker, problem.Fields)

// FlowFactory makes the invoker of a flow; lookup returns the entries of its agents and of the flows within it, all
// of which exist.
type FlowFactory func(f Flow, lookup func(id string) *Entry) (Invoker, problem.Fields)

// Factories are the ways of invoking, filled in where the program is wired together.
type Factories struct {
	Providers map[string]Factory // by provider type
	Media     map[string]Factory // by kind of agent: on providers of type openai
	HTTP      AgentFactory       // of agents of kind http
	Flow      FlowFactory
	Skills    *skills.Library // what agents may load; nil is none
	// keep track of failing providers when a Set replaces another; if nil, each Set starts without that history
	Breakers *Breakers
}

// Entry is something that can be invoked.
type Entry struct {
	ID           string
	Name         string
	IsFlow       bool
	Timeout      time.Duration // for one invocation as a whole
	OutputKey    string
	Prompt       string // what it does when a call brings no prompt; empty: such a call is refused
	RetryOnCrash bool   // a run that a crash of the gateway interrupts is run again
	// the configuration says so; else it is not once an agent of the run has tools that may change something
	RetryIsSet bool
	Share      bool          // its runs have pages for recipients
	Gate       *gate.Gate    // of a flow: whether an answer passes; nil without one
	UsesTools  bool          // it may use tools of servers; of a flow, one of its agents may
	Sessions   Retention     // of its conversations; of a flow, the longest of its agents
	NoTools    bool          // it is offered none of a flow's tools
	Budget     *spend.Budget // of its requests to models; nil without one
	TakesFiles bool          // it reads the files that a call brings; of a flow, one of its agents does
	// what its events are called outside, by type; one that is not in it is called by its type
	Events  map[string]string
	Invoker Invoker

	depth int // levels of steps, with those of the flows within it; 0 for an agent
}

// Set holds all that can be invoked at one moment. It never changes; a new configuration makes a new Set.
type Set struct {
	entries    map[string]*Entry
	eventNames map[string]bool
	breakers   map[string]*breaker // by provider
}

// Get returns the agent or flow of that id, or nil.
func (s *Set) Get(id string) *Entry { return s.entries[id] }

// EventNames returns the names that agents, flows and steps give to their events, in order.
func (s *Set) EventNames() []string { return slices.Sorted(maps.Keys(s.eventNames)) }

// NewSet builds the invokers. Resources with mistakes, and those that depend on them, are reported and left out;
// the others work.
func NewSet(factories Factories, providers []Provider, list []Agent, flows []Flow) (*Set, []problem.Finding) {
	if factories.Breakers == nil {
		factories.Breakers = NewBreakers(slog.New(slog.DiscardHandler))
	}
	set := &Set{entries: map[string]*Entry{}, eventNames: map[string]bool{}, breakers: map[string]*breaker{}}
	b := builder{
		factories: factories,
		set:       set,
		providers: map[string]Provider{},
		flows:     map[string]Flow{},
		declared:  map[string]bool{},
	}
	for _, a := range list {
		b.declared[a.ID] = true
	}
	for _, f := range flows {
		b.declared[f.ID] = true
	}
	for _, p := range providers {
		fields := p.Check()
		if factories.Providers[p.Type] == nil {
			fields.Add("type",
				"must be %s, not %q", strings.Join(slices.Sorted(maps.Keys(factories.Providers)), " or "), p.Type)
		}
		if !b.report(SectionProviders, p.ID, fields) {
			b.providers[p.ID] = p
		}
	}
	for _, a := range list {
		b.agent(a)
	}
	for _, f := range flows {
		fields := f.Check()
		if b.set.entries[f.ID] != nil {
			fields.Add("id", "%q is already the id of an agent", f.ID)
		}
		if len(fields) > 0 {
			fields = b.withOtherMistakes(f, fields)
		}
		if !b.report(SectionFlows, f.ID, fields) {
			b.flows[f.ID] = f
		}
	}
	for _, f := range flows {
		if _, ok := b.flows[f.ID]; ok {
			b.flow(f.ID, nil)
		}
	}
	return b.set, b.findings
}

type builder struct {
	factories Factories
	set       *Set
	providers map[string]Provider
	flows     map[string]Flow // well-formed, not yet built
	declared  map[string]bool // agents and flows, also those that are faulty
	findings  []problem.Finding
}

func (b *builder) report(section, id string, fields problem.Fields) (bad bool) {
	if len(fields) > 0 {
		b.findings = append(b.findings, problem.Finding{Section: section, ID: id, Fields: fields})
	}
	return len(fields) > 0
}

func (b *builder) addEventNames(names iter.Seq[string]) {
	for name := range names {
		b.set.eventNames[name] = true
	}
}

func (b *builder) agent(a Agent) {
	invoker, fields, ofProvider := b.invoker(a)
	badProvider, badAgent := b.report(SectionProviders, a.Provider, ofProvider), b.report(SectionAgents, a.ID, fields)
	if badProvider || badAgent {
		return
	}
	b.set.entries[a.ID] = &Entry{ID: a.ID, Name: a.Name, Timeout: a.Timeout.Or(DefaultTimeout), OutputKey: a.OutputKey,
		Prompt: a.Prompt, RetryOnCrash: a.RetriesOnCrash(), RetryIsSet: a.RetryOnCrash != nil, Share: a.Share,
		UsesTools: len(a.Tools) > 0, Sessions: a.Session.Retention(), NoTools: !a.TakesFlowTools(),
		Budget: a.Budget, TakesFiles: a.Kind == KindTranscription,
		Events: expandNames(a.Events, agentEvents), Invoker: invoker}
	b.addEventNames(maps.Values(b.set.entries[a.ID].Events))
}

// flow builds a flow after the flows within it. path holds the flows that are being built, to find cycles.
func (b *builder) flow(id string, path []string) bool {
	if e := b.set.entries[id]; e != nil {
		return true
	}
	f, ok := b.flows[id]
	if !ok {
		return false
	}
	var fields problem.Fields
	path = append(path, id)
	deepest, takesFiles, usesTools, kept := 0, false, false, Retention{}
	walkAgents(f.Root, "root", 1, func(field string, depth int, ref string) {
		switch {
		case slices.Contains(path, ref):
			fields.Add(field, "makes a cycle: %s", strings.Join(append(path[slices.Index(path, ref):], ref), " → "))
			return
		case !b.flow(ref, path):
			fields.Add(field, "there is no usable agent or flow %q", ref)
			return
		}
		if depth += b.set.entries[ref].depth; depth > MaxFlowDepth {
			fields.Add(field, "nests the flow more than %d levels deep, with the flows within it", MaxFlowDepth)
		}
		deepest, takesFiles = max(deepest, depth), takesFiles || b.set.entries[ref].TakesFiles
		usesTools = usesTools || b.set.entries[ref].UsesTools
		kept = kept.longer(b.set.entries[ref].Sessions)
	})
	if len(fields) > 0 {
		fields = b.withOtherMistakes(f, fields)
	} else {
		var invoker Invoker
		if invoker, fields = b.factories.Flow(f, b.set.Get); len(fields) == 0 {
			b.set.entries[id] = &Entry{
				ID:           id,
				Name:         f.Name,
				IsFlow:       true,
				Timeout:      f.Timeout.Or(DefaultTimeout),
				Prompt:       f.Prompt,
				RetryOnCrash: f.RetriesOnCrash(),
				RetryIsSet:   f.RetryOnCrash != nil,
				Share:        f.Share,
				Gate:         gateOf(f),
				TakesFiles:   takesFiles,
				UsesTools:    usesTools,
				Sessions:     kept,
				Events:       expandNames(f.Events, agentEvents),
				Invoker:      invoker,
				depth:        deepest,
			}
			b.addEventNames(maps.Values(b.set.entries[id].Events))
			b.addEventNames(slices.Values(stepNames(f.Root)))
		}
	}
	delete(b.flows, id)
	return !b.report(SectionFlows, id, fields)
}

// gateOf returns the gate of a flow that has been checked, or nil.
func gateOf(f Flow) *gate.Gate {
	if f.Gate == "" {
		return nil
	}
	g, _ := gate.Parse(f.Gate) // Flow.Check says what is wrong with it
	return g
}

// withOtherMistakes adds the errors that building the flow finds to those found before, so that all can be
// corrected at once.
func (b *builder) withOtherMistakes(f Flow, found problem.Fields) problem.Fields {
	_, more := b.factories.Flow(f, func(id string) *Entry {
		if e := b.set.entries[id]; e != nil || !b.declared[id] {
			return e
		}
		return &Entry{ID: id}
	})
	walkAgents(f.Root, "root", 1, func(field string, _ int, ref string) {
		if ref != "" && !b.declared[ref] {
			more.Add(field, "there is no usable agent or flow %q", ref)
		}
	})
	for _, field := range more {
		if !slices.ContainsFunc(found, func(known problem.Field) bool { return known.Path == field.Path }) {
			found = append(found, field)
		}
	}
	return found
}

func walkAgents(s Step, field string, depth int, visit func(field string, depth int, agentID string)) {
	if s.Type == StepAgent {
		visit(field+".agentId", depth, s.AgentID)
	}
	for path, child := range s.Within(field) {
		walkAgents(child, path, depth+1, visit)
	}
}
