package events

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/problem"
)

const (
	idPrefix  = "evt_"
	runPrefix = "run_"
)

// Sequence makes the ids of one run's events. An id is a ULID: the time, then 48 bits that are the run's own, then a
// count. So ids of a run sort in the order in which they were made, also when the clock jumps back, and tell which run
// they belong to. A Sequence belongs to one goroutine at a time.
type Sequence struct {
	run   [6]byte
	time  uint64 // milliseconds, never less than that of the last id
	count uint32
}

// NewSequence continues the ids of a run behind last, which is empty for a run without events.
func NewSequence(runID, last string) *Sequence {
	s := &Sequence{run: ownBits(runID)}
	if id, err := ulid.ParseStrict(strings.TrimPrefix(last, idPrefix)); err == nil {
		s.time, s.count = id.Time(), binary.BigEndian.Uint32(id[12:])
	}
	return s
}

// Next returns the next id, of an event that happened at the given time.
func (s *Sequence) Next(at time.Time) string {
	s.time = max(s.time, uint64(at.UnixMilli()))
	return s.next()
}

func (s *Sequence) next() string {
	s.count++
	return s.id()
}

func (s *Sequence) id() string {
	var id ulid.ULID
	_ = id.SetTime(s.time) // fails in the year 10889
	copy(id[6:12], s.run[:])
	binary.BigEndian.PutUint32(id[12:], s.count)
	return idPrefix + id.String()
}

// FirstID is the id of a run's first event when that happened at the given time.
func FirstID(runID string, at time.Time) string {
	s := &Sequence{run: ownBits(runID), time: uint64(at.UnixMilli())}
	return s.next()
}

// CreatedID is the id of the event that a run was created at the given time. It is less than the ids of the run's log.
func CreatedID(runID string, at time.Time) string {
	s := &Sequence{run: ownBits(runID), time: uint64(at.UnixMilli())}
	return s.id()
}

// CheckID refuses an id that is not one of the run's events. Whether there is such an event does not matter: pieces of
// text that were followed once are gone when the run has ended.
func CheckID(runID, id string) error {
	parsed, err := ulid.ParseStrict(strings.TrimPrefix(id, idPrefix))
	if run := ownBits(runID); err != nil || !strings.HasPrefix(id, idPrefix) || string(parsed[6:12]) != string(run[:]) {
		return problem.New(problem.Invalid, problem.CodeInvalidEventID,
			"Last-Event-ID is not the id of an event of this run. Leave it out to read from the beginning.")
	}
	return nil
}

// ownBits are the last 48 bits of the run's ULID: those differ between runs of the same millisecond.
func ownBits(runID string) (bits [6]byte) {
	if id, err := ulid.ParseStrict(strings.TrimPrefix(runID, runPrefix)); err == nil {
		copy(bits[:], id[10:])
	}
	return bits
}
