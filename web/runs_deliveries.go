package web

import (
	"context"
	"time"

	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/runs"
)

// afterRun is how long after a short run attempts at its deliveries still widen its timeline; after a longer one it is the run's own
// duration. Later ones, which may be a day later, stand at the right edge.
const afterRun = 5 * time.Second

// timeline is what a run's bars are drawn on: from its start to its end, or to now, and to the deliveries close behind that.
type timeline struct{ from, end, to time.Time }

func (w *Web) timelineOf(run *runs.Run) timeline {
	t := timeline{from: run.StartedAt, end: run.CompletedAt}
	if t.end.IsZero() {
		t.end = w.Now()
	}
	for _, n := range run.AllNodes() {
		if n.StartedAt.Before(t.from) { // in an attempt before this one
			t.from = n.StartedAt
		}
	}
	t.to = t.end
	return t
}

// widen makes room for what ends close behind the run.
func (t *timeline) widen(end time.Time) {
	if end.After(t.to) && end.Sub(t.end) <= max(t.end.Sub(t.from), afterRun) {
		t.to = end
	}
}

func (t timeline) whole() time.Duration { return t.to.Sub(t.from) }

func (t timeline) after(at time.Time) time.Duration { return max(at.Sub(t.from), 0) }

func (t timeline) place(at time.Time, took time.Duration) (l lane) {
	l.X, l.Width = barPosition(t.after(at), took, t.whole())
	return l
}

// deliveryBar is a delivery on the timeline, with its attempts.
type deliveryBar struct {
	deliveryRow
	Attempts []sentBar
}

// sentBar is an attempt at a delivery.
type sentBar struct {
	lane
	Number, StatusCode int
	Error              *problem.Failure
	After, Took        time.Duration // since the beginning of the run; of the exchange
}

// Last is the last attempt; nil before the first.
func (b deliveryBar) Last() *sentBar {
	if len(b.Attempts) == 0 {
		return nil
	}
	return &b.Attempts[len(b.Attempts)-1]
}

// deliveryBars puts deliveries on the timeline, which they may widen.
func (w *Web) deliveryBars(ctx context.Context, t *timeline, list []*deliveries.Delivery, rows []deliveryRow) ([]deliveryBar, error) {
	attempts, err := w.Backend.Deliveries.AttemptsOf(ctx, list)
	if err != nil {
		return nil, err
	}
	for _, of := range attempts {
		for _, a := range of {
			t.widen(a.StartedAt.Add(a.Duration))
		}
	}
	bars := make([]deliveryBar, len(list))
	for i, d := range list {
		bars[i].deliveryRow = rows[i]
		for _, a := range attempts[d.ID] {
			bars[i].Attempts = append(bars[i].Attempts, sentBar{
				t.place(a.StartedAt, a.Duration), a.Number, a.StatusCode, a.Error, t.after(a.StartedAt), a.Duration,
			})
		}
	}
	return bars, nil
}
