package runs

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"
)

// A process that works on runs is an instance. It says every beatEvery that it is alive; one that has not for deadAfter
// is taken for dead, and its runs are looked after by the others. Their clocks don't matter: the time is the database's.
const (
	beatEvery = 3 * time.Second
	deadAfter = 15 * time.Second
)

func newInstanceID() string { return "ins_" + ulid.Make().String() }

// databaseNow is the time of the database in milliseconds.
func (s storage) databaseNow() string {
	if s.store.Shared() {
		return "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"
	}
	return "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
}

// beat says that the instance is alive. It reports whether others had taken it for dead, and so have its runs.
func (s storage) beat(ctx context.Context, instance string) (wasDead bool, err error) {
	err = s.store.Write(ctx, func(tx *gorm.DB) error {
		done := tx.Exec("UPDATE instances SET seen_at = "+s.databaseNow()+" WHERE id = ?", instance)
		wasDead = done.RowsAffected == 0
		if done.Error != nil || !wasDead {
			return done.Error
		}
		return tx.Exec("INSERT INTO instances (id, started_at, seen_at) VALUES (?, "+s.databaseNow()+", "+s.databaseNow()+")", instance).Error
	})
	if err != nil {
		return false, fmt.Errorf("say that this instance is alive: %w", err)
	}
	return wasDead, nil
}

// alive returns the instances that are, and those that have died. Nobody shares a SQLite file: there, whoever is not
// this instance is dead.
func (s storage) alive(ctx context.Context, self string) (alive, dead []string, err error) {
	var all []struct {
		ID   string
		Dead bool
	}
	err = s.store.Read(ctx).Raw("SELECT id, seen_at < "+s.databaseNow()+" - ? AS dead FROM instances ORDER BY id", deadAfter.Milliseconds()).Scan(&all).Error
	if err != nil {
		return nil, nil, fmt.Errorf("list the instances: %w", err)
	}
	// A process that ended in good order may have left a run whose end it could not write.
	err = s.store.Read(ctx).Raw("SELECT DISTINCT instance_id FROM runs WHERE status = 'RUNNING' AND instance_id NOT IN (SELECT id FROM instances)").Scan(&dead).Error
	if err != nil {
		return nil, nil, fmt.Errorf("look for runs that nobody works on: %w", err)
	}
	for _, i := range all {
		switch {
		case i.ID == self:
			alive = append(alive, i.ID)
		case i.Dead || !s.store.Shared():
			dead = append(dead, i.ID)
		default:
			alive = append(alive, i.ID)
		}
	}
	return alive, dead, nil
}

func forget(tx *gorm.DB, instance string) error {
	return tx.Exec("DELETE FROM instances WHERE id = ?", instance).Error
}
