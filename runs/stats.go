package runs

import (
	"context"
	"slices"
	"sync"
	"time"

	"beckon/agents"
	"beckon/internal/spend"
	"beckon/internal/store"
)

// The bounds of statistics.
const (
	MaxStats     = 31 * 24 * time.Hour // how far back they reach
	lastFailures = 10
	// lateWrites is how long after its end an hour may still get runs: one is written a moment after it was made.
	lateWrites = 5 * time.Minute
)

// Tally counts runs.
type Tally struct {
	ByStatus map[Status]int64
	Tokens   int64
	Cost     spend.Cost    // of those whose models have a price
	P50, P95 time.Duration // of the completed ones, to two digits; 0 when there are none
}

// Count returns how many of the runs have one of the statuses.
func (t Tally) Count(statuses ...Status) (n int64) {
	for _, status := range statuses {
		n += t.ByStatus[status]
	}
	return n
}

// Runs is how many there are in all.
func (t Tally) Runs() int64 { return t.Count(Queued, Running, Waiting, Completed, Failed, Canceled) }

// SuccessRate returns the share of completed runs among those that completed or failed. Canceled runs do not count.
// ok is false if there are none.
func (t Tally) SuccessRate() (rate float64, ok bool) {
	ended := t.Count(Completed, Failed)
	if ended == 0 {
		return 0, false
	}
	return float64(t.Count(Completed)) / float64(ended), true
}

// Stats is what has become of the runs that were made since a time.
type Stats struct {
	Since    time.Time // the full hour
	Total    Tally
	Before   *Tally // of as many hours before; nil where they reach back too far
	Hours    []Hour // all of them, the oldest first
	Failures []FailedRun
}

// Hour counts the runs that were made in an hour.
type Hour struct {
	At time.Time
	Tally
}

// FailedRun is a run that failed lately.
type FailedRun struct {
	RunID, ClientID, WorkflowID string
	Error                       agents.Failure
	CreatedAt                   time.Time
}

// Statistics counts runs. What it has counted of hours in which nothing happens any more, it keeps; see RollUp.
type Statistics struct {
	storage storage
	now     func() time.Time

	loading sync.Mutex // guards loaded
	loaded  bool       // what was written down is in finalHours

	mu         sync.Mutex       // guards the rest
	finalHours map[int64]*count // by hour
	written    map[int64]bool   // those of finalHours that are on record
}

// NewStatistics returns the statistics of the runs in a store; now is the clock, nil the system's.
func NewStatistics(s *store.Store, now func() time.Time) *Statistics {
	if now == nil {
		now = time.Now
	}
	return &Statistics{storage: storage{s}, now: now, finalHours: map[int64]*count{}, written: map[int64]bool{}}
}

// Since counts the runs that were made since the beginning of an hour, MaxStats ago at most.
func (s *Statistics) Since(ctx context.Context, since time.Time) (*Stats, error) {
	now := s.now().UTC()
	first, last := hourOf(latest(since, now.Add(-MaxStats))), hourOf(now)
	from := first - (last - first + 1)
	isKnown := !timeOfHour(from).Before(now.Add(-MaxStats))
	if !isKnown {
		from = first
	}
	hours, err := s.count(ctx, from, last)
	if err != nil {
		return nil, err
	}
	stats := &Stats{Since: timeOfHour(first)}
	if isKnown {
		stats.Before = tallyOf(hours, from, first)
	}
	total := newCount()
	for h := first; h <= last; h++ {
		c := hours[h]
		if c == nil {
			c = newCount()
		}
		total.add(c)
		stats.Hours = append(stats.Hours, Hour{timeOfHour(h), c.tally()})
	}
	stats.Total = total.tally()
	stats.Failures, err = s.failures(ctx, stats.Since)
	return stats, err
}

// tallyOf counts the runs of the hours from one to before another.
func tallyOf(hours map[int64]*count, from, to int64) *Tally {
	total := newCount()
	for h := from; h < to; h++ {
		if hours[h] != nil {
			total.add(hours[h])
		}
	}
	t := total.tally()
	return &t
}

// count returns the counts of hours, the last included. It asks the database for those that are not final yet.
func (s *Statistics) count(ctx context.Context, first, last int64) (map[int64]*count, error) {
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	hours := map[int64]*count{}
	for _, open := range s.openHours(first, last, hours) {
		err := s.storage.countByHour(ctx, open.first, open.last, func(c runCount) {
			if hours[c.hour] == nil {
				hours[c.hour] = newCount()
			}
			hours[c.hour].note(c)
		})
		if err != nil {
			return nil, err
		}
		s.keep(hours, open)
	}
	return hours, nil
}

// hourRange are hours, the last included.
type hourRange struct{ first, last int64 }

// openHours adds the counts of the hours that are final to final, and returns the others.
func (s *Statistics) openHours(first, last int64, final map[int64]*count) (open []hourRange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := first; h <= last; h++ {
		switch c := s.finalHours[h]; {
		case c != nil:
			final[h] = c
		case len(open) > 0 && open[len(open)-1].last == h-1:
			open[len(open)-1].last = h
		default:
			open = append(open, hourRange{h, h})
		}
	}
	return open
}

// keep remembers the hours that are over and whose runs have all ended, and forgets those that nobody can ask for.
func (s *Statistics) keep(hours map[int64]*count, counted hourRange) {
	oldest, over := hourOf(s.now().Add(-MaxStats)), hourOf(s.now().Add(-lateWrites))
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := counted.first; h <= min(counted.last, over-1); h++ {
		c := hours[h]
		if c == nil {
			c = newCount()
		}
		if c.byStatus[Queued]+c.byStatus[Running]+c.byStatus[Waiting] == 0 {
			s.finalHours[h] = c
		}
	}
	for h := range s.finalHours {
		if h < oldest {
			delete(s.finalHours, h)
			delete(s.written, h)
		}
	}
}

func (s *Statistics) failures(ctx context.Context, since time.Time) ([]FailedRun, error) {
	rows, err := s.storage.lastFailed(ctx, lastFailures)
	if err != nil {
		return nil, err
	}
	var list []FailedRun
	for _, w := range rows {
		if at := time.UnixMilli(w.CreatedAt).UTC(); !at.Before(since) {
			list = append(list, FailedRun{
				w.ID, w.ClientID, w.WorkflowID,
				agents.Failure{Code: deref(w.ErrorCode), Message: deref(w.ErrorMessage)}, at,
			})
		}
	}
	return list, nil
}

// count is what is known of some runs. It is not changed once others see it.
type count struct {
	byStatus map[Status]int64
	tokens   int64
	cost     spend.Cost
	latency  map[int64]int64 // how many completed runs took so many milliseconds
}

func newCount() *count { return &count{byStatus: map[Status]int64{}, latency: map[int64]int64{}} }

func (c *count) note(of runCount) {
	status := Status(of.status)
	c.byStatus[status] += of.n
	c.tokens += of.tokens
	c.cost = c.cost.Plus(spend.CostOf((*spend.Amount)(of.cost)))
	if status == Completed && of.latency != nil {
		c.latency[max(*of.latency, 0)] += of.n
	}
}

func (c *count) add(other *count) {
	for status, n := range other.byStatus {
		c.byStatus[status] += n
	}
	for latency, n := range other.latency {
		c.latency[latency] += n
	}
	c.tokens += other.tokens
	c.cost = c.cost.Plus(other.cost)
}

func (c *count) tally() Tally {
	return Tally{ByStatus: c.byStatus, Tokens: c.tokens, Cost: c.cost, P50: c.percentile(50), P95: c.percentile(95)}
}

// percentile is the nearest rank.
func (c *count) percentile(percent int64) time.Duration {
	var all int64
	steps := make([]int64, 0, len(c.latency))
	for latency, n := range c.latency {
		all += n
		steps = append(steps, latency)
	}
	slices.Sort(steps)
	rank := (all*percent + 99) / 100
	for _, latency := range steps {
		if rank -= c.latency[latency]; rank <= 0 {
			return time.Duration(latency) * time.Millisecond
		}
	}
	return 0
}

func hourOf(t time.Time) int64 { return t.UnixMilli() / time.Hour.Milliseconds() }

func timeOfHour(hour int64) time.Time { return time.UnixMilli(hour * time.Hour.Milliseconds()).UTC() }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
