package jobs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// args is what River keeps of jobs that were enqueued together.
type args struct {
	kind string
	IDs  []string `json:"ids"`
}

// Kind implements river.JobArgs.
func (a args) Kind() string { return a.kind }

// worker does the jobs of one kind.
type worker struct {
	river.WorkerDefaults[args]
	handle Handler
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	return w.handle(ctx, job.Args.IDs)
}

// retries doubles the wait from attempt to attempt.
type retries struct{}

// NextRetry implements river.ClientRetryPolicy.
func (retries) NextRetry(job *rivertype.JobRow) time.Time {
	wait := longestWait
	if n := len(job.Errors); n < 6 {
		wait = firstRetry << n
	}
	return time.Now().Add(wait)
}

// dueInTime has a job that is due at once be due before any clock's now, so that it doesn't wait when the clock jumps
// back. One that is due later is available from the start, for those who fetch look at the time as well; River would
// leave it to its scheduler, which comes by every 5 s.
func dueInTime(_ context.Context, job *rivertype.JobInsertParams) error {
	switch job.State {
	case rivertype.JobStateAvailable:
		longAgo := time.Unix(1, 0)
		job.ScheduledAt = &longAgo
	case rivertype.JobStateScheduled:
		job.State = rivertype.JobStateAvailable
	}
	return nil
}

func idsOf(job *rivertype.JobRow) []string {
	var a args
	_ = json.Unmarshal(job.EncodedArgs, &a) // Enqueue wrote it
	return a.IDs
}
