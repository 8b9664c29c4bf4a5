package store

import (
	"context"
	"database/sql"
	"log/slog"
	"sync/atomic"
	"time"
)

// replicaPause is how long a replica is left alone that did not answer.
const replicaPause = 10 * time.Second

// replica is a copy of the database that is a little behind, for what reads much. While it does not answer, the
// database itself is read.
type replica struct {
	pool   *sql.DB
	failed atomic.Int64 // when it last did not answer, in nanoseconds of Unix time
	log    *slog.Logger
}

func openReplica(url string, plans *plans, logger *slog.Logger) (*replica, error) {
	config, err := postgresConfig(url)
	if err != nil {
		return nil, err
	}
	return &replica{pool: plans.openPool(config), log: logger}, nil
}

// works reports whether the replica may be asked. It has to answer within a second first.
func (r *replica) works(ctx context.Context) bool {
	if time.Since(time.Unix(0, r.failed.Load())) < replicaPause {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := r.pool.PingContext(ctx)
	if err != nil && context.Cause(ctx) != context.Canceled {
		r.failed.Store(time.Now().UnixNano())
		r.log.Warn("the read replica does not answer, so the database itself is read",
			"error", err, "again", replicaPause)
	}
	return err == nil
}

// ReadLate is Read for what may be a little behind: lists for administrators, and statistics. It asks the read
// replica where one is configured and answers.
func (s *Store) ReadLate(ctx context.Context) Tx {
	if s.replica == nil || !s.replica.works(ctx) {
		return s.Read(ctx)
	}
	return Tx{store: s, ctx: ctx, conn: reader{s.replica.pool, s.plans}}
}
