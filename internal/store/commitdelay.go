package store

import (
	"sync/atomic"
	"time"
)

const (
	// commitDelay is how long a commit waits for more writes, where it waits at all.
	commitDelay = 2 * time.Millisecond
	// commitSiblings is how many runs have to be under way for that.
	commitSiblings = 50
	// siblingsEach is how many of them there have to be for each write that has come.
	siblingsEach = 8
)

// siblings decide whether a commit waits for more writes, as PostgreSQL's commit_delay and commit_siblings do. A commit and its sync
// cost as much for one write as for ten, and runs whose models take their time end one by one: each would pay for a commit alone.
//
// The delay is short beside the time that those runs take. By Little's law, when eight times as many runs are under way as wait for
// the commit, the rest of a run takes at least eight times as long as its write. When more of them wait, as with models that answer
// at once, the next group fills by itself. All writes wait, also that of a fast run beside slow ones. PostgreSQL ignores it.
type siblings struct {
	underWay atomic.Int64
}

// delayCommit reports whether a commit of the writes that wait is to be delayed.
func (s *siblings) delayCommit(waiting int) bool {
	underWay := s.underWay.Load()
	return underWay >= commitSiblings && int64(waiting)*siblingsEach < underWay
}

// Expect adds to the number of running runs, each of which will write once more. Pass a negative number when they end.
func (s *Store) Expect(more int) { s.siblings.underWay.Add(int64(more)) }
