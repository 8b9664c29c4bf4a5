package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

const (
	rowWriters = 2   // connections that insert groups
	maxRows    = 512 // of a group
)

// rowGroups insert the rows of Writes that do nothing else into PostgreSQL: those that wait while a group is being inserted go
// into the next one together, with one round trip and one commit for all. When a group fails, each of its Writes is done alone.
type rowGroups struct {
	pool  *sql.DB
	marks *marks
	queue chan *rowGroup
	ended sync.WaitGroup

	mu     sync.RWMutex // guards closed; held for reading while a group is put into the queue
	closed bool         // so is the queue
}

// rowGroup are rows that are inserted together or not at all: those of one Write, or of several.
type rowGroup struct {
	ctx  context.Context
	rows []*NewRow
	done chan error
}

func newRowGroups(pool *sql.DB, marks *marks) *rowGroups {
	g := &rowGroups{pool: pool, marks: marks, queue: make(chan *rowGroup, maxQueue)}
	for range rowWriters {
		g.ended.Go(g.run)
	}
	return g
}

func (g *rowGroups) close() error {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.queue)
	}
	g.mu.Unlock()
	g.ended.Wait()
	return nil
}

// insert inserts the rows of a Write, and returns when they are durable. An error says that they were not inserted, except errInDoubt.
func (g *rowGroups) insert(ctx context.Context, rows []*NewRow) error {
	if rows[0].tx.store.watcher.Load() != nil {
		for _, r := range rows {
			r.tx.store.tellWatcher(r.statement(), r.values)
		}
	}
	one := &rowGroup{ctx, rows, make(chan error, 1)}
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return errClosed
	}
	g.queue <- one
	g.mu.RUnlock()
	return <-one.done
}

func (g *rowGroups) run() {
	for first := range g.queue {
		list, n := []*rowGroup{first}, len(first.rows)
	gather:
		for n < maxRows {
			select {
			case next, ok := <-g.queue:
				if !ok {
					break gather
				}
				list, n = append(list, next), n+len(next.rows)
			default:
				break gather
			}
		}
		g.write(list)
	}
}

// write inserts what several Writes have, and each of them alone when that fails.
func (g *rowGroups) write(list []*rowGroup) {
	if len(list) > 1 {
		var all []*NewRow
		for _, one := range list {
			all = append(all, one.rows...)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(list[0].ctx), transactionTimeout)
		err := g.insertAll(ctx, all)
		cancel()
		if err == nil || errors.Is(err, errInDoubt) {
			for _, one := range list {
				one.done <- err
			}
			return
		}
	}
	for _, one := range list {
		err := context.Cause(one.ctx)
		if err == nil {
			err = g.insertAll(one.ctx, one.rows)
		}
		one.done <- err
	}
}

// insertAll inserts rows in one transaction, with one round trip.
func (g *rowGroups) insertAll(ctx context.Context, rows []*NewRow) error {
	conn, err := g.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	m := g.marks.newMark()
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO commit_marks (owner, number, at) VALUES ($1, $2, now()) ON CONFLICT (owner) DO UPDATE SET number = excluded.number, at = excluded.at",
		m.row, m.number)
	for _, r := range rows {
		batch.Queue(r.numbered(), r.values...)
	}
	err = onDriver(conn, func(c *pgx.Conn) error { return c.SendBatch(ctx, batch).Close() })
	if err != nil {
		err = lookUpCommit(ctx, g.pool, m, rollBack(ctx, conn, err))
	}
	if !errors.Is(err, errInDoubt) {
		g.marks.giveBack(m)
	}
	return err
}

// numbered is the statement of a row with PostgreSQL's own placeholders.
func (r *NewRow) numbered() string {
	var text strings.Builder
	text.WriteString("INSERT INTO " + r.table + " (" + strings.Join(r.columns, ", ") + ") VALUES (")
	for i := range r.columns {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString("$" + strconv.Itoa(i+1))
	}
	text.WriteString(")")
	return text.String()
}
