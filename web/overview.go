package web

import (
	"fmt"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/runs"
)

// span is how far back the overview looks.
type span struct {
	Key, Title string
	Current    bool
	back       time.Duration
}

// overview is what its template shows.
type overview struct {
	Stats
	Spans          []span
	Span           span
	NotInForce     []notInForceRow
	MoreNotInForce int64 // that are not listed
	Open           int64
	Rate           string // of success
	RefusedText    string // how many calls were refused
	P50, P95       time.Duration
	Charts         []chart
	Rows           []runs.Hour // newest first, without those that had no runs
}

func (w *Web) overviewPage() page {
	return page{path: homePath, template: "overview", title: "Overview", data: w.showOverview}
}

func (w *Web) showOverview(c echo.Context) (any, error) {
	spans, chosen := chooseSpan(c.QueryParam("span"))
	stats, err := w.Statistics.Stats(c.Request().Context(), w.Now().UTC().Add(-chosen.back).Truncate(time.Hour))
	if err != nil {
		return nil, fmt.Errorf("count for the overview: %w", err)
	}
	o := newOverview(stats, spans, chosen)
	if o.NotInForce, err = w.notInForce(c.Request().Context()); err != nil {
		return nil, err
	}
	o.MoreNotInForce = int64(max(len(o.NotInForce)-maxNotInForce, 0))
	o.NotInForce = o.NotInForce[:min(len(o.NotInForce), maxNotInForce)]
	return o, nil
}

func newOverview(stats Stats, spans []span, chosen span) overview {
	o := overview{Stats: stats, Spans: spans, Span: chosen, Open: stats.Total.Count(runs.Queued, runs.Running, runs.Waiting), Rate: "–", Charts: charts(stats.Hours)}
	if rate, ok := stats.Total.SuccessRate(); ok {
		o.Rate = percent(rate)
	}
	if o.RefusedText = number(stats.Refused); stats.RefusedMore {
		o.RefusedText += " or more"
	}
	o.P50, o.P95 = latency(stats.Total)
	for _, h := range slices.Backward(stats.Hours) {
		if h.Runs() > 0 {
			h.P50, h.P95 = latency(h.Tally)
			o.Rows = append(o.Rows, h)
		}
	}
	return o
}

// latency is how long the completed runs took; unknown where there are none.
func latency(t runs.Tally) (p50, p95 time.Duration) {
	if t.Count(runs.Completed) == 0 {
		return unknown, unknown
	}
	return t.P50, t.P95
}

// chooseSpan is the one that an address asks for, or a day.
func chooseSpan(key string) (spans []span, chosen span) {
	spans = []span{
		{Key: "24h", Title: "24 hours", back: 24 * time.Hour},
		{Key: "7d", Title: "7 days", back: 7 * 24 * time.Hour},
		{Key: "30d", Title: "30 days", back: 30 * 24 * time.Hour},
	}
	i := max(0, slices.IndexFunc(spans, func(s span) bool { return s.Key == key }))
	spans[i].Current = true
	return spans, spans[i]
}
