package store

import (
	"sync/atomic"
	"time"
)

// commitDelay says how long a commit waits for more writes, and when it waits at all.
type commitDelay struct {
	wait     time.Duration
	siblings int64 // how many runs have to be under way
	each     int64 // and how many of them for each write that has come
}

var (
	// On SQLite a commit costs the sync of a file that nobody else writes to.
	sqliteDelay = commitDelay{wait: 2 * time.Millisecond, siblings: 50, each: 8}
	// On PostgreSQL a commit also costs two processes a round trip. Several gateways share the runs, and each of them has few.
	postgresDelay = commitDelay{wait: 500 * time.Microsecond, siblings: 6, each: 2}
)

// siblings are the runs that are under way. They decide whether a commit waits for more writes, as PostgreSQL's commit_delay and
// commit_siblings do. A commit and its sync cost as much for one write as for ten, and runs whose models take their time end one by
// one: each would pay for a commit alone.
//
// The delay is short beside the time that those runs take. By Little's law, when eight times as many runs are under way as wait for
// the commit, the rest of a run takes at least eight times as long as its write. When more of them wait, as with models that answer
// at once, the next group fills by itself. All writes wait, also that of a fast run beside slow ones.
type siblings struct {
	underWay atomic.Int64
}

// delay sleeps before the commit of the writes that wait, where that is to be delayed.
func (s *siblings) delay(by commitDelay, waiting int) {
	if s.isToWait(by, waiting) {
		time.Sleep(by.wait)
	}
}

func (s *siblings) isToWait(by commitDelay, waiting int) bool {
	underWay := s.underWay.Load()
	return underWay >= by.siblings && int64(waiting)*by.each < underWay
}

// Expect adds to the number of running runs, each of which will write once more. Pass a negative number when they end.
func (s *Store) Expect(more int) { s.siblings.underWay.Add(int64(more)) }
