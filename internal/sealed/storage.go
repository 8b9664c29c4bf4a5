// Package sealed keeps what a run and its deliveries need of their content until they have ended, where what is
// kept in the open is redacted or nothing at all. It is sealed with the secrets key, bound to its run and place,
// and dropped when it is needed no more.
//
// Rows are written and dropped at once, and not at the end of a transaction: the same one may do both.
package sealed

import (
	"encoding/json"
	"fmt"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// Box seals and opens content.
type Box struct{ Sealer *secret.Sealer }

func contextOf(runID, place string) string { return "runs/" + runID + "/" + place }

// Put keeps content, as JSON, at a place of a run. What was there before is gone.
func (b Box) Put(tx store.Tx, runID, place string, content any) error {
	text, err := b.Seal(runID, place, content)
	if err != nil {
		return err
	}
	err = tx.Exec(`INSERT INTO sealed_content (run_id, place, content) VALUES (?, ?, ?)
		ON CONFLICT (run_id, place) DO UPDATE SET content = excluded.content`, runID, place, text)
	return store.Wrap(err, "keep sealed content of run %s", runID)
}

// Get reads what is kept at a place of a run; found is false where there is nothing.
func (b Box) Get(tx store.Tx, runID, place string, into any) (found bool, err error) {
	text, found, err := store.Row[string](tx,
		"SELECT content FROM sealed_content WHERE run_id = ? AND place = ?", runID, place)
	if err != nil || !found {
		return false, store.Wrap(err, "read sealed content of run %s", runID)
	}
	return true, b.Open(runID, place, text, into)
}

// Seal returns the form of content, as JSON, that may be kept at a place of a run.
func (b Box) Seal(runID, place string, content any) (string, error) {
	text, err := json.Marshal([]any{content}) // a list is none of the texts that a Sealer leaves as they are
	if err != nil {
		return "", fmt.Errorf("encode content of run %s: %w", runID, err)
	}
	sealed, err := b.Sealer.Seal(secret.String(text), contextOf(runID, place))
	if err != nil {
		return "", NoKey(err)
	}
	return sealed, nil
}

// NoKey is the problem that content cannot be kept as its client wants it.
func NoKey(err error) *problem.Error {
	return problem.New(problem.Unavailable, problem.CodeSecretsUnavailable,
		"The content of the call cannot be kept as its client wants it: the gateway has no key for secrets. "+
			"Set server.secretsKey.").Because(err)
}

// Open is the inverse of Seal. Its error is an *Unreadable.
func (b Box) Open(runID, place, sealed string, into any) error {
	text, err := b.Sealer.Open(sealed, contextOf(runID, place))
	if err == nil {
		err = json.Unmarshal([]byte(text.Reveal()), &[]any{into})
	}
	if err != nil {
		return &Unreadable{runID, err}
	}
	return nil
}

// Unreadable is the error of content that does not open.
type Unreadable struct {
	runID string
	cause error
}

func (u *Unreadable) Error() string {
	return fmt.Sprintf("open sealed content of run %s: %v", u.runID, u.cause)
}

// Unwrap returns the cause.
func (u *Unreadable) Unwrap() error { return u.cause }

// Drop forgets all content of runs.
func Drop(tx store.Tx, runIDs ...string) error {
	return store.Wrap(tx.Exec("DELETE FROM sealed_content WHERE run_id IN (?)", runIDs), "drop sealed content")
}

// Runs returns the first runs behind an id that have sealed content.
func Runs(tx store.Tx, after string, limit int) ([]string, error) {
	ids, err := store.Rows[string](tx,
		"SELECT DISTINCT run_id FROM sealed_content WHERE run_id > ? ORDER BY run_id LIMIT ?", after, limit)
	return ids, store.Wrap(err, "look for runs with sealed content")
}
