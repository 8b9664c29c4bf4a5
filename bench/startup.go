package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"beckon/bench/report"
)

// What a start may take, in milliseconds to the first 200 of /readyz.
const (
	maxReadyFresh = 300 // all tables are made
	maxReady      = 150
)

// startup measures how soon a gateway is ready: with an empty folder, and with used, where many runs are on record.
func startup(ctx context.Context, l *lab, used string) (report.Section, error) {
	found := report.Section{
		Title:  "From start to ready",
		Text:   fmt.Sprintf("From the start of the process to the first 200 of `/readyz`; the median of %d starts.", l.starts),
		Header: []string{"data", "ready after", "slowest"},
	}
	fresh, err := l.starting(ctx, func(i int) string { return filepath.Join(l.folder, fmt.Sprintf("fresh-%d", i)) })
	if err != nil {
		return found, err
	}
	add(&found, "a fresh folder", fresh, maxReadyFresh)
	if _, err := os.Stat(used); err != nil {
		return found, nil // the section that fills it was not asked for
	}
	full, err := l.starting(ctx, func(int) string { return used })
	if err != nil {
		return found, err
	}
	add(&found, report.Thousands(float64(l.calls))+" runs", full, maxReady)
	return found, nil
}

func add(to *report.Section, data string, times []float64, most float64) {
	to.Rows = append(to.Rows, []string{data, report.Milliseconds(report.Median(times)), report.Milliseconds(slices.Max(times))})
	to.Verdicts = append(to.Verdicts, report.AtMost("ready, "+data, report.Median(times), most, report.Milliseconds))
}

// starting starts and stops gateways one after another, and returns how many milliseconds each took to be ready.
func (l *lab) starting(ctx context.Context, folder func(int) string) ([]float64, error) {
	var times []float64
	for i := range l.starts {
		g, err := l.startGateway(ctx, folder(i))
		if err != nil {
			return nil, err
		}
		times = append(times, milliseconds(g.ready))
		if err := g.Stop(); err != nil {
			return nil, err
		}
	}
	return times, nil
}
