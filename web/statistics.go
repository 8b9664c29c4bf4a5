package web

import (
	"context"
	"time"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/runs"
)

// Statistics counts what has happened.
type Statistics interface {
	// Stats is about the runs that were created from since until now. It is asked for with every view of the overview,
	// and every 30 s by each that is open, so it should be quick with any number of runs.
	Stats(ctx context.Context, since time.Time) (Stats, error)
}

// Stats is what the overview shows.
type Stats struct {
	runs.Stats
	Troubled []Endpoint            // those that are disabled or failing
	Failing  []agents.BreakerState // providers that have failed too often, and are not asked where an agent has a fallback

	Artifacts     int64 // files that were made in that time and are kept
	ArtifactBytes int64

	Undelivered int64 // deliveries of that time that have failed for good
	Refused     int64 // calls of that time that were refused, as far as they are kept
	RefusedMore bool  // there may have been more, which are not kept any more
}

// Endpoint is one whose deliveries don't arrive.
type Endpoint struct {
	deliveries.UnhealthyEndpoint
	Reason  string // why it is disabled, or what came of the last attempt
	Pending int64  // deliveries that wait
	Failed  int64  // deliveries of that time that have failed for good
}

// Disabled reports whether nothing is sent to it.
func (e Endpoint) Disabled() bool { return !e.DisabledAt.IsZero() }

// FailedDeliveries is the list of those that the endpoint has not got.
func (e Endpoint) FailedDeliveries() string {
	return filtered(deliveriesPath, "endpoint", e.EndpointID, "status", string(deliveries.Failed))
}
