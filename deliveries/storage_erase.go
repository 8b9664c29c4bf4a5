package deliveries

import (
	"encoding/json"
	"fmt"

	"beckon/internal/problem"
	"beckon/internal/store"
)

// Erase forgets what the deliveries about a run had to tell. It belongs into the transaction that erases the
// content of the run. What waits or is being sent has failed; nothing is written any more of an attempt that is
// under way.
func (s *Service) Erase(tx store.Tx, runID string) error {
	why := contentErased()
	err := tx.Exec(`UPDATE deliveries
		SET status = 'FAILED', error_code = ?, error = ?, completed_at = ?, instance_id = NULL, claim = claim + 1
		WHERE run_id = ? AND status IN ('PENDING', 'SENDING')`, why.Code, why.Detail, s.Now().UnixMilli(), runID)
	if err != nil {
		return fmt.Errorf("end the deliveries of run %s: %w", runID, err)
	}
	rows, err := store.Rows[row](tx, "SELECT * FROM deliveries WHERE run_id = ?", runID)
	if err != nil {
		return fmt.Errorf("read the deliveries of run %s: %w", runID, err)
	}
	for _, w := range rows {
		if err := erase(tx, w); err != nil {
			return fmt.Errorf("erase delivery %s: %w", w.ID, err)
		}
	}
	return nil
}

func erase(tx store.Tx, w row) error {
	if w.ErrorCode == nil || *w.ErrorCode != problem.CodeContentErased { // the words of a receiver
		w.Error = nil
	}
	err := tx.Exec("UPDATE deliveries SET erased = ?, payload = NULL, callback = ?, error = ? WHERE id = ?",
		true, withoutMetadata(w.Callback), w.Error, w.ID)
	if err != nil {
		return err
	}
	return tx.Exec("UPDATE attempts SET response_body = NULL, error = NULL WHERE delivery_id = ?", w.ID)
}

// withoutMetadata is a callback whose metadata is erased.
func withoutMetadata(callback *string) *string {
	var members map[string]json.RawMessage
	if callback == nil || json.Unmarshal([]byte(*callback), &members) != nil {
		return callback
	}
	delete(members, "metadata")
	text, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return orNull(string(text))
}

// Forget marks the ended deliveries about a run as erased: their content is not kept any more.
func (s *Service) Forget(tx store.Tx, runID string) error {
	err := tx.Exec("UPDATE deliveries SET erased = ? WHERE run_id = ? AND status IN ('DELIVERED', 'FAILED')",
		true, runID)
	return store.Wrap(err, "forget the deliveries of run %s", runID)
}
