package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// plans counts how often the statements that connections to PostgreSQL have prepared went out of date: a newer
// Beckon beside this one has added a column, and PostgreSQL refuses to run a prepared SELECT * that returns another
// column than before. Connections that are older than the count are closed before they are used again.
type plans struct{ number atomic.Int64 }

const plansKey = "plans"

func (p *plans) openPool(config *pgx.ConnConfig) *sql.DB {
	return stdlib.OpenDB(*config,
		stdlib.OptionAfterConnect(func(_ context.Context, c *pgx.Conn) error {
			c.PgConn().CustomData()[plansKey] = p.number.Load()
			return nil
		}),
		stdlib.OptionResetSession(func(_ context.Context, c *pgx.Conn) error {
			if c.PgConn().CustomData()[plansKey] != p.number.Load() {
				return driver.ErrBadConn
			}
			return nil
		}))
}

// outdated reports whether a statement failed because it was prepared before the tables changed. It is to be run
// again, on another connection.
func (p *plans) outdated(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	// Its code is that of all that is not supported, and its message is in the language of the server.
	if !ok || e.Routine != "RevalidateCachedQuery" {
		return false
	}
	p.number.Add(1)
	return true
}

// reader is a pool that runs queries again that were prepared before the tables changed.
type reader struct {
	*sql.DB
	plans *plans
}

// QueryContext implements gorm.ConnPool.
func (r reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := r.DB.QueryContext(ctx, query, args...)
	if r.plans.outdated(err) {
		return r.DB.QueryContext(ctx, query, args...)
	}
	return rows, err
}
