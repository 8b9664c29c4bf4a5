package sessions

import (
	"context"
	"time"

	"beckon/internal/store"
)

// Key names a call of a session.
type Key struct {
	ClientID  string
	SessionID string
	Number    int64
}

// Join adds a call to a session, which it begins where there is none, and returns its number. Calls that join later
// have higher numbers; they wait here until the transaction has ended. The session lives for ttl from now on.
func Join(tx store.Tx, clientID, id string, now time.Time, ttl time.Duration) (Key, error) {
	if old, found, err := findAny(tx, clientID, id); err != nil {
		return Key{}, err
	} else if found && !old.ExpiresAt.After(now) {
		if err := deleteSession(tx, clientID, id); err != nil {
			return Key{}, err
		}
	}
	number, err := join(tx, clientID, id, now, now.Add(ttl))
	return Key{clientID, id, number}, err
}

// Keep writes a turn of a call, which counts when End says so. A turn that is there already stays as it is.
func (k Key) Keep(tx store.Tx, t Turn) error { return insertTurn(tx, k, t) }

// End ends a call. Its turns count where its run has completed; else they are dropped. So they are where the
// session was deleted meanwhile.
func (k Key) End(tx store.Tx, runID string, completed bool, now time.Time, ttl time.Duration) error {
	if completed {
		lives, err := touch(tx, k, now, now.Add(ttl))
		if err != nil {
			return err
		}
		if lives {
			return countTurns(tx, runID)
		}
	}
	return deleteTurnsOf(tx, runID)
}

// Bounds are how much an agent is told of what was said before.
type Bounds struct {
	Turns  int
	Tokens int
}

// Headers returns the last turns of an agent before the call, newest first, without their texts, and the summary of
// those before. Turns that the summary has are not among them.
func (k Key) Headers(tx store.Tx, agentID string, now time.Time, most int) ([]Turn, Summary, error) {
	summary, err := summaryOf(tx, k, agentID)
	if err != nil {
		return nil, summary, err
	}
	list, err := headersOf(tx, k, agentID, summary.Number, now, most)
	return list, summary, err
}

// Fit returns how many of the turns, newest first, keep within the bounds.
func (b Bounds) Fit(list []Turn) int {
	tokens := 0
	for i, t := range list {
		if tokens += t.Tokens; i == b.Turns || tokens > b.Tokens {
			return i
		}
	}
	return len(list)
}

// Turns returns turns of an agent before the call, from the one with a number on, in order.
func (k Key) Turns(tx store.Tx, agentID string, from int64, now time.Time) ([]Turn, error) {
	return turnsOf(tx, k, agentID, from, now)
}

// Summarize keeps a summary in place of the one before it.
func (k Key) Summarize(tx store.Tx, s Summary) error { return putSummary(tx, k, s) }

// Erase drops the turns of a run, and the summaries that may quote them.
func Erase(tx store.Tx, runID string) error { return eraseTurns(tx, runID) }

// EraseClient deletes all sessions of a client, and returns how many there were.
func (s *Service) EraseClient(ctx context.Context, clientID string) (n int64, err error) {
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		return tx.Scrub(func() (err error) {
			n, err = deleteAllOf(tx, clientID)
			return err
		})
	})
	return n, err
}
