package runs

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"beckon/internal/spend"
	"beckon/internal/work"
)

const (
	rollUpEvery = 10 * time.Minute
	// rollUpAfter is how long an hour has to be over before its counts are written down.
	rollUpAfter = time.Hour
	// rollUpStep is how many hours are counted and written down at once.
	rollUpStep = 24
)

// hourCounts is the JSON of run_hours.counts.
type hourCounts struct {
	ByStatus map[Status]int64 `json:"byStatus,omitempty"`
	Tokens   int64            `json:"tokens,omitempty"`
	Cost     *int64           `json:"cost,omitempty"`    // as in runs.cost; null where no run had a price
	Latency  map[int64]int64  `json:"latency,omitempty"` // how many completed runs took so many milliseconds
}

// RollUp counts the runs of the hours that are over, and writes down the counts of those whose runs have all ended. So the
// statistics of a month need not be counted again after each start, and they cover MaxStats where old runs are deleted earlier.
func (s *Statistics) RollUp(ctx context.Context) error {
	now := s.now().UTC()
	oldest, over := hourOf(now.Add(-MaxStats)), hourOf(now.Add(-rollUpAfter))
	for from := oldest; from < over; from += rollUpStep {
		began := time.Now()
		before := min(from+rollUpStep, over)
		if _, err := s.count(ctx, from, before-1); err != nil {
			return err
		}
		counted, err := s.unwritten(from, before)
		if err != nil {
			return err
		}
		if len(counted) == 0 {
			continue
		}
		if err := s.storage.writeHours(ctx, counted); err != nil {
			return err
		}
		s.noteWritten(counted)
		if err := work.Rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	return s.storage.deleteHours(ctx, oldest)
}

// unwritten returns the rows of the hours, from one to before another, whose counts are final and not written down.
func (s *Statistics) unwritten(from, before int64) (rows []hourRow, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := from; h < before; h++ {
		c := s.finalHours[h]
		if c == nil || s.written[h] {
			continue
		}
		text, err := json.Marshal(hourCounts{c.byStatus, c.tokens, (*int64)(c.cost.OrNil()), c.latency})
		if err != nil {
			return nil, err
		}
		rows = append(rows, hourRow{h, string(text)})
	}
	return rows, nil
}

func (s *Statistics) noteWritten(rows []hourRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.written[r.Hour] = true
	}
}

// load reads what was written down before the start, once. A row that cannot be read is counted again.
func (s *Statistics) load(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	if s.loaded {
		return nil
	}
	rows, err := s.storage.writtenHours(ctx, hourOf(s.now().Add(-MaxStats)))
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r hourRow) bool {
		var counts hourCounts
		if json.Unmarshal([]byte(r.Counts), &counts) != nil {
			return true
		}
		c := newCount()
		maps.Copy(c.byStatus, counts.ByStatus)
		maps.Copy(c.latency, counts.Latency)
		c.tokens, c.cost = counts.Tokens, spend.CostOf((*spend.Amount)(counts.Cost))
		s.mu.Lock()
		s.finalHours[r.Hour] = c
		s.mu.Unlock()
		return false
	})
	s.noteWritten(rows)
	s.loaded = true
	return nil
}
