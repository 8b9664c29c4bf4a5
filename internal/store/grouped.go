package store

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"sync"
)

const (
	maxGroup = 256  // writes in a transaction: the first of them waits for the last
	maxQueue = 4096 // writes that wait
)

// groupedWriter is the one writer of a SQLite file. While a transaction is synced to the disk the next writes gather, and form
// the group that goes into the next transaction together: the cost of a sync is shared by all who wait for it.
//
// The goroutine of run owns conn and transaction, and calls the functions of all Writes, one after the other.
type groupedWriter struct {
	store *Store
	conn  *sql.Conn
	transaction
	queue chan *pendingWrite
	ended chan struct{} // closed when run has returned

	mu     sync.RWMutex // guards closed; held for reading while a write is put into the queue
	closed bool         // so is the queue
}

// pendingWrite is a write that joins a transaction.
type pendingWrite struct {
	ctx  context.Context
	fn   func(tx Tx) error
	done func(error)
	err  error
}

func newGroupedWriter(ctx context.Context, db *sql.DB, prepared *preparedConn, s *Store) (*groupedWriter, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &groupedWriter{store: s, conn: conn, transaction: transaction{prepared: prepared},
		queue: make(chan *pendingWrite, maxQueue), ended: make(chan struct{})}
	go w.run()
	return w, nil
}

// write queues fn. A queue that is full makes the caller wait.
func (w *groupedWriter) write(ctx context.Context, fn func(tx Tx) error, done func(error)) {
	if !w.enqueue(&pendingWrite{ctx: ctx, fn: fn, done: done}) {
		done(errClosed)
	}
}

func (w *groupedWriter) enqueue(p *pendingWrite) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !w.closed {
		w.queue <- p
	}
	return !w.closed
}

// close lets what is queued be written.
func (w *groupedWriter) close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.ended
	return w.conn.Close()
}

func (w *groupedWriter) run() {
	defer close(w.ended)
	for p := range w.queue {
		w.store.siblings.delay(sqliteDelay, 1+len(w.queue))
		runtime.Gosched() // whoever is about to write gets into this transaction, instead of waiting for its end
		w.commit(w.gather(p))
	}
}

// gather takes what is waiting already; it never waits for more.
func (w *groupedWriter) gather(first *pendingWrite) []*pendingWrite {
	group := []*pendingWrite{first}
	for len(group) < maxGroup {
		select {
		case p, ok := <-w.queue:
			if !ok {
				return group
			}
			group = append(group, p)
		default:
			return group
		}
	}
	return group
}

// commit writes the group and answers everyone in it. It first takes the group as one; only when a write in it fails
// is the group done again with a savepoint around each, which would cost two more statements a write every time.
func (w *groupedWriter) commit(group []*pendingWrite) {
	group = dropCanceled(group)
	if len(group) == 0 {
		return
	}
	err := w.transact(group, false)
	if err == nil && len(group) > 1 && anyFailed(group) {
		err = w.transact(group, true)
	}
	if err == nil {
		for _, fn := range w.afterCommit {
			fn()
		}
	}
	for _, p := range group {
		if err != nil {
			p.err = err
		}
		p.done(p.err)
	}
}

// transact runs the group in one transaction. Without savepoints it stops at the first write that fails, and nothing
// is committed; the failure is in a write's err.
func (w *groupedWriter) transact(group []*pendingWrite, savepoints bool) error {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer w.forgetRows()
	w.afterCommit = w.afterCommit[:0]
	for _, p := range group {
		afterCommit, ifUndone := len(w.afterCommit), len(w.ifUndone)
		if savepoints {
			if err := w.exec("SAVEPOINT one"); err != nil {
				return w.rollback(err)
			}
		}
		p.err = call(p.fn, w.tx(p.ctx))
		if p.err == nil && savepoints {
			p.err = w.insertRows()
			w.forgetRows()
		}
		if p.err != nil && !savepoints {
			return w.rollback(nil)
		}
		if p.err != nil {
			w.forgetRows()
			w.afterCommit = w.afterCommit[:afterCommit]
			w.undo(ifUndone)
			if err := w.exec("ROLLBACK TO one"); err != nil {
				return w.rollback(p.err) // the database gave up on the whole transaction, as it does when the disk is full
			}
		}
		if savepoints {
			if err := w.exec("RELEASE one"); err != nil {
				return w.rollback(err)
			}
		}
	}
	if err := w.insertRows(); err != nil {
		group[0].err = err // of whichever write it is: they are done again, each by itself
		return w.rollback(nil)
	}
	if err := w.exec("COMMIT"); err != nil {
		return w.rollback(fmt.Errorf("commit: %w", err))
	}
	w.ifUndone = w.ifUndone[:0]
	return nil
}

// rollback ends the transaction and returns err. SQLite may have ended it by itself, so its own error says nothing.
func (w *groupedWriter) rollback(err error) error {
	w.afterCommit = w.afterCommit[:0]
	w.undo(0)
	_ = w.exec("ROLLBACK")
	return err
}

func (w *groupedWriter) exec(statement string) error {
	_, err := w.prepared.exec(statement, nil)
	return err
}

// tx is the transaction for one write: its statements have the values of ctx, such as a trace, and do not end with it.
func (w *groupedWriter) tx(ctx context.Context) Tx {
	return Tx{store: w.store, ctx: context.WithoutCancel(ctx), conn: w.conn, write: &w.transaction}
}

// call keeps a panic in one write from taking down the writer of all.
func call(fn func(tx Tx) error, tx Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a write: %v", r)
		}
	}()
	return fn(tx)
}

func dropCanceled(group []*pendingWrite) []*pendingWrite {
	kept := group[:0]
	for _, p := range group {
		if p.ctx.Err() != nil {
			p.done(context.Cause(p.ctx))
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

func anyFailed(group []*pendingWrite) bool {
	for _, p := range group {
		if p.err != nil {
			return true
		}
	}
	return false
}
