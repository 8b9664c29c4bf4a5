package runs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/store"
)

// textEvery is how often pieces of text are written for a run: ten times a second at most.
const textEvery = 100 * time.Millisecond

// progress keeps what happens while a run's agent works. It is the run's agents.Progress.
type progress struct {
	run         *Run // what of it does not change
	journal     *journal
	finished    map[string]agents.Node // from an earlier attempt
	callerReads bool                   // the caller reads the answer while it is written, from the beginning

	conversation *conversationState // of its session; nil without one

	acts atomic.Bool // there are rounds of the run on record
	// one of its agents has tools that may change something, and nothing says that a crash does not matter
	mayChange atomic.Bool
	artifacts []agents.Artifact // of earlier attempts

	mu        sync.Mutex
	turns     map[string]*turn             // by node
	rounds    map[string][]*keptRound      // of earlier attempts, by node
	responses map[string][]agents.Response // by node; "" for the run of an agent
	nodes     nodeCount
	begun     int             // nodes, in earlier attempts too
	text      strings.Builder // not written yet
	written   bool            // some text is
	any       bool            // there was some
	timer     *time.Timer     // writes the text
}

// Finished implements agents.Progress.
func (p *progress) Finished(id string) (agents.Node, bool) {
	n, ok := p.finished[id]
	return n, ok
}

// Begin implements agents.Progress.
func (p *progress) Begin(n agents.Node) {
	p.mu.Lock()
	p.begun++
	place := p.begun
	n.By.Responses = slices.Clone(p.responses[n.ID])
	p.mu.Unlock()
	p.journal.add(entry{at: n.StartedAt, event: func(id string) events.Event { return nodeEvent(id, p.run, n) },
		write: func(tx store.Tx) error { return beginNode(tx, p.run.ID, n, place) }})
}

// Advance implements agents.Progress.
func (p *progress) Advance(n agents.Node, percent int) {
	n.Status = agents.NodeRunning
	at := time.Now()
	p.journal.add(entry{
		at:    at,
		event: func(id string) events.Event { return progressEvent(id, p.run, n, percent, at) },
	})
}

// End implements agents.Progress.
func (p *progress) End(_ context.Context, n agents.Node) error {
	if n.Status != agents.NodeCompleted && p.journal.service.putsBack(p.run) {
		return nil // the node is run again, and ends then
	}
	p.mu.Lock()
	n.By.Responses = slices.Clone(p.responses[n.ID])
	switch n.Status {
	case agents.NodeCompleted:
		p.nodes.completed++
	case agents.NodeFailed:
		p.nodes.failed++
	}
	p.mu.Unlock()
	p.flushText()
	outcome := make(chan error, 1)
	p.journal.add(entry{at: n.CompletedAt, event: func(id string) events.Event { return nodeEvent(id, p.run, n) },
		write: func(tx store.Tx) error { return p.writeEnd(tx, n) }, done: func(err error) { outcome <- err }})
	return <-outcome // also when the database is away meanwhile: a node that has ended is not run again
}

// writeEnd writes what became of a node, with its turn in the session.
func (p *progress) writeEnd(tx store.Tx, n agents.Node) error {
	if err := p.journal.service.endNode(tx, p.run, n); err != nil || n.Status != agents.NodeCompleted {
		return err
	}
	return p.conversation.keep(tx, p.run, n.ID, n.Output)
}

// write takes a piece of the answer, and has it written together with those that follow soon.
func (p *progress) write(piece string) {
	if piece == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.any = true
	p.text.WriteString(piece)
	if p.timer == nil {
		p.timer = time.AfterFunc(textEvery, p.flushText)
	}
}

func (p *progress) flushText() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.text.Len() == 0 {
		return
	}
	p.written = true
	text := p.text.String()
	if p.run.Rules != nil && !p.run.ownStream {
		p.text.Reset()
		return
	}
	p.journal.add(entry{at: time.Now(), event: func(id string) events.Event { return deltaEvent(id, p.run, text) }})
	p.text.Reset()
}

// whole is for agents that give their answer all at once.
func (p *progress) whole(answer string) {
	p.mu.Lock()
	any := p.any
	p.mu.Unlock()
	if !any {
		p.write(answer)
	}
}

// finish writes the text that is left, or drops it: of an answer that came at once nobody has seen the beginning, and
// the run's last event has all of it.
func (p *progress) finish() nodeCount {
	p.mu.Lock()
	seen := p.written || p.followed()
	if !seen {
		p.text.Reset()
	}
	p.mu.Unlock()
	p.flushText()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nodes
}

// followed reports whether somebody reads the answer while it is written.
func (p *progress) followed() bool {
	if p.run.Rules != nil {
		return p.callerReads
	}
	return p.callerReads || p.journal.service.Events.Followed(p.run.ID)
}

// resume takes over what earlier attempts at the run have done.
func (p *progress) resume(nodes []agents.Node, ofRun []agents.Response) {
	p.finished, p.responses = map[string]agents.Node{}, map[string][]agents.Response{"": ofRun}
	for _, n := range nodes {
		p.responses[n.ID] = n.By.Responses
		if n.Status == agents.NodeCompleted {
			p.finished[n.ID] = n
		}
	}
	p.nodes, p.begun = nodeCount{completed: len(p.finished)}, len(nodes)
}

// turnOf returns the turn of an agent; one that has none yet goes on where earlier attempts were.
func (p *progress) turnOf(of *turns) *turn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turns == nil {
		p.turns = map[string]*turn{}
	}
	one := p.turns[of.node]
	if one == nil {
		one = &turn{turns: *of, rounds: p.rounds[of.node], reused: map[string]bool{}}
		maker := cmp.Or(of.node, p.run.WorkflowID)
		for _, a := range p.artifacts {
			if a.NodeID == maker {
				one.artifacts = append(one.artifacts, a)
			}
		}
		p.turns[of.node] = one
	}
	return one
}

// countNodes says how many nodes of a run have ended, and how.
func countNodes(nodes []agents.Node) (c nodeCount) {
	for _, n := range nodes {
		switch n.Status {
		case agents.NodeCompleted:
			c.completed++
		case agents.NodeFailed:
			c.failed++
		}
	}
	return c
}
