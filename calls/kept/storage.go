package kept

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"beckon/internal/store"
)

func insert(tx store.Tx, r Request) error {
	headers, err := json.Marshal(r.Header)
	if err != nil {
		return fmt.Errorf("encode the headers of a request: %w", err)
	}
	body := r.Body
	if body == nil {
		body = []byte{} // not null
	}
	row := tx.NewRow("kept_requests")
	row.Text("id", r.ID)
	row.Text("client_id", r.ClientID)
	row.Text("run_id", r.RunID)
	row.Value("request_id", r.RequestID)
	row.Time("at", r.At)
	row.Value("source", r.Source)
	row.Value("agent", r.Agent)
	row.Value("method", r.Method)
	row.Value("query", r.Query.Encode())
	row.Value("headers", string(headers))
	row.Value("body", body)
	row.Number("bytes", r.Bytes)
	row.Value("omitted", r.Omitted)
	row.Value("code", r.Code)
	return row.InsertNow()
}

// trim deletes all but the newest requests of each client.
func trim(tx store.Tx, most map[string]int) error {
	for clientID, n := range most {
		err := tx.Exec(`DELETE FROM kept_requests WHERE client_id = ? AND id <= (SELECT id FROM kept_requests
			WHERE client_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`, clientID, clientID, n)
		if err != nil {
			return store.Wrap(err, "delete the oldest kept requests of %q", clientID)
		}
	}
	return nil
}

func clientsWithRequests(tx store.Tx) ([]string, error) {
	ids, err := store.Rows[string](tx, "SELECT DISTINCT client_id FROM kept_requests")
	return ids, store.Wrap(err, "list the clients with kept requests")
}

func deleteBefore(tx store.Tx, id string) error {
	return store.Wrap(tx.Exec("DELETE FROM kept_requests WHERE id < ?", id), "delete old kept requests")
}

func deleteOfRun(tx store.Tx, runID string) error {
	err := tx.Exec("DELETE FROM kept_requests WHERE run_id = ?", runID)
	return store.Wrap(err, "delete the kept requests of run %s", runID)
}

func deleteOfClient(tx store.Tx, clientID string) (int64, error) {
	n, err := tx.ExecCount("DELETE FROM kept_requests WHERE client_id = ?", clientID)
	return n, store.Wrap(err, "delete the kept requests of %q", clientID)
}

func deleteOne(tx store.Tx, id string) error {
	return store.Wrap(tx.Exec("DELETE FROM kept_requests WHERE id = ?", id), "delete a kept request")
}

// formsWithoutRun are as many at most as all forms keep.
func formsWithoutRun(tx store.Tx) ([]row, error) {
	rows, err := store.Rows[row](tx, "SELECT * FROM kept_requests WHERE run_id IS NULL AND source = 'form'")
	return rows, store.Wrap(err, "look for kept requests of forms")
}

// row is a request as the table has it.
type row struct {
	ID, ClientID, RequestID, Source, Agent, Method, Query, Headers, Omitted, Code string
	RunID                                                                         *string
	Body                                                                          []byte
	At, Bytes                                                                     int64
}

func byID(tx store.Tx, clientID, id string) (row, bool, error) {
	return store.Row[row](tx, "SELECT * FROM kept_requests WHERE id = ? AND client_id = ?", id, clientID)
}

func ofRun(tx store.Tx, runID string) (row, bool, error) {
	return store.Row[row](tx, "SELECT * FROM kept_requests WHERE run_id = ? ORDER BY id DESC LIMIT 1", runID)
}

func ofAnswer(tx store.Tx, clientID, requestID, code string) (row, bool, error) {
	return store.Row[row](tx,
		"SELECT * FROM kept_requests WHERE client_id = ? AND request_id = ? AND code = ? ORDER BY id DESC LIMIT 1",
		clientID, requestID, code)
}

// ofClient leaves out the bodies.
func ofClient(tx store.Tx, clientID, below string, limit int) ([]row, error) {
	return store.Rows[row](tx, `SELECT id, client_id, run_id, request_id, at, source, agent, method, query, headers,
			bytes, omitted, code
		FROM kept_requests WHERE client_id = ? AND id < ? ORDER BY id DESC LIMIT ?`, clientID, below, limit)
}

func (w row) request() (Request, error) {
	r := Request{
		ID:        w.ID,
		ClientID:  w.ClientID,
		RequestID: w.RequestID,
		At:        time.UnixMilli(w.At).UTC(),
		Source:    w.Source,
		Agent:     w.Agent,
		Method:    w.Method,
		Body:      w.Body,
		Bytes:     w.Bytes,
		Omitted:   w.Omitted,
		Code:      w.Code,
	}
	if w.RunID != nil {
		r.RunID = *w.RunID
	}
	var err error
	if r.Query, err = url.ParseQuery(w.Query); err != nil {
		return r, fmt.Errorf("decode the query of kept request %s: %w", w.ID, err)
	}
	if err := json.Unmarshal([]byte(w.Headers), &r.Header); err != nil {
		return r, fmt.Errorf("decode the headers of kept request %s: %w", w.ID, err)
	}
	return r, nil
}
