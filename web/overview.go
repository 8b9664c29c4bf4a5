package web

import (
	"fmt"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
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
	Spans      []span
	Span       span
	Broken     []broken
	MoreBroken int64  // that are not listed
	Rate       string // of success
	Turned     string // how many calls were turned away
	Charts     []chart
	Rows       []Hour // newest first, without those that had no runs
}

func (w *Web) overviewPage() page {
	return page{path: homePath, template: "overview", title: "Overview", data: w.showOverview}
}

func (w *Web) showOverview(c echo.Context) (any, error) {
	spans, chosen := chooseSpan(c.QueryParam("span"))
	now := w.Now().UTC()
	since := now.Add(-chosen.back).Truncate(time.Hour)
	stats, err := w.Numbers.Stats(c.Request().Context(), since)
	if err != nil {
		return nil, fmt.Errorf("count for the overview: %w", err)
	}
	o := newOverview(stats, spans, chosen, since, now)
	if o.Broken, err = w.notInForce(c.Request().Context()); err != nil {
		return nil, err
	}
	o.MoreBroken = int64(max(len(o.Broken)-mostBroken, 0))
	o.Broken = o.Broken[:min(len(o.Broken), mostBroken)]
	return o, nil
}

func newOverview(stats Stats, spans []span, chosen span, since, now time.Time) overview {
	o := overview{Stats: stats, Spans: spans, Span: chosen, Rate: "–", Charts: charts(everyHour(stats.Hours, since, now))}
	if rate, ok := stats.Total.SuccessRate(); ok {
		o.Rate = percent(rate)
	}
	if o.Turned = number(stats.Refused); stats.RefusedMore {
		o.Turned += " or more"
	}
	o.P50, o.P95 = ofCompleted(stats.Total, stats.P50), ofCompleted(stats.Total, stats.P95)
	for _, h := range slices.Backward(stats.Hours) {
		h.P50, h.P95 = ofCompleted(h.Count, h.P50), ofCompleted(h.Count, h.P95)
		o.Rows = append(o.Rows, h)
	}
	return o
}

// ofCompleted is how long completed runs took; where there are none, nobody knows.
func ofCompleted(c Count, took time.Duration) time.Duration {
	if c.Completed == 0 {
		return unknown
	}
	return took
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

// everyHour puts in the hours that had no runs.
func everyHour(hours []Hour, since, now time.Time) []Hour {
	var all []Hour
	for at := since; !at.After(now); at = at.Add(time.Hour) {
		hour := Hour{Start: at}
		if len(hours) > 0 && !hours[0].Start.After(at) {
			hour, hours = hours[0], hours[1:]
		}
		all = append(all, hour)
	}
	return all
}
