package web

import (
	"context"
	"time"

	"beckon/deliveries"
)

// Numbers counts what has happened.
type Numbers interface {
	// Stats is about the runs that were created from since until now. It is asked for with every view of the overview,
	// and every 30 s by each that is open, so it should be quick with any number of runs.
	Stats(ctx context.Context, since time.Time) (Stats, error)
}

// Stats is what the overview shows.
type Stats struct {
	Hours    []Hour // those that had runs, oldest first
	Total    Count
	P50, P95 time.Duration // how long the completed runs took, to the millisecond
	Failures []Failure     // the last ones, newest first; ten are enough
	Troubled []Endpoint    // those that are disabled or failing
	Failing  []Provider    // those that have failed too often, and are not asked where an agent has a fallback

	Artifacts     int64 // files that were made in that time and are kept
	ArtifactBytes int64

	Undelivered int64 // deliveries of that time that have failed for good
	Refused     int64 // calls of that time that were turned away, as far as they are kept
	RefusedMore bool  // there may have been more, which are not kept any more
}

// Count is how many runs ended how, and what they used.
type Count struct {
	Completed, Failed, Canceled, Open int64 // Open: queued or running
	Tokens                            int64
}

// Hour is one hour of runs, by when they were created.
type Hour struct {
	Start time.Time // on the hour, UTC
	Count
	P50, P95 time.Duration // as of Stats
}

// Failure is a run that failed.
type Failure struct {
	RunID, Client, Agent string
	Code, Message        string
	At                   time.Time
}

// Endpoint is one whose deliveries don't arrive.
type Endpoint struct {
	ID           string
	Disabled     bool
	Reason       string    // why it is disabled, or what came of the last attempt
	FailingSince time.Time // zero when it isn't known
	Pending      int64     // deliveries that wait
	Failed       int64     // deliveries of that time that have failed for good
}

// Provider is one that has failed too often.
type Provider struct {
	ID    string
	Code  string    // of its last failure
	Until time.Time // when it is tried again; zero: with the next call
}

// FailedDeliveries is the list of those that the endpoint has not got.
func (e Endpoint) FailedDeliveries() string {
	return filtered(deliveriesPath, "endpoint", e.ID, "status", string(deliveries.Failed))
}

// Runs is how many there were.
func (c Count) Runs() int64 { return c.Completed + c.Failed + c.Canceled + c.Open }

// SuccessRate is the share of the runs that completed, among those that completed or failed; ok is false when there
// are none. Who cancels a run doesn't make it a failure.
func (c Count) SuccessRate() (rate float64, ok bool) {
	ended := c.Completed + c.Failed
	if ended == 0 {
		return 0, false
	}
	return float64(c.Completed) / float64(ended), true
}
