package deliveries

import (
	"context"
	"strings"
	"time"

	"beckon/internal/store"
)

// maxRef bounds what a receiver may call a message, in bytes.
const maxRef = 256

// firstOf returns what the receiver calls the first message of a thread; empty before there is one.
func (s storage) firstOf(ctx context.Context, id string) (ref string, err error) {
	ref, _, err = store.Row[string](s.store.Read(ctx), "SELECT ref FROM delivery_threads WHERE id = ?", id)
	return ref, store.Wrap(err, "read a thread")
}

// keepThread writes what an attempt has done to its thread. Of two messages that begin it at the same time the
// first counts.
func keepThread(tx store.Tx, t *thread, now time.Time) error {
	switch {
	case t == nil:
		return nil
	case t.lost:
		err := tx.Exec("DELETE FROM delivery_threads WHERE id = ? AND ref = ?", t.id, t.first)
		return store.Wrap(err, "forget a thread")
	case t.taken == "" || len(t.taken) > maxRef || strings.ContainsRune(t.taken, 0):
		return nil
	}
	err := tx.Exec(`INSERT INTO delivery_threads (id, ref, seen_at) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
		t.id, t.taken, now.UnixMilli())
	return store.Wrap(err, "keep a thread")
}

// forgetThreads deletes threads without a message since a time, and returns how many those were.
func (s storage) forgetThreads(tx store.Tx, before time.Time, limit int) (n int, err error) {
	ids, err := store.Rows[string](tx,
		"SELECT id FROM delivery_threads WHERE seen_at < ? ORDER BY seen_at LIMIT ?", before.UnixMilli(), limit)
	if err != nil || len(ids) == 0 {
		return 0, store.Wrap(err, "look for old threads")
	}
	return len(ids), store.Wrap(tx.Exec("DELETE FROM delivery_threads WHERE id IN (?)", ids), "delete old threads")
}
