package runs

import (
	"fmt"

	"beckon/internal/store"
)

// erasedIfSet is the message of an error after its content was erased. A row without an error has none.
const erasedIfSet = "CASE WHEN error_code IS NULL THEN NULL ELSE '" + erasedMessage + "' END"

// eraseRun erases the content of a run in the tables that are of runs alone.
func eraseRun(tx store.Tx, id string) error {
	for _, statement := range []string{
		`UPDATE runs SET input = '', output = NULL, metadata = NULL, session_id = NULL, session = NULL,
			session_number = NULL, session_turns = NULL, origin = NULL, callback = NULL, verdict_reason = NULL,
			error_message = ` + erasedIfSet + `, has_artifacts = FALSE, erased = '` + ErasedByAdmin + `' WHERE id = ?`,
		`UPDATE runs SET share = 2 WHERE id = ? AND share = 1`,
		`UPDATE nodes SET output = NULL, state = NULL, error_message = ` + erasedIfSet + ` WHERE run_id = ?`,
		`DELETE FROM rounds WHERE run_id = ?`,
		`UPDATE tool_calls SET arguments = '{}', result = NULL, error_message = ` + erasedIfSet + ` WHERE run_id = ?`,
		`DELETE FROM run_notes WHERE run_id = ?`,
		`DELETE FROM run_inputs WHERE run_id = ?`,
		`DELETE FROM events WHERE run_id = ? AND type = 'message.delta'`,
	} {
		if err := tx.Exec(statement, id); err != nil {
			return fmt.Errorf("erase the content of run %s: %w", id, err)
		}
	}
	if err := eraseAnswerers(tx, id); err != nil {
		return err
	}
	return erasePayloads(tx, id)
}

// eraseAnswerers takes out of who answered what the attempts at it have said.
func eraseAnswerers(tx store.Tx, id string) error {
	rows, err := store.Rows[struct {
		NodeID   string
		Answerer *string
	}](tx,
		`SELECT '' AS node_id, answerer FROM runs WHERE id = ?
			UNION ALL SELECT node_id, answerer FROM nodes WHERE run_id = ?`, id, id)
	if err != nil {
		return fmt.Errorf("read who has answered run %s: %w", id, err)
	}
	for _, w := range rows {
		by, err := answererOf(w.Answerer)
		if err != nil || w.Answerer == nil {
			continue // it can be shown to nobody
		}
		by.Attempts, by.Responses, by.IsData = nil, nil, false
		if err := keepAnswerer(tx, id, w.NodeID, by); err != nil {
			return err
		}
	}
	return nil
}

func erasePayloads(tx store.Tx, id string) error {
	rows, err := store.Rows[struct{ ID, Payload string }](tx, "SELECT id, payload FROM events WHERE run_id = ?", id)
	if err != nil {
		return fmt.Errorf("read the events of run %s: %w", id, err)
	}
	for _, w := range rows {
		text, err := withoutContent(w.Payload)
		if err != nil {
			text = "{}"
		}
		if err := tx.Exec("UPDATE events SET payload = ? WHERE run_id = ? AND id = ?", text, id, w.ID); err != nil {
			return fmt.Errorf("erase an event of run %s: %w", id, err)
		}
	}
	return nil
}
