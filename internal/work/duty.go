package work

import (
	"context"
	"log/slog"
	"time"
)

// Go runs fn from Start to Stop. fn returns when its context ends.
func (i *Instance) Go(fn func(ctx context.Context)) {
	i.begin = append(i.begin, func() { i.loops.Go(func() { fn(i.ctx) }) })
}

// Every calls fn every d from Start to Stop. name says by an infinitive what fn does, for the log.
func (i *Instance) Every(d time.Duration, name string, fn func(ctx context.Context) error) {
	i.Go(func(ctx context.Context) {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		trouble := Trouble{Log: i.log, Name: name}
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := fn(ctx); ctx.Err() == nil {
				trouble.Note(err)
			}
		}
	})
}

// Trouble logs that something which is done again and again begins to fail, and that it works again; not each failure.
type Trouble struct {
	Log     *slog.Logger
	Name    string // by an infinitive: "delete old runs"
	failing bool
}

// Note takes the outcome of one try.
func (t *Trouble) Note(err error) {
	switch {
	case err != nil && !t.failing:
		t.Log.Error("cannot "+t.Name+"; Beckon keeps trying", "error", err)
	case err == nil && t.failing:
		t.Log.Info("can " + t.Name + " again")
	}
	t.failing = err != nil
}

// longestRest bounds a Rest.
const longestRest = time.Second

// Rest waits as long as a part of a long job took, so that the job takes half of the database's time at most and
// calls get the rest. It returns early when ctx ends.
func Rest(ctx context.Context, took time.Duration) error {
	timer := time.NewTimer(min(took, longestRest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
