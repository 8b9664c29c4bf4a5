package runs

import (
	"context"
	"errors"
	"slices"
	"sync"

	"gorm.io/gorm"

	"beckon/events"
)

// journal writes what happens to one run, in the order in which it happened. What comes while a write is under way
// goes into the next one, all together.
type journal struct {
	service *Service
	runID   string
	ids     *events.Sequence

	mu      sync.Mutex
	waiting []entry
	writing bool
	held    bool // what waits is not written until release
}

// entry is one change of a run, with the event that reports it.
type entry struct {
	begin  *Run // set in the first entry of a run that is not in the table yet: it is inserted
	end    *Run // set in the last entry
	write  func(tx *gorm.DB) error
	event  func(id string) events.Event // nil when nothing is reported
	done   func(error)                  // must not block; may be nil
	events []events.Event               // what event made
}

var errEnded = errors.New("the run had ended already, or another process works on it")

// add puts an entry behind those that are there. Its event gets its id now: ids are in the order of the journal.
func (j *journal) add(e entry) {
	j.mu.Lock()
	if e.event != nil {
		e.events = []events.Event{e.event(j.ids.Next())}
	}
	j.waiting = append(j.waiting, e)
	j.mu.Unlock()
	j.flush()
}

// release writes what has been held.
func (j *journal) release() {
	j.mu.Lock()
	j.held = false
	j.mu.Unlock()
	j.flush()
}

func (j *journal) flush() {
	j.mu.Lock()
	idle := !j.writing && !j.held && len(j.waiting) > 0
	j.writing = j.writing || idle
	j.mu.Unlock()
	if !idle {
		return
	}
	var batch []entry
	j.service.Store.Go(context.Background(), func(tx *gorm.DB) error {
		// The later a batch is closed the more is written at once. This may be called twice with the same batch.
		j.mu.Lock()
		batch, j.waiting = append(batch, j.waiting...), nil
		j.mu.Unlock()
		return j.apply(tx, batch)
	}, func(err error) {
		if err != nil && batch == nil { // it did not even begin
			j.mu.Lock()
			batch, j.waiting = j.waiting, nil
			j.mu.Unlock()
		}
		if err == nil {
			for _, e := range batch {
				j.service.Events.Publish(e.events)
			}
		}
		for _, e := range batch {
			if e.done != nil {
				e.done(err)
			}
		}
		j.mu.Lock()
		j.writing = false
		j.mu.Unlock()
		j.flush()
	})
}

// apply writes a batch. A run that has begun and ended in it, and nothing else, is written once, as a whole.
func (j *journal) apply(tx *gorm.DB, batch []entry) error {
	s, first, last := j.service, batch[0], batch[len(batch)-1]
	if first.begin != nil && last.end != nil && len(batch) == 2 && last.write == nil {
		return s.storage.insert(tx, last.end, s.instance, append(slices.Clone(first.events), last.events...))
	}
	switch {
	case first.begin != nil && last.end != nil:
		if err := s.storage.insert(tx, last.end, s.instance, nil); err != nil {
			return err
		}
	case first.begin != nil:
		if err := s.storage.insert(tx, first.begin, s.instance, nil); err != nil {
			return err
		}
	case last.end == nil && s.Store.Shared():
		// Another process takes over the runs of one that seems dead; should that one wake up, it must not go on writing.
		if err := own(tx, j.runID, s.instance); err != nil {
			return err
		}
	}
	var list []events.Event
	for _, e := range batch {
		if e.write != nil {
			if err := e.write(tx); err != nil {
				return err
			}
		}
		list = append(list, e.events...)
	}
	if first.begin == nil && last.end != nil {
		if err := endRun(tx, last.end, s.instance); err != nil {
			return err
		}
	}
	return s.Events.Append(tx, list)
}
