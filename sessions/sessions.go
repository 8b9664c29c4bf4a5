// Package sessions keeps what clients and agents have said to each other: the turns of a session, and the summaries
// that stand for older ones. A session belongs to one client; its agents each know their own turns.
package sessions

import (
	"context"
	"encoding/json"
	"time"

	"beckon/internal/catalog"
	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/work"
)

// Session is a conversation of a client.
type Session struct {
	ClientID  string
	ID        string
	CreatedAt time.Time
	UpdatedAt time.Time // of its last call or answer
	ExpiresAt time.Time
	Summaries []Summary // nil where they were not asked for
}

// Turn is what an agent was asked and has answered in one run.
type Turn struct {
	AgentID   string
	Number    int64  // of the call in its session
	NodeID    string // of a flow; empty for the run of an agent
	RunID     string
	Prompt    fence.Text
	Answer    string
	IsData    bool // the agent had seen what third parties have written
	Tokens    int  // of both, about
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Summary is what the model of an agent has made of the turns up to a number.
type Summary struct {
	AgentID string
	Number  int64
	Text    string
	IsData  bool // a turn of which it was made is
}

// bytesPerToken is how long a token is, about, in texts of people.
const bytesPerToken = 4

// Tokens is about how many tokens a text has.
func Tokens(text string) int { return (len(text) + bytesPerToken - 1) / bytesPerToken }

const (
	expireEvery = time.Minute
	expireBatch = 200
)

// Service reads and deletes sessions.
type Service struct{ Store *store.Store }

// Register has the instance delete what has expired.
func (s *Service) Register(w *work.Instance) {
	w.Every(expireEvery, "delete the sessions that have expired", func(ctx context.Context) error {
		return s.Expire(ctx, time.Now())
	})
}

// Get returns a session with its summaries. A NotFound says that the client has none of that id.
func (s *Service) Get(ctx context.Context, clientID, id string) (Session, error) {
	tx := s.Store.Read(ctx)
	session, found, err := find(tx, clientID, id, time.Now())
	switch {
	case err != nil:
		return session, err
	case !found:
		return session, errNone()
	}
	session.Summaries, err = summariesOf(tx, clientID, id)
	return session, err
}

// Delete deletes a session with all that was said in it. The answers of calls that are under way are not kept in it
// any more. by is who is named in the audit list, empty for the client itself. A NotFound says that the client has
// none of that id.
func (s *Service) Delete(ctx context.Context, clientID, id, by string) error {
	return s.Store.Write(ctx, func(tx store.Tx) error {
		_, found, err := find(tx, clientID, id, time.Now())
		switch {
		case err != nil:
			return err
		case !found:
			return errNone()
		}
		if err := tx.Scrub(func() error { return deleteSession(tx, clientID, id) }); err != nil || by == "" {
			return err
		}
		what, _ := json.Marshal(map[string]string{"session": id}) // texts never fail
		return catalog.Audit(tx, catalog.AuditEntry{
			Who:        by,
			Action:     "delete-session",
			Section:    "clients",
			ResourceID: clientID,
			Before:     what,
		})
	})
}

// Expire deletes what has expired by a time.
func (s *Service) Expire(ctx context.Context, now time.Time) error {
	for more := true; more; {
		err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
			more, err = expireSome(tx, now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expireSome deletes some of what has expired; more says that there may be others.
func expireSome(tx store.Tx, now time.Time) (more bool, err error) {
	list, err := expired(tx, now, expireBatch)
	if err != nil {
		return false, err
	}
	for _, one := range list {
		if err := deleteSession(tx, one.ClientID, one.ID); err != nil {
			return false, err
		}
	}
	deleted, err := deleteExpiredTurns(tx, now, expireBatch)
	return len(list) == expireBatch || deleted == expireBatch, err
}

func errNone() error {
	return problem.New(problem.NotFound, problem.CodeSessionNotFound,
		"The client has no such session. It may have expired.")
}
