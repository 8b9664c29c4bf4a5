package agents

import (
	"context"
	"strings"
	"time"

	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// The bounds of a session, where an agent sets none.
const (
	DefaultSessionWindow = 20
	DefaultSessionTokens = 8000
	DefaultSessionTTL    = 30 * 24 * time.Hour
)

const (
	maxSessionWindow = 1000
	maxSessionTokens = 1_000_000
	minSessionTTL    = time.Minute
	maxSessionTTL    = 10 * 365 * 24 * time.Hour
)

// Session says how an agent takes part in conversations: how much of the earlier turns it receives, and how long
// they are stored.
type Session struct {
	Window    int            `json:"window,omitempty" yaml:"window,omitempty" doc:"How many of the last turns the agent is told; 20."`
	MaxTokens int            `json:"maxTokens,omitempty" yaml:"maxTokens,omitempty" doc:"How long these are at most, at about four bytes a token; 8000."`
	TTL       units.Duration `json:"ttl,omitempty" yaml:"ttl,omitempty" doc:"How long a turn is kept; retention.sessions, which is 720h."`
	Summarize bool           `json:"summarize,omitempty" yaml:"summarize,omitempty" doc:"The agent's model sums up the turns that no longer fit; else they are left out."`
}

// Turns returns the maximum number of earlier turns that the agent receives.
func (s *Session) Turns() int {
	if s.Window == 0 {
		return DefaultSessionWindow
	}
	return s.Window
}

// Tokens is how long these are at most.
func (s *Session) Tokens() int {
	if s.MaxTokens == 0 {
		return DefaultSessionTokens
	}
	return s.MaxTokens
}

// Retention is how long conversations are kept.
type Retention struct {
	Stated    time.Duration // the longest time that an agent states
	IsDefault bool          // an agent states none, and keeps them for retention.sessions
}

// IsKept reports whether there are conversations.
func (r Retention) IsKept() bool { return r != Retention{} }

// Or is how long they are kept where retention.sessions is other.
func (r Retention) Or(other time.Duration) time.Duration {
	if r.IsDefault {
		return max(r.Stated, other)
	}
	return r.Stated
}

// longer joins those of two agents.
func (r Retention) longer(other Retention) Retention {
	return Retention{max(r.Stated, other.Stated), r.IsDefault || other.IsDefault}
}

// Retention is how long the session's turns are kept; nil keeps none.
func (s *Session) Retention() Retention {
	if s == nil {
		return Retention{}
	}
	return Retention{s.TTL.Or(0), s.TTL.Or(0) == 0}
}

func (s *Session) check() (found problem.Fields) {
	if s == nil {
		return nil
	}
	if s.Window < 0 || s.Window > maxSessionWindow {
		found.Add("window", "must be between 1 and %d turns", maxSessionWindow)
	}
	if s.MaxTokens < 0 || s.MaxTokens > maxSessionTokens {
		found.Add("maxTokens", "must be between 1 and %d", maxSessionTokens)
	}
	if life := s.TTL.Or(DefaultSessionTTL); life < minSessionTTL || life > maxSessionTTL {
		found.Add("ttl", "must be between 1m and 87600h")
	}
	return found
}

// Conversation provides the earlier turns of the session that a run belongs to.
type Conversation interface {
	// Node returns that of a node of a flow.
	Node(id string) Conversation
	// Recall returns what an agent is told of it, and notes what the agent is asked by a call: with its answer that
	// is the next turn.
	Recall(ctx context.Context, call *Call, s *Session, summarize Summarize) (History, error)
}

// Summarize makes one text of turns, and of the summary of those before them.
type Summarize func(ctx context.Context, older History) (string, error)

// History has the earlier turns of a session that an agent receives.
type History struct {
	Summary fence.Text // of what was said before the turns
	Turns   []Exchange
}

// Exchange is what an agent was asked and has answered.
type Exchange struct {
	RunID  string
	Prompt fence.Text
	Answer fence.Text
}

// HasData reports whether something in it was written by third parties, or by an agent that had seen such a thing.
func (h *History) HasData() bool {
	if len(h.Summary.Spans) > 0 {
		return true
	}
	for _, t := range h.Turns {
		if len(t.Prompt.Spans)+len(t.Answer.Spans) > 0 {
			return true
		}
	}
	return false
}

// text is the history as something to be summed up.
func (h *History) text() (text fence.Text) {
	text.AddOwn("Sum up this conversation.\n")
	if h.Summary.Text != "" {
		text.AddOwn("\nWhat was said before, summed up:\n")
		text.Add(h.Summary)
		text.AddOwn("\n")
	}
	for _, t := range h.Turns {
		text.AddOwn("\nUser:\n")
		text.Add(t.Prompt)
		text.AddOwn("\n\nAssistant:\n")
		text.Add(t.Answer)
		text.AddOwn("\n")
	}
	return text
}

// summaryPrompt is the system prompt of a model that sums a conversation up.
const summaryPrompt = "You sum up the earlier part of a conversation between a user and an assistant, " +
	"so that the assistant can go on with it. Keep names, numbers, decisions, " +
	"what the user wants, and what is still open. Write at most 300 words, in the language of the conversation, " +
	"and nothing but the summary."

// summarizer is the agent as it sums conversations up.
func (a Agent) summarizer() Agent {
	return Agent{
		ID:           a.ID,
		Kind:         a.Kind,
		Provider:     a.Provider,
		Model:        a.Model,
		SystemPrompt: summaryPrompt,
		Temperature:  a.Temperature,
		Params:       a.Params,
		Timeout:      a.Timeout,
	}
}

// recall tells a call what was said before in its session.
func (c *chain) recall(ctx context.Context, call *Call, log *callLog) error {
	var summarize Summarize
	if c.summarizer != nil {
		summarize = func(ctx context.Context, older History) (string, error) {
			return c.summarize(ctx, call, older, log)
		}
	}
	history, err := call.Conversation.Recall(ctx, call, c.session, summarize)
	if err != nil {
		return err
	}
	if call.History = &history; history.HasData() && call.Fence == nil {
		call.Fence = fence.New(nil)
	}
	return nil
}

// summarize asks the agent's own model for a summary, which takes a third of the time that is left at most.
func (c *chain) summarize(ctx context.Context, call *Call, older History, log *callLog) (string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/3)
		defer cancel()
	}
	text := older.text()
	asked := Call{
		RunID:      call.RunID,
		ClientID:   call.ClientID,
		AgentID:    call.AgentID,
		Prompt:     text.Text,
		ReceivedAt: call.ReceivedAt,
		Spend:      call.Spend,
	}
	if len(text.Spans) > 0 {
		asked.Fence = fence.New(text.Spans)
	}
	begun := time.Now()
	result, err := c.summarizer.Invoke(ctx, asked)
	log.add(&c.candidates[0], begun, result, err)
	return strings.TrimSpace(result.Output), err
}
