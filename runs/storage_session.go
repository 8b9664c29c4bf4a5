package runs

import (
	"encoding/json"

	"beckon/internal/store"
)

// itsTurn holds for a run without a session, and for one of whose session no earlier run is left that has not ended.
const itsTurn = `(session IS NULL
		OR NOT EXISTS (SELECT 1 FROM runs earlier
		WHERE earlier.client_id = runs.client_id AND earlier.session = runs.session
	AND earlier.status IN ('QUEUED', 'RUNNING', 'WAITING') AND earlier.session IS NOT NULL
		AND earlier.session_number < runs.session_number))`

// isNext reports whether no earlier run of the session of a run is left that has not ended.
func (s storage) isNext(tx store.Tx, r *Run) (next bool, err error) {
	next, _, err = store.Row[bool](tx, `SELECT NOT EXISTS (SELECT 1 FROM runs
		WHERE client_id = ? AND session = ? AND session IS NOT NULL
		AND status IN ('QUEUED', 'RUNNING', 'WAITING') AND session_number < ?)`, r.ClientID, r.Session, r.SessionNumber)
	return next, store.Wrap(err, "look for earlier runs of the session of run %s", r.ID)
}

// setSessionTurns notes the runs whose turns the agents of a run were told.
func setSessionTurns(tx store.Tx, id string, turns []string) error {
	text, _ := json.Marshal(turns) // texts never fail
	err := tx.Exec("UPDATE runs SET session_turns = ? WHERE id = ?", string(text), id)
	return store.Wrap(err, "note the turns that run %s was told", id)
}
