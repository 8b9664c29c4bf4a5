package store

import (
	"sync/atomic"
	"time"
)

// commitDelay says how long a commit is delayed, and when. It is PostgreSQL's commit_delay and commit_siblings for groups of writes.
type commitDelay struct {
	perRun   time.Duration // how long, for each running run
	most     time.Duration // how long at most
	siblings int64         // the fewest running runs for which a commit is delayed
	each     int64         // the fewest running runs for each write in the group
}

var (
	// On SQLite a commit costs the sync of one file.
	sqliteDelay = commitDelay{perRun: 32 * time.Microsecond, most: 2 * time.Millisecond, siblings: 16, each: 4}
	// On PostgreSQL a commit also costs a round trip. Several gateways share the runs, so each of them has few.
	postgresDelay = commitDelay{perRun: 100 * time.Microsecond, most: 500 * time.Microsecond, siblings: 6, each: 2}
)

// siblings counts the running runs. Each of them writes once more, so the count decides whether a commit is delayed: a commit and its
// sync cost as much for one write as for ten, and without a delay, runs with slow models would each pay for a commit of their own.
//
// The delay is short compared with the runs. By Little's law, if four times as many runs are running as wait for the commit, the rest
// of a run takes at least four times as long as its write. If more of them wait, because models answer at once, the next group fills
// without a delay. The delay applies to all writes of the group, also to that of a fast run.
type siblings struct {
	underWay atomic.Int64
}

// delay delays the commit of a group, if that makes the group larger. Only the goroutine that commits groups calls it: callers go on.
// It sleeps for a few milliseconds at most, so Close does not have to interrupt it.
func (s *siblings) delay(by commitDelay, waiting int) {
	if wait := s.wait(by, waiting); wait > 0 {
		time.Sleep(wait)
	}
}

// wait returns how long the commit of a group is delayed.
func (s *siblings) wait(by commitDelay, waiting int) time.Duration {
	underWay := s.underWay.Load()
	if underWay < by.siblings || int64(waiting)*by.each >= underWay {
		return 0
	}
	return min(time.Duration(underWay)*by.perRun, by.most)
}

// Expect adds to the number of running runs, each of which will write once more. Pass a negative number when they end.
func (s *Store) Expect(more int) { s.siblings.underWay.Add(int64(more)) }
