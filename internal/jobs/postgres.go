package jobs

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"gorm.io/gorm"

	"beckon/internal/store"
)

// poolConns are for River's own work; jobs are inserted over the store's connections.
const poolConns = 6

type postgresClient struct {
	*river.Client[pgx.Tx]
	pool *pgxpool.Pool
}

func openPostgres(ctx context.Context, s *store.Store, config *river.Config) (_ client, err error) {
	config.FetchPollInterval = pollPostgres
	poolConfig, err := pgxpool.ParseConfig(s.PostgresURL())
	if err != nil {
		return nil, err
	}
	poolConfig.MaxConns = poolConns
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			pool.Close()
		}
	}()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: config.Logger})
	if err != nil {
		return nil, err
	}
	if err = s.Alone(ctx, func() error {
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}); err != nil {
		return nil, err
	}
	c, err := river.NewClient(driver, config)
	if err != nil {
		return nil, err
	}
	return &postgresClient{c, pool}, nil
}

func (c *postgresClient) insert(tx *gorm.DB, list []river.InsertManyParams) error {
	ctx := context.Background() // one caller who leaves must not take back what others have left
	return store.PostgresConn(tx, func(conn any) error {
		under, ok := conn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T, not pgx's", conn)
		}
		_, err := c.InsertManyFastTx(ctx, joined{under.Conn()}, list)
		return err
	})
}

func (c *postgresClient) close() { c.pool.Close() }

// joined lets River take part in a transaction that somebody else has begun on the connection, and ends.
type joined struct{ *pgxConn }

type pgxConn = pgx.Conn

func (j joined) Commit(context.Context) error   { return nil }
func (j joined) Rollback(context.Context) error { return nil }
func (j joined) Conn() *pgx.Conn                { return j.pgxConn }
func (j joined) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
