package runs

import (
	"context"
	"time"

	"beckon/agents"
	"beckon/internal/store"
)

// putAway lets go of a claimed run that waits for a person; isDue says that what it waited for has been decided
// meanwhile, so that it is in the queue already. canceled says that it is to be canceled, and still claimed.
func putAway(tx store.Tx, id string, claim int64) (isDue, canceled bool, err error) {
	w, found, err := store.Row[row](tx,
		`UPDATE runs SET status = 'WAITING', instance_id = NULL
			WHERE id = ? AND status = 'RUNNING' AND claim = ? AND cancel_requested_at IS NULL RETURNING *`, id, claim)
	if err != nil {
		return false, false, store.Wrap(err, "put run %s away", id)
	}
	if !found {
		canceled, _, err = store.Row[bool](tx,
			"SELECT EXISTS (SELECT 1 FROM runs WHERE id = ? AND status = 'RUNNING' AND claim = ?)", id, claim)
		if err == nil && !canceled {
			err = errEnded
		}
		return false, canceled, err
	}
	isDue, err = requeueDecided(tx, w.ID)
	return isDue, false, err
}

// requeueDecided puts a waiting run back into the queue when nothing is left to decide, ahead of others. Its start
// stays: see claim.
func requeueDecided(tx store.Tx, id string) (bool, error) {
	n, err := tx.ExecCount(`UPDATE runs SET status = 'QUEUED', priority = ?, attempts = attempts + 1
		WHERE id = ? AND status = 'WAITING'
			AND NOT EXISTS (SELECT 1 FROM tool_calls c
				WHERE c.run_id = runs.id AND c.status = 'WAITING' AND c.decided_at IS NULL)`,
		PriorityFirst, id)
	return n == 1, store.Wrap(err, "put run %s back into the queue", id)
}

// keepUsage writes what a run that is put away has used until now. What its agents use later is added to that: see
// roundsOf.
func keepUsage(tx store.Tx, r *Run) error {
	rows, err := roundRowsOf(tx, r.ID)
	if err != nil {
		return err
	}
	used := map[string]agents.Usage{} // by node
	for i := range rows {
		used[rows[i].NodeID] = used[rows[i].NodeID].Add(rows[i].usage())
	}
	total := used[""]
	if r.IsFlow {
		nodes, err := nodesOf(tx, r.ID)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if u, isKnown := used[n.ID]; isKnown && n.Status == agents.NodeRunning {
				n.Usage = u
				if err := tx.Exec(`UPDATE nodes SET prompt_tokens = ?, completion_tokens = ?, total_tokens = ?,
						cost = ?, usage_details = ? WHERE run_id = ? AND node_id = ?`,
					u.PromptTokens, u.CompletionTokens, u.TotalTokens, costOrNull(u),
					detailsText(u), r.ID, n.ID); err != nil {
					return store.Wrap(err, "keep what node %s of run %s has used", n.ID, r.ID)
				}
			}
			total = total.Add(n.Usage)
		}
	}
	err = tx.Exec(`UPDATE runs SET prompt_tokens = ?, completion_tokens = ?, total_tokens = ?, cost = ?,
			usage_details = ? WHERE id = ?`,
		total.PromptTokens, total.CompletionTokens, total.TotalTokens, costOrNull(total), detailsText(total), r.ID)
	return store.Wrap(err, "keep what run %s has used", r.ID)
}

// lockRun keeps others from changing a run until the commit; false says that there is none.
func lockRun(tx store.Tx, id string) (bool, error) {
	n, err := tx.ExecCount("UPDATE runs SET attempts = attempts WHERE id = ?", id)
	return n == 1, store.Wrap(err, "lock run %s", id)
}

// callOf returns a call of a run.
func callOf(tx store.Tx, runID, id string) (c agents.ToolCall, found bool, err error) {
	w, found, err := store.Row[callRow](tx, "SELECT * FROM tool_calls WHERE id = ? AND run_id = ?", id, runID)
	return w.call(), found, store.Wrap(err, "read tool call %s", id)
}

// decideCall writes what was decided on a call; false says that it was decided before, or has ended.
func decideCall(tx store.Tx, id string, d agents.Decision) (bool, error) {
	n, err := tx.ExecCount(`UPDATE tool_calls SET allowed = ?, decided_by = ?, decided_at = ?
		WHERE id = ? AND status = 'WAITING' AND decided_at IS NULL`,
		d.Allowed, textOrNull(d.By), d.At.UnixMilli(), id)
	return n == 1, store.Wrap(err, "decide on tool call %s", id)
}

// undecided returns calls on which a person has to decide until a time at the latest, those that expire first in front.
func undecided(tx store.Tx, until time.Time, limit int) ([]callRow, error) {
	rows, err := store.Rows[callRow](tx,
		`SELECT * FROM tool_calls WHERE status = 'WAITING' AND decided_at IS NULL AND expires_at <= ?
			ORDER BY expires_at, id LIMIT ?`,
		until.UnixMilli(), limit)
	return rows, store.Wrap(err, "look for calls that wait for a person")
}

// undecidedOf returns the calls of a run on which a person has to decide.
func undecidedOf(tx store.Tx, runID string) (list []agents.ToolCall, err error) {
	rows, err := callsOf(tx, runID)
	for i := range rows {
		if c := rows[i].call(); c.AwaitsDecision() {
			list = append(list, c)
		}
	}
	return list, err
}

// findCall returns a call of any run.
func (s storage) findCall(ctx context.Context, runID, id string) (agents.ToolCall, bool, error) {
	return callOf(s.store.Read(ctx), runID, id)
}
