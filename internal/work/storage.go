package work

import (
	"context"
	"fmt"

	"beckon/internal/store"
)

// databaseNow is the time of the database in milliseconds.
func (i *Instance) databaseNow() string {
	if i.store.Shared() {
		return "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"
	}
	return "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
}

// noteSeen writes that the instance is alive.
func (i *Instance) noteSeen(tx store.Tx) error {
	now := i.databaseNow()
	return tx.Exec("INSERT INTO instances (id, started_at, seen_at) VALUES (?, "+now+", "+now+") "+
		"ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at", i.id)
}

// unlist takes an instance off the list.
func unlist(tx store.Tx, id string) error { return tx.Exec("DELETE FROM instances WHERE id = ?", id) }

type listedInstance struct {
	ID   string
	Dead bool
}

// list returns all instances on the list.
func (i *Instance) list(ctx context.Context) ([]listedInstance, error) {
	rows, err := store.Rows[listedInstance](i.store.Read(ctx),
		"SELECT id, seen_at < "+i.databaseNow()+" - ? AS dead FROM instances ORDER BY id", deadAfter.Milliseconds())
	return rows, store.Wrap(err, "list the instances")
}

// confirmDead returns errAlive when the instance is not dead any more, and keeps it from coming back before the commit.
func (i *Instance) confirmDead(tx store.Tx, instance string) error {
	if !i.store.Shared() {
		return nil
	}
	alive, _, err := store.Row[bool](tx,
		"SELECT seen_at >= "+i.databaseNow()+" - ? FROM instances WHERE id = ? FOR UPDATE",
		deadAfter.Milliseconds(), instance)
	if err != nil {
		return fmt.Errorf("look whether an instance is dead: %w", err)
	}
	if alive {
		return errAlive
	}
	return nil
}
