// Package jobs is work that outlives a request: enqueue in a transaction, run workers (River).
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"gorm.io/gorm"

	"beckon/internal/store"
)

// The priorities of jobs.
const (
	First   = 1
	Default = 2
	Last    = 4
)

// Job is something to do: a kind says how, an id to what. A job may be done more than once.
type Job struct {
	Kind     string
	ID       string
	Priority int       // First to Last; 0 is Default
	At       time.Time // not before; zero is now
}

// Handler does jobs of one kind that were enqueued together. nil says that they are done; after any other error all of
// them are tried again, after the wait of Snooze or one that grows from a second to a minute.
type Handler func(ctx context.Context, ids []string) error

// Kind says how the jobs of a kind are done.
type Kind struct {
	Handle  Handler
	Workers int // jobs at the same time in this process
}

// Snooze is the error of a job that wants to be tried again after d, without counting the attempt.
func Snooze(d time.Duration) error { return river.JobSnooze(d) }

// Config is what a Queue is made of.
type Config struct {
	Store    *store.Store
	Instance string // this process, among all that work on the same database
	Kinds    map[string]Kind
	Log      *slog.Logger
}

const (
	// Both databases are told of new jobs; polling finds those that other processes put into a SQLite file, those whose
	// time has come, and on PostgreSQL those whose notification River held back.
	pollSQLite   = time.Second
	pollPostgres = 60 * time.Millisecond
	fetchPause   = 5 * time.Millisecond

	mostTogether = 64 // jobs that are one to River

	maxAttempts = 1000
	firstRetry  = time.Second
	longestWait = time.Minute
	// Whoever works on a job that takes longer than this is taken for dead; Lost knows sooner.
	stuckAfter   = time.Hour
	completedFor = time.Minute
	cancelGrace  = time.Second // for handlers that are told to stop

	neverClean = 10 * 365 * 24 * time.Hour // for River, since clean does it sooner; on SQLite River takes less than 0 for now
)

// Queue is the queue of one database.
type Queue struct {
	client client
	store  *store.Store
	kinds  map[string]Kind
	log    *slog.Logger

	cleaning  sync.WaitGroup
	stopClean context.CancelFunc // nil before Start
}

// client is River's, on either database.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	JobList(ctx context.Context, params *river.JobListParams) (*river.JobListResult, error)
	insert(tx *gorm.DB, list []river.InsertManyParams) error
	close()
}

// New prepares the queue, and brings its tables up to date. Nothing is worked on before Start.
func New(ctx context.Context, c Config) (*Queue, error) {
	config := &river.Config{
		ID: c.Instance, Logger: slog.New(quiet{c.Log.Handler()}), Queues: map[string]river.QueueConfig{}, Workers: river.NewWorkers(),
		FetchCooldown: fetchPause, MaxAttempts: maxAttempts, JobTimeout: -1, RescueStuckJobsAfter: stuckAfter,
		CompletedJobRetentionPeriod: neverClean, RetryPolicy: retries{}, Hooks: []rivertype.Hook{river.HookInsertBeginFunc(dueInTime)},
	}
	for name, kind := range c.Kinds {
		config.Queues[name] = river.QueueConfig{MaxWorkers: kind.Workers}
		river.AddWorkerArgs(config.Workers, args{kind: name}, &worker{handle: kind.Handle})
	}
	open := openSQLite
	if c.Store.Shared() {
		open = openPostgres
	}
	client, err := open(ctx, c.Store, config)
	if err != nil {
		return nil, fmt.Errorf("set up the queue: %w", err)
	}
	return &Queue{client: client, store: c.Store, kinds: c.Kinds, log: c.Log}, nil
}

// Enqueue adds jobs within the transaction of a Write: they are there when it commits, and only then.
func (q *Queue) Enqueue(tx *gorm.DB, list ...Job) error {
	for _, j := range list {
		// What River refuses would fail everybody's write in the transaction, so it never gets there.
		if _, ok := q.kinds[j.Kind]; !ok {
			return fmt.Errorf("enqueue: nobody does jobs of kind %q", j.Kind)
		}
		if j.Priority != 0 && (j.Priority < First || j.Priority > Last) {
			return fmt.Errorf("enqueue: priority %d is not between %d and %d", j.Priority, First, Last)
		}
		err := q.store.Later(tx, "jobs", j, func(tx *gorm.DB, items []any) error { return q.client.insert(tx, bundle(items)) })
		if err != nil {
			return fmt.Errorf("enqueue: %w", err)
		}
	}
	return nil
}

// bundle puts the jobs that are alike but for their ids into one for River: a job there costs SQLite half a
// millisecond, most of it to prepare the statements.
func bundle(items []any) []river.InsertManyParams {
	type likeness struct {
		kind     string
		priority int
		at       int64
	}
	var list []river.InsertManyParams
	open := map[likeness]int{} // the place in list
	for _, item := range items {
		j := item.(Job)
		if j.Priority == 0 {
			j.Priority = Default
		}
		key := likeness{j.Kind, j.Priority, j.At.UnixMilli()}
		if i, ok := open[key]; ok {
			if a := list[i].Args.(args); len(a.IDs) < mostTogether {
				a.IDs = append(a.IDs, j.ID)
				list[i].Args = a
				continue
			}
		}
		open[key] = len(list)
		list = append(list, river.InsertManyParams{Args: args{j.Kind, []string{j.ID}},
			InsertOpts: &river.InsertOpts{Queue: j.Kind, Priority: j.Priority, ScheduledAt: j.At}})
	}
	return list
}

// Start begins to work on jobs.
func (q *Queue) Start(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	ctx, q.stopClean = context.WithCancel(ctx)
	q.cleaning.Go(func() { q.clean(ctx) })
	return nil
}

// Stop takes up no job any more and waits for those that are being done. When ctx ends first, they are told to stop;
// an error says that they did not, and are left behind.
func (q *Queue) Stop(ctx context.Context) error {
	if q.stopClean != nil {
		q.stopClean()
		q.cleaning.Wait()
	}
	err := q.client.Stop(ctx)
	if err != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
		defer cancel()
		err = q.client.StopAndCancel(grace)
	}
	if err != nil {
		return fmt.Errorf("stop the queue: jobs are still being done: %w", err)
	}
	q.client.close() // which would wait for the jobs
	return nil
}

// Lost returns the ids of the jobs of a kind that were being done by processes that are not alive.
func (q *Queue) Lost(ctx context.Context, kind string, alive []string) (ids []string, err error) {
	living := map[string]bool{}
	for _, instance := range alive {
		living[instance] = true
	}
	const page = 1000
	params := river.NewJobListParams().States(rivertype.JobStateRunning).Kinds(kind).First(page).OrderBy(river.JobListOrderByID, river.SortOrderAsc)
	for {
		found, err := q.client.JobList(ctx, params)
		if err != nil {
			return nil, fmt.Errorf("list the jobs of dead processes: %w", err)
		}
		for _, job := range found.Jobs {
			if n := len(job.AttemptedBy); n > 0 && !living[job.AttemptedBy[n-1]] {
				ids = append(ids, idsOf(job)...)
			}
		}
		if len(found.Jobs) < page {
			return ids, nil
		}
		params = params.After(found.LastCursor)
	}
}
