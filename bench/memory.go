package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"beckon/bench/load"
	"beckon/bench/report"
)

const (
	maxMemory = 60e6 // bytes, after all calls
	maxGrowth = 1e6  // bytes in the second half of the calls: what looking at it varies by, and 20 bytes a call at most
	legs      = 10   // parts of the calls; the memory of each is its highest
)

// memory makes many calls on a gateway whose data are in folder, and leaves its data there.
func memory(ctx context.Context, l *lab, folder string) (found report.Section, err error) {
	g, err := l.startGateway(ctx, folder)
	if err != nil {
		return found, err
	}
	before, err := g.Memory()
	if err != nil {
		return found, errors.Join(err, g.Stop())
	}
	var peaks []float64
	for leg := range legs {
		peak, err := g.PeakDuring(ctx, func(ctx context.Context) error {
			_, err := l.send(ctx, g.server, judgedAt, load.Amount{Requests: l.calls / legs})
			return err
		})
		if err != nil {
			return found, errors.Join(err, g.Stop())
		}
		peaks = append(peaks, float64(peak))
		note("%s calls: %s", report.Thousands(float64(l.calls/legs*(leg+1))), report.Megabytes(float64(peak)))
	}
	return growth(float64(before), peaks, l.calls), g.finish(ctx)
}

// growth reports the memory before the first call, and the highest of each leg of calls.
func growth(before float64, peaks []float64, calls int) report.Section {
	half, all := report.Thousands(float64(calls/2)), report.Thousands(float64(calls))
	middle, last := peaks[len(peaks)/2-1], peaks[len(peaks)-1]
	return report.Section{
		Title: "Memory",
		Text: fmt.Sprintf("The gateway's resident memory over %s calls on %d connections. "+
			"It is looked at 20 times a second; from the first\n"+
			"call on, the figure is the highest of the last %s calls.", all, judgedAt, report.Thousands(float64(calls/len(peaks)))),
		Header: []string{"moment", "memory"},
		Rows: [][]string{
			{"before the first call", report.Megabytes(before)},
			{"at its highest", report.Megabytes(slices.Max(peaks))},
			{"after " + half + " calls", report.Megabytes(middle)},
			{"after " + all + " calls", report.Megabytes(last)},
		},
		Verdicts: []report.Verdict{
			report.AtMost("memory after "+all+" calls", last, maxMemory, report.Megabytes),
			report.AtMost("growth from "+half+" to "+all+" calls", last-middle, maxGrowth, report.Megabytes),
		},
	}
}
