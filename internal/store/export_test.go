package store

import (
	"testing"
	"time"
)

// TryServing reports whether no gateway works on the file; two stores of one process cannot have it open by two names.
func TryServing(path string) (free bool, err error) {
	f, err := openFile(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return f.lockServing()
}

// IsServed is isServed.
var IsServed = isServed

// LostCommits is what is looked for in a write-ahead log.
var LostCommits = lostCommits

// WalkFor sets how long a walk looks for rows.
func WalkFor(t *testing.T, d time.Duration) {
	before := walkTime
	walkTime = d
	t.Cleanup(func() { walkTime = before })
}

// ErrInDoubt is the error of a write that may have been committed.
var ErrInDoubt = errInDoubt

// Classify is classify.
var Classify = classify
