package runs

import (
	"context"
	"time"

	"beckon/internal/store"
)

// noteViewed notes that a run was viewed; first says that it had not been before.
func noteViewed(tx store.Tx, id string, now time.Time) (first bool, err error) {
	n, err := tx.ExecCount("UPDATE runs SET viewed_at = ? WHERE id = ? AND viewed_at IS NULL", now.UnixMilli(), id)
	return n == 1, store.Wrap(err, "note that run %s was viewed", id)
}

// countView counts that the page of a run was opened, and returns how often it was in this hour; 0 where it has
// none any more.
func countView(tx store.Tx, id string, at time.Time) (inHour int64, err error) {
	hour := at.Unix() / int64(time.Hour/time.Second)
	inHour, _, err = store.Row[int64](tx, `UPDATE runs SET views = views + 1,
			views_in_hour = CASE WHEN views_hour = ? THEN views_in_hour + 1 ELSE 1 END, views_hour = ?
		WHERE id = ? AND share = 1 RETURNING views_in_hour`, hour, hour, id)
	return inHour, store.Wrap(err, "count that run %s was viewed", id)
}

// hasPage reports whether there is a run with a page for recipients.
func (s storage) hasPage(ctx context.Context, id string) (bool, error) {
	share, _, err := store.Row[int](s.store.Read(ctx), "SELECT share FROM runs WHERE id = ?", id)
	return Share(share) == HasPage, store.Wrap(err, "look for the page of run %s", id)
}

// revokePage takes the page of a run away; false says that it had none.
func revokePage(tx store.Tx, id string) (bool, error) {
	n, err := tx.ExecCount("UPDATE runs SET share = 2 WHERE id = ? AND share = 1", id)
	return n == 1, store.Wrap(err, "revoke the page of run %s", id)
}
