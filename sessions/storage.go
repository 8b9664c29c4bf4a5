package sessions

import (
	"encoding/json"
	"fmt"
	"time"

	"beckon/internal/fence"
	"beckon/internal/store"
)

type sessionRow struct {
	ClientID, ID                    string
	CreatedAt, UpdatedAt, ExpiresAt int64
}

func (w sessionRow) session() Session {
	return Session{
		ClientID:  w.ClientID,
		ID:        w.ID,
		CreatedAt: timeOf(w.CreatedAt),
		UpdatedAt: timeOf(w.UpdatedAt),
		ExpiresAt: timeOf(w.ExpiresAt),
	}
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// findAny returns a session, also one that has expired.
func findAny(tx store.Tx, clientID, id string) (Session, bool, error) {
	w, found, err := store.Row[sessionRow](tx,
		"SELECT * FROM agent_sessions WHERE client_id = ? AND id = ?", clientID, id)
	return w.session(), found, store.Wrap(err, "read a session of client %s", clientID)
}

func find(tx store.Tx, clientID, id string, now time.Time) (Session, bool, error) {
	s, found, err := findAny(tx, clientID, id)
	return s, found && s.ExpiresAt.After(now), err
}

// join counts one more call of a session, and returns its number.
func join(tx store.Tx, clientID, id string, now, expires time.Time) (number int64, err error) {
	ms := now.UnixMilli()
	number, _, err = store.Row[int64](tx, `INSERT INTO agent_sessions (client_id, id, number, created_at, updated_at,
			expires_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (client_id, id) DO UPDATE SET number = agent_sessions.number + 1, updated_at = excluded.updated_at,
			expires_at = CASE WHEN excluded.expires_at > agent_sessions.expires_at
				THEN excluded.expires_at ELSE agent_sessions.expires_at END
		RETURNING number`, clientID, id, ms, ms, ms, expires.UnixMilli())
	return number, store.Wrap(err, "join a session of client %s", clientID)
}

// touch notes that a call of a session has ended; false says that the session of the call is not there any more.
func touch(tx store.Tx, k Key, now, expires time.Time) (bool, error) {
	ms := expires.UnixMilli()
	n, err := tx.ExecCount(`UPDATE agent_sessions
		SET updated_at = ?, expires_at = CASE WHEN expires_at < ? THEN ? ELSE expires_at END
		WHERE client_id = ? AND id = ? AND created_at <= ?`, now.UnixMilli(), ms, ms, k.ClientID, k.SessionID, k.Number)
	return n == 1, store.Wrap(err, "end a call in a session of client %s", k.ClientID)
}

func deleteSession(tx store.Tx, clientID, id string) error {
	for _, where := range []string{
		"agent_sessions WHERE client_id = ? AND id = ?",
		"session_turns WHERE client_id = ? AND session_id = ?",
		"session_summaries WHERE client_id = ? AND session_id = ?",
	} {
		if err := tx.Exec("DELETE FROM "+where, clientID, id); err != nil {
			return fmt.Errorf("delete a session of client %s: %w", clientID, err)
		}
	}
	return nil
}

func deleteAllOf(tx store.Tx, clientID string) (n int64, err error) {
	for _, table := range []string{"session_turns", "session_summaries", "agent_sessions"} {
		if n, err = tx.ExecCount("DELETE FROM "+table+" WHERE client_id = ?", clientID); err != nil {
			return 0, fmt.Errorf("delete the sessions of client %s: %w", clientID, err)
		}
	}
	return n, nil
}

func listSessions(tx store.Tx, clientID string, below position, now time.Time, limit int) ([]Session, error) {
	rows, err := store.Rows[sessionRow](tx, `SELECT * FROM agent_sessions
		WHERE client_id = ? AND (updated_at, id) < (?, ?) AND expires_at > ?
		ORDER BY updated_at DESC, id DESC LIMIT ?`, clientID, below.number, below.text, now.UnixMilli(), limit)
	list := make([]Session, len(rows))
	for i, w := range rows {
		list[i] = w.session()
	}
	return list, store.Wrap(err, "list the sessions of client %s", clientID)
}

// expired returns some sessions that have expired.
func expired(tx store.Tx, now time.Time, limit int) ([]sessionRow, error) {
	list, err := store.Rows[sessionRow](tx,
		"SELECT * FROM agent_sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", now.UnixMilli(), limit)
	return list, store.Wrap(err, "look for sessions that have expired")
}

type summaryRow struct {
	AgentID, Text string
	Number        int64
	IsData        bool
}

func (w summaryRow) summary() Summary {
	return Summary{AgentID: w.AgentID, Number: w.Number, Text: w.Text, IsData: w.IsData}
}

func summaryOf(tx store.Tx, k Key, agentID string) (Summary, error) {
	w, _, err := store.Row[summaryRow](tx,
		"SELECT * FROM session_summaries WHERE client_id = ? AND session_id = ? AND agent_id = ?",
		k.ClientID, k.SessionID, agentID)
	return w.summary(), store.Wrap(err, "read the summary of a session of client %s", k.ClientID)
}

func summariesOf(tx store.Tx, clientID, id string) ([]Summary, error) {
	rows, err := store.Rows[summaryRow](tx,
		"SELECT * FROM session_summaries WHERE client_id = ? AND session_id = ? ORDER BY agent_id", clientID, id)
	list := make([]Summary, len(rows))
	for i, w := range rows {
		list[i] = w.summary()
	}
	return list, store.Wrap(err, "read the summaries of a session of client %s", clientID)
}

// putSummary keeps a summary, as long as the session of the call is there.
func putSummary(tx store.Tx, k Key, s Summary) error {
	err := tx.Exec(`INSERT INTO session_summaries (client_id, session_id, agent_id, number, text, is_data)
			SELECT client_id, id, ?, ?, ?, ? FROM agent_sessions WHERE client_id = ? AND id = ? AND created_at <= ?
		ON CONFLICT (client_id, session_id, agent_id) DO UPDATE
		SET number = excluded.number, text = excluded.text, is_data = excluded.is_data`,
		s.AgentID, s.Number, s.Text, s.IsData, k.ClientID, k.SessionID, k.Number)
	return store.Wrap(err, "keep a summary of a session of client %s", k.ClientID)
}

// spansText is spans as the table has them; nil for none.
func spansText(spans fence.Spans) any {
	if len(spans) == 0 {
		return nil
	}
	text, _ := json.Marshal(spans) // numbers never fail
	return string(text)
}

// spansOf reads spans. Where they cannot be read, all of the text is data.
func spansOf(text *string, of string) (spans fence.Spans) {
	if text != nil && json.Unmarshal([]byte(*text), &spans) != nil {
		return fence.All(of)
	}
	return spans
}
