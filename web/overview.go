package web

import (
	"context"
	"fmt"
	"math"
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
	hoursOfBar int // how many hours a bar of its charts has
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
	RunBars        barChart
	TokenBars      barChart
	Durations      lineChart
	Changes        changes
	Attention      []attention
	Latest         []runRow
	Setup          setup
	Rows           []runs.Hour // newest first, without those that had no runs
}

// maxFailures is how many of the newest failures are listed.
const maxFailures = 5

// changes say in words how the figures have changed since as many hours before; empty where nobody knows.
type changes struct{ Runs, Rate, P95, Tokens string }

func (w *Web) overviewPage() page {
	posts := map[string]echo.HandlerFunc{homePath + "/setup/dismiss": w.dismissSetup}
	return page{path: homePath, template: "overview", title: "Overview", data: w.showOverview, posts: posts}
}

func (w *Web) showOverview(c echo.Context) (any, error) {
	ctx := c.Request().Context()
	spans, chosen := chooseSpan(c.QueryParam("span"))
	stats, err := w.Statistics.Stats(ctx, chosen.since(w.Now()))
	if err != nil {
		return nil, fmt.Errorf("count for the overview: %w", err)
	}
	o := newOverview(stats, spans, chosen)
	if o.NotInForce, err = w.notInForce(ctx); err != nil {
		return nil, err
	}
	o.MoreNotInForce = int64(max(len(o.NotInForce)-maxNotInForce, 0))
	o.NotInForce = o.NotInForce[:min(len(o.NotInForce), maxNotInForce)]
	o.Attention = needsAttention(o)
	if o.Setup, err = w.setupOf(ctx); err != nil {
		return nil, err
	}
	if cookie, err := c.Cookie(setupCookie); err == nil {
		o.Setup.Dismissed = cookie.Value != ""
	}
	o.Latest, err = w.latestRuns(ctx)
	return o, err
}

// latestRuns are the newest runs of all.
func (w *Web) latestRuns(ctx context.Context) (rows []runRow, err error) {
	if w.Backend.Runs == nil {
		return nil, nil
	}
	list, _, err := w.Backend.Runs.List(ctx, runs.Query{Limit: maxShown, Brief: true})
	for _, r := range list {
		rows = append(rows, w.newRunRow(r))
	}
	return rows, err
}

func newOverview(stats Stats, spans []span, chosen span) overview {
	bars := bucketsOf(stats.Hours, chosen.hoursOfBar)
	o := overview{Stats: stats, Spans: spans, Span: chosen, Open: stats.Total.Count(runs.Queued, runs.Running, runs.Waiting), Rate: "–",
		RunBars: runBars(bars), TokenBars: tokenBars(bars), Durations: durationLines(stats.Hours)}
	if rate, ok := stats.Total.SuccessRate(); ok {
		o.Rate = percent(rate)
	}
	if o.RefusedText = number(stats.Refused); stats.RefusedMore {
		o.RefusedText += "+"
	}
	o.P50, o.P95 = latency(stats.Total)
	o.Failures = o.Failures[:min(len(o.Failures), maxFailures)]
	o.Changes = changesOf(stats.Total, stats.Before)
	for _, h := range slices.Backward(stats.Hours) {
		if h.Runs() > 0 {
			h.P50, h.P95 = latency(h.Tally)
			o.Rows = append(o.Rows, h)
		}
	}
	return o
}

// changesOf compares the figures of a time with those of the time before it.
func changesOf(now runs.Tally, before *runs.Tally) (c changes) {
	if before == nil || before.Runs() == 0 {
		return c
	}
	c.Runs, c.Tokens = changeOf(now.Runs(), before.Runs()), changeOf(now.Tokens, before.Tokens)
	rate, ok := now.SuccessRate()
	if past, known := before.SuccessRate(); ok && known {
		points := (rate - past) * 100
		switch {
		case points >= 0.05:
			c.Rate = fmt.Sprintf("%.1f points higher", points)
		case points <= -0.05:
			c.Rate = fmt.Sprintf("%.1f points lower", -points)
		}
	}
	if now.P95 > 0 && before.P95 > 0 {
		switch d := now.P95 - before.P95; {
		case d >= 100*time.Millisecond:
			c.P95 = duration(d) + " slower"
		case d <= -100*time.Millisecond:
			c.P95 = duration(-d) + " faster"
		}
	}
	return c
}

// changeOf says by how much a number has changed.
func changeOf(now, before int64) string {
	if before == 0 || now == before {
		return ""
	}
	change := math.Round(float64(now-before) / float64(before) * 100)
	switch {
	case change > 999:
		return "over 10 times more"
	case change >= 1:
		return fmt.Sprintf("%.0f%% more", change)
	case change <= -1:
		return fmt.Sprintf("%.0f%% less", -change)
	}
	return ""
}

// latency is how long the completed runs took; unknown where there are none.
func latency(t runs.Tally) (p50, p95 time.Duration) {
	if t.Count(runs.Completed) == 0 {
		return unknown, unknown
	}
	return t.P50, t.P95
}

// since is where the span begins: at a full hour.
func (s span) since(now time.Time) time.Time { return now.UTC().Add(-s.back).Truncate(time.Hour) }

// spanOf is the span with a key.
func spanOf(key string) span {
	_, chosen := chooseSpan(key)
	return chosen
}

// chooseSpan is the one that an address asks for, or a day.
func chooseSpan(key string) (spans []span, chosen span) {
	spans = []span{
		{Key: "24h", Title: "24 hours", back: 24 * time.Hour, hoursOfBar: 1},
		{Key: "7d", Title: "7 days", back: 7 * 24 * time.Hour, hoursOfBar: 6},
		{Key: "30d", Title: "30 days", back: 30 * 24 * time.Hour, hoursOfBar: 24},
	}
	i := max(0, slices.IndexFunc(spans, func(s span) bool { return s.Key == key }))
	spans[i].Current = true
	return spans, spans[i]
}
