package sessions

import (
	"fmt"
	"strings"
	"time"

	"beckon/internal/fence"
	"beckon/internal/store"
)

type turnRow struct {
	AgentID, NodeID, RunID, Prompt, Answer string
	Spans                                  *string
	Number, CreatedAt, ExpiresAt           int64
	Tokens                                 int
	IsData                                 bool
}

func (w turnRow) turn() Turn {
	return Turn{
		AgentID:   w.AgentID,
		Number:    w.Number,
		NodeID:    w.NodeID,
		RunID:     w.RunID,
		Prompt:    fence.Text{Text: w.Prompt, Spans: spansOf(w.Spans, w.Prompt)},
		Answer:    w.Answer,
		IsData:    w.IsData,
		Tokens:    w.Tokens,
		CreatedAt: timeOf(w.CreatedAt),
		ExpiresAt: timeOf(w.ExpiresAt),
	}
}

// storable takes out what PostgreSQL can't keep in a text: NUL, and what is not UTF-8.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

func insertTurn(tx store.Tx, k Key, t Turn) error {
	prompt, spans := storable(t.Prompt.Text), t.Prompt.Spans
	if prompt != t.Prompt.Text && len(spans) > 0 { // its places are those of the original
		spans = fence.All(prompt)
	}
	answer := storable(t.Answer)
	err := tx.Exec(`INSERT INTO session_turns (client_id, session_id, agent_id, number, node_id, run_id, prompt, spans,
			answer, is_data, tokens, counts, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		k.ClientID, k.SessionID, t.AgentID, k.Number, t.NodeID, t.RunID, prompt, spansText(spans), answer, t.IsData,
		Tokens(prompt)+Tokens(answer), false,
		t.CreatedAt.UnixMilli(), t.ExpiresAt.UnixMilli())
	return store.Wrap(err, "keep a turn of run %s", t.RunID)
}

func countTurns(tx store.Tx, runID string) error {
	err := tx.Exec("UPDATE session_turns SET counts = ? WHERE run_id = ?", true, runID)
	return store.Wrap(err, "count the turns of run %s", runID)
}

func deleteTurnsOf(tx store.Tx, runID string) error {
	return store.Wrap(tx.Exec("DELETE FROM session_turns WHERE run_id = ?", runID), "drop the turns of run %s", runID)
}

// headersOf returns the last turns of an agent between a summary and a call, newest first, without their texts.
func headersOf(tx store.Tx, k Key, agentID string, behind int64, now time.Time, most int) ([]Turn, error) {
	rows, err := store.Rows[turnRow](tx, `SELECT number, node_id, run_id, tokens FROM session_turns
		WHERE client_id = ? AND session_id = ? AND agent_id = ? AND number > ? AND number < ? AND counts = ?
			AND expires_at > ?
		ORDER BY number DESC, node_id DESC
		LIMIT ?`, k.ClientID, k.SessionID, agentID, behind, k.Number, true, now.UnixMilli(), most)
	return turns(rows), store.Wrap(err, "look for the turns before run %d of a session", k.Number)
}

func turnsOf(tx store.Tx, k Key, agentID string, from int64, now time.Time) ([]Turn, error) {
	rows, err := store.Rows[turnRow](tx, `SELECT * FROM session_turns
		WHERE client_id = ? AND session_id = ? AND agent_id = ? AND number >= ? AND number < ? AND counts = ?
			AND expires_at > ?
		ORDER BY number, node_id`, k.ClientID, k.SessionID, agentID, from, k.Number, true, now.UnixMilli())
	return turns(rows), store.Wrap(err, "read the turns before run %d of a session", k.Number)
}

func turns(rows []turnRow) []Turn {
	list := make([]Turn, len(rows))
	for i, w := range rows {
		list[i] = w.turn()
	}
	return list
}

// eachTurn calls each for the turns of a session, the last first, until it returns false.
func eachTurn(
	tx store.Tx, clientID, id string, below position, now time.Time, limit int, each func(t Turn) bool,
) error {
	more := true
	err := tx.Each(func(scan func(into ...any) error) error {
		var w turnRow
		if !more {
			return nil
		}
		if err := scan(&w.AgentID, &w.Number, &w.NodeID, &w.RunID, &w.Prompt, &w.Spans, &w.Answer, &w.IsData, &w.Tokens,
			&w.CreatedAt, &w.ExpiresAt); err != nil {
			return err
		}
		more = each(w.turn())
		return nil
	}, `SELECT agent_id, number, node_id, run_id, prompt, spans, answer, is_data, tokens, created_at, expires_at
		FROM session_turns
		WHERE client_id = ? AND session_id = ? AND (number, node_id) < (?, ?) AND counts = ? AND expires_at > ?
		ORDER BY number DESC, node_id DESC LIMIT ?`,
		clientID, id, below.number, below.text, true, now.UnixMilli(), limit)
	return store.Wrap(err, "read the turns of a session of client %s", clientID)
}

// deleteExpiredTurns deletes some turns that have expired, and returns how many.
func deleteExpiredTurns(tx store.Tx, now time.Time, limit int) (int64, error) {
	list, err := store.Rows[string](tx,
		"SELECT run_id FROM session_turns WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", now.UnixMilli(), limit)
	if err != nil || len(list) == 0 {
		return 0, store.Wrap(err, "look for turns that have expired")
	}
	if err := tx.Exec("DELETE FROM session_turns WHERE run_id IN (?) AND expires_at <= ?", list,
		now.UnixMilli()); err != nil {
		return 0, fmt.Errorf("delete turns that have expired: %w", err)
	}
	return int64(len(list)), nil
}

func eraseTurns(tx store.Tx, runID string) error {
	err := tx.Exec(`DELETE FROM session_summaries
		WHERE EXISTS (SELECT 1 FROM session_turns t WHERE t.run_id = ? AND t.client_id = session_summaries.client_id
		AND t.session_id = session_summaries.session_id AND t.agent_id = session_summaries.agent_id
			AND t.number <= session_summaries.number)`, runID)
	if err != nil {
		return fmt.Errorf("drop the summaries of the turns of run %s: %w", runID, err)
	}
	return deleteTurnsOf(tx, runID)
}
