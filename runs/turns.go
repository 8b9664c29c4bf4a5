package runs

import (
	"context"
	"slices"
	"sync"

	"beckon/agents"
	"beckon/internal/store"
	"beckon/tools"
)

// turns are the agents.Turns of a run, or of a node.
type turns struct {
	service *Service
	active  *Active
	node    string // "" for the run of an agent; of a flow within the flow, what the ids of its nodes begin with
	// keepsRetry says that the configuration says whether a crash ends the run: its tools change nothing about that.
	keepsRetry bool
}

// Node implements agents.Turns.
func (t *turns) Node(id string) agents.Turns {
	return &turns{t.service, t.active, t.node + id, t.keepsRetry}
}

// Open implements agents.Turns. A fallback goes on with the turn that the provider before it has begun.
func (t *turns) Open(ctx context.Context, a agents.Acting) (agents.Turn, error) {
	if t.active.run.Rules != nil { // what tools are given and give is kept as it is
		return nil, nil
	}
	var allowed []string
	if t.service.ClientTools != nil {
		allowed = t.service.ClientTools(t.active.run.ClientID)
	}
	list := t.service.Tools.Tools(ctx, a.Tools, allowed)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	one := t.active.progress.turnOf(t)
	if len(list) == 0 && len(one.rounds) == 0 {
		return nil, nil
	}
	if !t.keepsRetry && slices.ContainsFunc(list, func(tool tools.Tool) bool { return !tool.ReadOnly }) {
		if err := t.active.endsOnCrash(ctx); err != nil {
			return nil, err
		}
	}
	one.acting = a
	one.byName = make(map[string]tools.Tool, len(list))
	one.offered = make([]agents.Tool, len(list))
	for i, tool := range list {
		one.byName[tool.ProviderName()] = tool
		one.offered[i] = agents.Tool{Name: tool.ProviderName(), Description: tool.Description, Parameters: tool.Schema}
	}
	return one, nil
}

// endsOnCrash notes that the run is not run again after a crash. It does not wait for that to be on disk: calls of
// tools are recorded after it.
func (a *Active) endsOnCrash(ctx context.Context) error {
	if a.progress.mayChange.Swap(true) {
		return nil
	}
	if err := a.Recorded(ctx); err != nil {
		return err
	}
	a.journal.add(entry{write: func(tx store.Tx) error { return endOnCrash(tx, a.ID) }})
	return nil
}

// turn is what an agent does with tools, in this attempt at the run and in those before it. One goroutine uses it,
// which waits for those that make the calls of a round.
type turn struct {
	turns
	acting  agents.Acting
	byName  map[string]tools.Tool // by the names that providers know
	offered []agents.Tool
	rounds  []*keptRound
	reused  map[string]bool // calls of a provider that has failed, whose results a fallback was given, by their ids

	mu        sync.Mutex
	artifacts []agents.Artifact
}

// Tools implements agents.Turn.
func (t *turn) Tools() []agents.Tool { return t.offered }

// Artifacts implements agents.Turn.
func (t *turn) Artifacts() []agents.Artifact {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.artifacts)
}

// Recorded implements agents.Turn.
func (t *turn) Recorded(provider string) (list []*agents.Round) {
	for _, r := range t.rounds {
		if r.Provider != provider {
			continue
		}
		again := r.Round
		again.Calls = make([]agents.RoundCall, len(r.calls))
		for i, c := range r.calls {
			again.Calls[i] = agents.RoundCall{
				ID:        c.providerID,
				Name:      c.providerName,
				Arguments: c.Arguments,
				IsLocal:   c.isLocal(),
			}
		}
		list = append(list, &again)
	}
	return list
}

// Make implements agents.Turn.
func (t *turn) Make(ctx context.Context, r *agents.Round) error {
	if r.Number == 0 {
		kept := &keptRound{Round: *r}
		kept.Number = len(t.rounds) + 1
		for i := range r.Calls {
			kept.calls = append(kept.calls, t.judge(&r.Calls[i], kept))
		}
		if err := t.record(ctx, kept); err != nil {
			return err
		}
		r.Number, t.rounds = kept.Number, append(t.rounds, kept)
	}
	kept := t.rounds[r.Number-1]
	if err := t.makeCalls(ctx, kept); err != nil {
		return err
	}
	for i, c := range kept.calls {
		if !c.isLocal() {
			r.Calls[i].Told, r.Calls[i].IsData = c.told()
		}
	}
	return nil
}

// makeCalls makes the calls of a round that have not ended, all at the same time.
func (t *turn) makeCalls(ctx context.Context, r *keptRound) error {
	var (
		group    sync.WaitGroup
		failures = make([]error, len(r.calls))
	)
	waits := false
	for i, c := range r.calls {
		switch {
		case c.Status.Ended():
		case c.AwaitsDecision():
			waits = true
		case c.Status == agents.ToolRunning && !c.isFresh && !c.isReadOnly:
			failures[i] = outcomeUnknown(c.ToolCall)
		default:
			group.Go(func() { failures[i] = t.goOn(ctx, c) })
		}
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	if waits {
		return agents.ErrWaiting
	}
	return nil
}
