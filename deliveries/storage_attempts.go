package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"beckon/internal/problem"
	"beckon/internal/store"
)

// endClaim writes what has become of a delivery by an attempt; false says that it is not claimed under that number
// any more.
func (s storage) endClaim(tx store.Tx, w row) (owned bool, err error) {
	n, err := tx.ExecCount(`UPDATE deliveries
		SET status = ?, reason = ?, attempts = ?, tries = tries + 1, due_at = ?, instance_id = NULL,
			status_code = ?, error_code = ?, error = ?, completed_at = ?
		WHERE id = ? AND status = 'SENDING' AND claim = ?`,
		w.Status, w.Reason, w.Attempts, w.DueAt, w.StatusCode, w.ErrorCode, w.Error, w.CompletedAt, w.ID, w.Claim)
	return n == 1, store.Wrap(err, "record an attempt")
}

func (s storage) insertAttempt(tx store.Tx, deliveryID string, a Attempt) error {
	headers, err := json.Marshal(a.RequestHeaders)
	if err != nil {
		return fmt.Errorf("encode the headers of an attempt: %w", err)
	}
	var code, text string
	if a.Error != nil {
		code, text = a.Error.Code, a.Error.Message
	}
	row := tx.NewRow("attempts")
	row.Text("delivery_id", deliveryID)
	row.Number("number", int64(a.Number))
	row.Text("reason", a.Reason)
	row.Value("url", a.URL)
	row.Value("request_headers", string(headers))
	if a.StatusCode == 0 {
		row.Null("status_code")
	} else {
		row.Number("status_code", int64(a.StatusCode))
	}
	row.Text("response_body", a.ResponseBody)
	row.Value("truncated", a.Truncated)
	row.Text("error_code", code)
	row.Text("error", text)
	row.Number("started_at", a.StartedAt.UnixMilli())
	row.Number("duration_us", a.Duration.Microseconds())
	return row.Insert()
}

// attemptRow is an attempt as the table has it.
type attemptRow struct {
	Number                         int
	Reason, URL, RequestHeaders    string
	StatusCode                     *int
	ResponseBody, ErrorCode, Error *string
	Truncated                      bool
	StartedAt, DurationUs          int64
}

func (s storage) attempts(ctx context.Context, id string) ([]Attempt, error) {
	rows, err := store.Rows[attemptRow](s.store.Read(ctx),
		"SELECT * FROM attempts WHERE delivery_id = ? ORDER BY number", id)
	if err != nil {
		return nil, fmt.Errorf("read the attempts at delivery %s: %w", id, err)
	}
	list := make([]Attempt, len(rows))
	for i, w := range rows {
		a := Attempt{
			Number:       w.Number,
			Reason:       w.Reason,
			URL:          w.URL,
			ResponseBody: deref(w.ResponseBody),
			Truncated:    w.Truncated,
			StartedAt:    time.UnixMilli(w.StartedAt).UTC(),
			Duration:     time.Duration(w.DurationUs) * time.Microsecond,
		}
		if w.StatusCode != nil {
			a.StatusCode = *w.StatusCode
		}
		if w.ErrorCode != nil {
			a.Error = &problem.Failure{Code: *w.ErrorCode, Message: deref(w.Error)}
		}
		if err := json.Unmarshal([]byte(w.RequestHeaders), &a.RequestHeaders); err != nil {
			return nil, fmt.Errorf("decode the headers of an attempt at delivery %s: %w", id, err)
		}
		list[i] = a
	}
	return list, nil
}
