package runs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"beckon/agents"
	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/sessions"
)

// conversationState is what the agents of a run have been told of its session, and asked.
type conversationState struct {
	summing sync.Mutex // one agent of the run has its turns summed up at a time
	mu      sync.Mutex
	told    []string             // the runs whose turns they were told, in order
	asked   map[string]askedNode // by node; "" for the run of an agent
}

// askedNode is what an agent was asked, until its answer makes a turn of it.
type askedNode struct {
	agentID string
	prompt  fence.Text
	isData  bool
	life    time.Duration
}

func newConversation(a *Active) *conversationState {
	return &conversationState{told: slices.Clone(a.run.SessionTurns), asked: map[string]askedNode{}}
}

// conversation is the agents.Conversation of a run, or of a node.
type conversation struct {
	*conversationState
	service *Service
	active  *Active
	node    string // "" for the run of an agent; of a flow within the flow, what the ids of its nodes begin with
}

// Node implements agents.Conversation.
func (c *conversation) Node(id string) agents.Conversation {
	return &conversation{c.conversationState, c.service, c.active, c.node + id}
}

// Recall implements agents.Conversation.
func (c *conversation) Recall(
	ctx context.Context, call *agents.Call, s *agents.Session, summarize agents.Summarize,
) (agents.History, error) {
	if summarize != nil {
		c.summing.Lock()
		defer c.summing.Unlock()
	}
	r := recall{
		conversation: c,
		agentID:      call.AgentID,
		key:          c.active.run.call(),
		now:          time.Now(),
		bounds:       sessions.Bounds{Turns: s.Turns(), Tokens: s.Tokens()},
	}
	history, err := r.history(ctx, summarize)
	if ctx.Err() != nil {
		return history, context.Cause(ctx)
	}
	if err != nil {
		return history, fmt.Errorf("recall the session of run %s: %w", c.active.ID, err)
	}
	c.note(&history, askedNode{
		call.AgentID, call.PromptText(), call.Fence != nil || history.HasData(),
		s.Retention().Or(c.service.sessionRetention()),
	})
	return history, nil
}

// note keeps what an agent was told on the record of the run, and what it is asked for the turn.
func (c *conversation) note(history *agents.History, asked askedNode) {
	c.mu.Lock()
	c.asked[c.node] = asked
	before := len(c.told)
	for _, t := range history.Turns {
		if !slices.Contains(c.told, t.RunID) {
			c.told = append(c.told, t.RunID)
		}
	}
	slices.Sort(c.told)
	told := slices.Clone(c.told)
	c.mu.Unlock()
	if len(told) > before {
		c.active.journal.add(entry{write: func(tx store.Tx) error { return setSessionTurns(tx, c.active.ID, told) }})
	}
}

// keep writes the turn of a node that has answered, if its agent takes part in the conversation. It counts when the
// run has completed.
func (c *conversationState) keep(tx store.Tx, r *Run, node, answer string) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	asked, ok := c.asked[node]
	c.mu.Unlock()
	// a model takes no empty message
	if !ok || strings.TrimSpace(asked.prompt.Text) == "" || strings.TrimSpace(answer) == "" {
		return nil
	}
	now := time.Now()
	return r.call().Keep(tx, sessions.Turn{
		AgentID:   asked.agentID,
		NodeID:    node,
		RunID:     r.ID,
		Prompt:    asked.prompt.Map(r.text),
		Answer:    r.text(answer),
		IsData:    asked.isData,
		CreatedAt: now,
		ExpiresAt: now.Add(asked.life),
	})
}

// endInSession ends the call of a run in its session.
func (s *Service) endInSession(tx store.Tx, r *Run, c *conversationState) error {
	if r.Session == "" {
		return nil
	}
	if r.Status == Completed && !r.IsFlow { // a flow's nodes have kept theirs
		if err := c.keep(tx, r, "", r.Output); err != nil {
			return err
		}
	}
	return r.call().End(tx, r.ID, r.Status == Completed, r.CompletedAt, r.sessions.Or(s.sessionRetention()))
}

// recall finds out what an agent is told.
type recall struct {
	*conversation
	agentID string
	key     sessions.Key
	now     time.Time
	bounds  sessions.Bounds
}

// foldFactor bounds what one summary is made of, in windows.
const foldFactor = 4

func (r *recall) history(ctx context.Context, summarize agents.Summarize) (agents.History, error) {
	tx := r.service.Store.Read(ctx)
	most := r.bounds.Turns
	if summarize != nil {
		most = r.bounds.Turns * foldFactor
	}
	headers, summary, err := r.key.Headers(tx, r.agentID, r.now, most)
	if err != nil {
		return agents.History{}, err
	}
	if summarize == nil {
		summary = sessions.Summary{} // of a time when they were made
	}
	left := r.bounds
	left.Tokens -= sessions.Tokens(summary.Text)
	kept := left.Fit(headers)
	if summarize != nil && kept < len(headers) {
		folded, history, err := r.fold(ctx, headers, summary, summarize)
		switch {
		case folded || ctx.Err() != nil:
			return history, err
		case err != nil:
			r.warn(err)
		}
	}
	if kept == 0 {
		return historyOf(summary, nil), nil
	}
	turns, err := r.key.Turns(tx, r.agentID, headers[kept-1].Number, r.now)
	return historyOf(summary, turns[max(len(turns)-kept, 0):]), err
}

// fold has the older turns summed up, so that half of the window is free again; false says that there is nothing to
// sum up, or why that has failed. What is far too long for one summary is left out.
func (r *recall) fold(
	ctx context.Context, headers []sessions.Turn, summary sessions.Summary, summarize agents.Summarize,
) (folded bool, _ agents.History, err error) {
	half := sessions.Bounds{Turns: r.bounds.Turns / 2, Tokens: r.bounds.Tokens / 2}
	last := headers[min(half.Fit(headers), len(headers)-1)].Number // of those that are summed up
	older := sessions.Bounds{Turns: len(headers), Tokens: r.bounds.Tokens * foldFactor}.Fit(headers)
	from := headers[max(older-1, 0)].Number
	turns, err := r.key.Turns(r.service.Store.Read(ctx), r.agentID, from, r.now)
	if err != nil {
		return false, agents.History{}, err
	}
	at := slices.IndexFunc(turns, func(t sessions.Turn) bool { return t.Number > last })
	if at < 0 {
		at = len(turns)
	}
	if at == 0 || older == 0 {
		return false, agents.History{}, nil
	}
	said := historyOf(summary, turns[:at])
	text, err := summarize(ctx, said)
	if err != nil {
		return false, agents.History{}, err
	}
	made := sessions.Summary{
		AgentID: r.agentID,
		Number:  last,
		Text:    cut(r.active.run.text(text), r.bounds.Tokens),
		IsData:  said.HasData(),
	}
	err = r.service.Store.Write(ctx, func(tx store.Tx) error { return r.key.Summarize(tx, made) })
	return err == nil, historyOf(made, turns[at:]), err
}

// cut bounds a summary to a quarter of the tokens that a conversation may have, at four bytes each.
func cut(text string, tokens int) string {
	if len(text) <= tokens {
		return storable(text)
	}
	for tokens > 0 && !utf8.RuneStart(text[tokens]) {
		tokens--
	}
	return storable(text[:tokens])
}

// warn notes on the run that turns were left out.
func (r *recall) warn(why error) {
	note := Note{
		At:   time.Now().UTC(),
		Kind: NoteWarning,
		Text: "Older turns of the session were left out, because they could not be summed up: " +
			r.active.run.text(problem.Of(why).Detail),
	}
	r.active.journal.add(entry{write: func(tx store.Tx) error { return addLateNote(tx, r.active.ID, note) }})
}

func historyOf(summary sessions.Summary, turns []sessions.Turn) (h agents.History) {
	h.Summary = markedIf(summary.IsData, summary.Text)
	for _, t := range turns {
		h.Turns = append(h.Turns, agents.Exchange{
			RunID:  t.RunID,
			Prompt: t.Prompt,
			Answer: markedIf(t.IsData, t.Answer),
		})
	}
	return h
}

func markedIf(isData bool, text string) fence.Text {
	if isData {
		return fence.Data(text)
	}
	return fence.Text{Text: text}
}
