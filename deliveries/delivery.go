package deliveries

import (
	"time"

	"beckon/internal/problem"

	"github.com/oklog/ulid/v2"
)

// Status is where a delivery is in its life.
type Status string

// A delivery is PENDING until it is due and its endpoint has room for it, SENDING while an attempt is under way, and
// ends in one of the other two. An attempt that fails makes it PENDING again as long as there are retries left.
const (
	Pending   Status = "PENDING"
	Sending   Status = "SENDING"
	Delivered Status = "DELIVERED"
	Failed    Status = "FAILED"
)

// Why an attempt is made.
const (
	ReasonFirst   = "first"
	ReasonRetry   = "retry"
	ReasonResend  = "resend"  // somebody asked for this delivery again
	ReasonRecover = "recover" // somebody asked for all that failed
	ReasonTest    = "test"
)

// Delivery is one event on its way to one receiver.
type Delivery struct {
	ID          string
	EndpointID  string // empty for the callback of a call
	URL         string // of a callback, with what may be a key masked; empty for an endpoint's
	RunID       string // empty for what is not about a run
	EventID     string
	Type        string // what the event is called outside
	ClientID    string
	WorkflowID  string
	Status      Status
	Reason      string // of the last attempt, or of the one to come
	Attempts    int
	DueAt       time.Time        // of the next attempt, while it is PENDING
	StatusCode  int              // of the last attempt; 0 when there was no answer
	Error       *problem.Failure // of the last attempt; nil when it succeeded, or before the first
	CreatedAt   time.Time
	CompletedAt time.Time // zero until it has ended
	Erased      bool      // what it had to tell is gone
}

// Attempt is one exchange with a receiver.
type Attempt struct {
	Number         int
	Reason         string
	URL            string            // with what may be a key masked
	RequestHeaders map[string]string // those with secrets are masked
	StatusCode     int               // 0 when there was no answer
	ResponseBody   string            // its first 16 KiB
	Truncated      bool              // there was more
	Error          *problem.Failure  // nil when it succeeded
	StartedAt      time.Time
	Duration       time.Duration
}

// newID returns the id of a delivery that is made at a time: the ids sort by when they were made.
func newID(at time.Time) string {
	return idPrefix + ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String()
}

const (
	idPrefix    = "dlv_"
	eventPrefix = "evt_"
)
