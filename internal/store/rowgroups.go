package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

const maxRows = 512 // of a group

// rowGroups insert the rows of Writes that do nothing else into PostgreSQL: those that wait while a group is being
// inserted go into the next one together, with one round trip and one commit for all. When a group fails, each of
// its Writes is done alone.
type rowGroups struct {
	store *Store
	pool  *sql.DB
	marks *marks
	queue chan *rowGroup
	ended chan struct{} // closed when run has returned

	mu     sync.RWMutex // guards closed; held for reading while a group is put into the queue
	closed bool         // so is the queue
}

// rowGroup are the rows of one Write.
type rowGroup struct {
	ctx  context.Context
	rows []*NewRow
	done chan groupOutcome
}

// groupOutcome is what became of a transaction. Where that is in doubt, its mark says whether it was committed.
type groupOutcome struct {
	err       error
	isInDoubt bool
	mark      mark
}

func newRowGroups(s *Store, pool *sql.DB, marks *marks) *rowGroups {
	g := &rowGroups{store: s, pool: pool, marks: marks, queue: make(chan *rowGroup, maxQueue), ended: make(chan struct{})}
	go g.run()
	return g
}

func (g *rowGroups) close() error {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.queue)
	}
	g.mu.Unlock()
	<-g.ended
	return nil
}

// insert inserts the rows of a Write, and returns when they are durable. An error says that they were not inserted,
// except errInDoubt.
func (g *rowGroups) insert(ctx context.Context, rows []*NewRow) error {
	if g.store.watcher.Load() != nil {
		for _, r := range rows {
			g.store.tellWatcher(r.statement(), r.args())
		}
	}
	one := &rowGroup{ctx, rows, make(chan groupOutcome, 1)}
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return errClosed
	}
	g.queue <- one
	g.mu.RUnlock()
	o := <-one.done
	if o.isInDoubt { // each Write asks for itself: some wait for the answer longer than others
		return lookUpCommit(ctx, g.pool, o.mark, o.err)
	}
	return o.err
}

func (g *rowGroups) run() {
	defer close(g.ended)
	for first := range g.queue {
		g.store.siblings.delay(postgresDelay, 1+len(g.queue))
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

// write inserts what several Writes have, and each of them alone when PostgreSQL refuses something of it.
func (g *rowGroups) write(list []*rowGroup) {
	var all []*NewRow
	for _, one := range list {
		all = append(all, one.rows...)
	}
	o := g.insertAll(list[0].ctx, all)
	if len(list) > 1 && refusedCommit(o.err) {
		for _, one := range list {
			one.done <- g.insertAll(one.ctx, one.rows)
		}
		return
	}
	for _, one := range list {
		one.done <- o
	}
}

// insertAll inserts rows in one transaction, with one round trip. It uses the values of ctx, and does not end with it.
func (g *rowGroups) insertAll(ctx context.Context, rows []*NewRow) groupOutcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionTimeout)
	defer cancel()
	conn, err := g.pool.Conn(ctx)
	if err != nil {
		return groupOutcome{err: err}
	}
	defer func() { _ = conn.Close() }()
	m := g.marks.newMark()
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO commit_marks (owner, number, at) VALUES ($1, $2, now()) "+
		"ON CONFLICT (owner) DO UPDATE SET number = excluded.number, at = excluded.at", m.row, m.number)
	for _, r := range rows {
		batch.Queue(r.numbered(), r.args()...)
	}
	err = onDriver(conn, func(c *pgx.Conn) error { return c.SendBatch(ctx, batch).Close() })
	if err == nil || refusedCommit(err) {
		g.marks.giveBack(m)
		return groupOutcome{err: err}
	}
	return groupOutcome{rollBack(ctx, conn, err), true, m} // the mark's row is not used again
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
