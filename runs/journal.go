package runs

import (
	"context"
	"errors"
	"sync"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/sealed"
	"beckon/internal/store"
)

// journal writes what happens to one run, in the order in which it happened. What comes while a write is under way
// goes into the next one, all together.
type journal struct {
	service *Service
	runID   string
	about   events.Subject
	ids     *events.Sequence

	claim int64
	ctx   context.Context // of all writes: it has the values of who started the run, and does not end
	until time.Time       // until when a write is tried again

	mu       sync.Mutex
	waiting  []entry
	first    [2]entry // the memory of waiting, for the start and the end of a run
	writing  bool
	held     bool            // what waits is not written until release
	patience context.Context // of the writes that are tried again; nil before the first
	cancel   context.CancelFunc
}

// entry is one change of a run, with the event that reports it.
type entry struct {
	begin  *Run // set in the first entry of a run that is not in the table yet: it is inserted
	end    *Run // set in the last entry
	write  func(tx store.Tx) error
	at     time.Time                    // when it happened
	event  func(id string) events.Event // makes the event, when somebody needs it; nil when nothing is reported
	done   func(error)                  // must not block; may be nil
	id     string                       // of the event
	report *events.Event                // what event has made; nil before
}

// eventsOf returns the events of the entries.
func eventsOf(batch []entry) []events.Event {
	list := make([]events.Event, 0, len(batch))
	for i := range batch {
		e := &batch[i]
		if e.event == nil {
			continue
		}
		if e.report == nil {
			made := e.event(e.id)
			e.report = &made
		}
		list = append(list, *e.report)
	}
	return list
}

var errEnded = errors.New("the run has ended, or another process has claimed it")

// add puts an entry behind those that are there. Its event gets its id now: ids are in the order of the journal.
func (j *journal) add(e entry) {
	j.mu.Lock()
	if e.event != nil {
		e.id = j.ids.Next(e.at)
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

// stop ends the tries to write what could not be written so far.
func (j *journal) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cancel != nil {
		j.cancel()
	}
}

// begins reports whether the next write begins the run. Such a write is tried once: the caller is still there to be told.
// All others are tried until they succeed, as long as the run's time lasts. It is called with mu held.
func (j *journal) begins() bool {
	if j.waiting[0].begin != nil {
		return true
	}
	if j.patience == nil {
		patience, cancel := context.WithDeadline(j.ctx, j.until)
		unhook := context.AfterFunc(j.service.writing, cancel)
		j.patience, j.cancel = patience, func() { unhook(); cancel() }
	}
	return false
}

func (j *journal) flush() {
	j.mu.Lock()
	idle := !j.writing && !j.held && len(j.waiting) > 0
	if !idle {
		j.mu.Unlock()
		return
	}
	j.writing = true
	ctx, write := j.ctx, j.service.Store.Go
	if !j.begins() {
		ctx, write = j.patience, j.service.Store.GoUntil
	}
	j.mu.Unlock()
	var batch []entry
	write(ctx, func(tx store.Tx) error {
		// The later a batch is closed the more is written at once. This may be called twice with the same batch.
		j.mu.Lock()
		if batch == nil {
			batch, j.waiting = j.waiting, nil
		} else {
			batch, j.waiting = append(batch, j.waiting...), nil
		}
		j.mu.Unlock()
		return j.apply(tx, batch)
	}, func(err error) {
		if err != nil && batch == nil { // it did not even begin
			j.mu.Lock()
			batch, j.waiting = j.waiting, nil
			j.mu.Unlock()
		}
		if err == nil && j.service.Events.Followed(j.runID) {
			j.service.Events.Publish(eventsOf(batch))
		}
		for _, e := range batch {
			if e.done != nil {
				e.done(err)
			}
		}
		j.mu.Lock()
		j.writing = false
		more := len(j.waiting) > 0
		j.mu.Unlock()
		if more {
			go j.flush() // the writer, which called this, may have a full queue in front of it
		}
	})
}

// apply writes a batch. A run that has begun and ended in it, and nothing else, is written once, as a whole: its events
// can be computed from it, unless somebody outside is to be told of them.
func (j *journal) apply(tx store.Tx, batch []entry) error {
	s, first, last := j.service, batch[0], batch[len(batch)-1]
	if last.end != nil && last.end.Rules != nil {
		return j.applyTreated(tx, batch)
	}
	whole := first.begin != nil && last.end != nil && len(batch) == 2 && first.write == nil && last.write == nil
	if whole && !s.Events.Wanted(j.about, createdOutline(first.begin), outline(first.begin), outline(last.end)) {
		return s.insert(tx, last.end, s.instance)
	}
	return j.applyAll(tx, batch)
}

// applyTreated is apply for the last batch of a run whose content is not kept as it is.
func (j *journal) applyTreated(tx store.Tx, batch []entry) error {
	s, last := j.service, batch[len(batch)-1].end
	if batch[0].begin != nil {
		last.Erased = "" // this may be called twice
		s.settleNew(last, eventsOf(batch))
		if err := j.applyAll(tx, batch); err != nil || last.Rules.Discarding() && last.Erased == "" {
			return err
		}
		return sealed.Drop(tx, j.runID) // of its nodes
	}
	wanted := s.Events.Wanted(j.about, eventsOf(batch)...)
	if err := j.applyAll(tx, batch); err != nil {
		return err
	}
	return s.settle(tx, last, wanted || s.Events.Wanted(j.about, eventsOf(batch)...))
}

// applyAll writes a batch with its events.
func (j *journal) applyAll(tx store.Tx, batch []entry) error {
	s, first, last := j.service, batch[0], batch[len(batch)-1]
	switch {
	case first.begin != nil && last.end != nil:
		if err := s.insert(tx, last.end, s.instance); err != nil {
			return err
		}
	case first.begin != nil:
		if err := s.insert(tx, first.begin, s.instance); err != nil {
			return err
		}
	case last.end == nil:
		if err := own(tx, j.runID, j.claim); err != nil {
			return err
		}
	}
	for _, e := range batch {
		if e.write == nil {
			continue
		}
		if err := e.write(tx); err != nil {
			return err
		}
	}
	if first.begin == nil && last.end != nil {
		if err := endRun(tx, last.end); err != nil {
			return err
		}
	}
	if first.begin != nil {
		return s.appendFirst(tx, first.begin, eventsOf(batch))
	}
	return s.Events.Append(tx, j.about, eventsOf(batch))
}

// appendFirst appends the first events of a run, and in front of them that it was created, where somebody wants to be told.
func (s *Service) appendFirst(tx store.Tx, r *Run, list []events.Event) error {
	if s.Events.Wanted(r.subject(), createdOutline(r)) {
		list = append([]events.Event{createdEvent(r)}, list...)
	}
	return s.Events.Append(tx, r.subject(), list)
}

// computed returns the events of a run that was written as a whole, with the ids that its journal gave them. Of a run
// that has not ended there are none to compute.
func (s *Service) computed(ctx context.Context, runID string) ([]events.Event, error) {
	run, err := s.Get(ctx, runID)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil || !run.Status.Ended() {
		return nil, err
	}
	begun := *run
	begun.Status, begun.Output, begun.Error, begun.By = Running, "", nil, agents.Answerer{}
	first := runEvent(events.FirstID(runID, run.CreatedAt), &begun, nodeCount{})
	last := runEvent(events.NewSequence(runID, first.ID).Next(run.CompletedAt), run, countNodes(run.Nodes))
	return []events.Event{first, last}, nil
}
