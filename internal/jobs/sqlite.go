package jobs

import (
	"context"
	"database/sql"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivermigrate"
	"gorm.io/gorm"

	"beckon/internal/store"
)

// wakeWithin is how soon a job has to be due to be waited for.
const wakeWithin = 10 * pollSQLite

// sqliteClient works through the store's one writer.
type sqliteClient struct {
	*river.Client[*sql.Tx]
	store  *store.Store
	driver *wakingDriver
}

func openSQLite(ctx context.Context, s *store.Store, config *river.Config) (client, error) {
	config.FetchPollInterval = pollSQLite
	driver := newWakingDriver(s.Borrowed())
	migrator, err := rivermigrate.New[*sql.Tx](driver, &rivermigrate.Config{Logger: config.Logger})
	if err != nil {
		return nil, err
	}
	if err := s.Alone(ctx, func() error {
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}); err != nil {
		return nil, err
	}
	c, err := river.NewClient[*sql.Tx](driver, config)
	if err != nil {
		return nil, err
	}
	return &sqliteClient{c, s, driver}, nil
}

func (c *sqliteClient) insert(_ *gorm.DB, list []river.InsertManyParams) error {
	ctx := context.Background() // one caller who leaves must not take back what others have left
	tx, err := c.store.Inside(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // which the Write decides about
	if _, err = c.InsertManyFastTx(ctx, tx, list); err != nil {
		return err
	}
	for _, j := range list {
		if wait := time.Until(j.InsertOpts.ScheduledAt); wait > 0 {
			c.wakeIn(wait, j.InsertOpts.Queue)
		} else {
			c.driver.wake(j.InsertOpts.Queue)
		}
	}
	return nil
}

// wakeIn wakes the workers of a queue when a job is due; for one that is far off, their polling is good enough.
func (c *sqliteClient) wakeIn(wait time.Duration, queue string) {
	if wait < wakeWithin {
		time.AfterFunc(wait, func() { c.driver.wake(queue) })
	}
}

func (c *sqliteClient) close() {}
