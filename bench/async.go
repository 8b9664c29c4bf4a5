package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"beckon/bench/load"
	"beckon/bench/report"
)

const (
	asyncRate       = 1000 // runs a second
	asyncFor        = 20 * time.Second
	asyncDraining   = time.Minute      // how long the queue may take to get empty
	minAsync        = 0.99 * asyncRate // what a pace of 1,000 a second comes to, with the last one under way
	maxStartP50     = 60               // ms from accepted to started
	idleRuns        = 40
	maxIdlePickUp   = 100 // ms, p95
	pauseBetween    = 50 * time.Millisecond
	asyncConnection = 64
)

// async accepts runs at a steady pace, and works them off meanwhile.
func async(ctx context.Context, l *lab) (found report.Section, err error) {
	g, err := l.startGateway(ctx, filepath.Join(l.folder, "async"))
	if err != nil {
		return found, err
	}
	idle, err := g.pickUps(ctx)
	if err != nil {
		return found, errors.Join(err, g.Stop())
	}
	begun := time.Now().UnixMilli()
	target := g.target
	target.Async = true
	var result load.Result
	peak, err := g.PeakDuring(ctx, func(ctx context.Context) (err error) {
		if result, err = l.generator.Send(ctx, target, asyncConnection, load.Amount{For: asyncFor, Rate: asyncRate}); err != nil {
			return g.Failure(err)
		}
		g.answered += result.Requests
		return g.settled(ctx, asyncDraining)
	})
	if err != nil {
		return found, errors.Join(err, g.Stop())
	}
	times, err := timesOf(ctx, g.database, begun)
	if err != nil {
		return found, errors.Join(err, g.Stop())
	}
	return asyncSection(times, idle, float64(peak)), g.finish(ctx)
}

func asyncSection(runs, idle []runTimes, peak float64) report.Section {
	first, lastAccepted, lastEnded := runs[0].created, runs[0].created, int64(0)
	for _, r := range runs {
		lastAccepted, lastEnded = max(lastAccepted, r.created), max(lastEnded, r.completed)
	}
	perSecond := func(until int64) float64 { return float64(len(runs)) / (float64(until-first) / 1000) }
	accepted, ended := perSecond(lastAccepted), perSecond(lastEnded)
	p50, p95, idleP95 := percentile(runs, 50), percentile(runs, 95), percentile(idle, 95)
	return report.Section{
		Title: "Runs in the queue",
		Text: fmt.Sprintf("Calls with `Prefer: respond-async` at a pace of %s a second for %s, on %d connections, "+
			"against a model that answers at\n"+
			"once. Each is answered when its run is on disk; all of them have to be completed in the end. "+
			"Then %d runs one after the other, on\n"+
			"a gateway that has nothing else to do.", report.Thousands(asyncRate), asyncFor, asyncConnection, idleRuns),
		Header: []string{"what", "measured"},
		Rows: [][]string{
			{"accepted", report.Thousands(accepted) + "/s"},
			{"worked off, from the first accepted to the last completed", report.Thousands(ended) + "/s"},
			{"accepted to started, p50", report.Milliseconds(p50)},
			{"accepted to started, p95", report.Milliseconds(p95)},
			{"queue empty after the last was accepted", report.Milliseconds(float64(lastEnded - lastAccepted))},
			{"idle: accepted to started, p50", report.Milliseconds(percentile(idle, 50))},
			{"idle: accepted to started, p95", report.Milliseconds(idleP95)},
			{"memory at its highest", report.Megabytes(peak)},
		},
		Verdicts: []report.Verdict{
			report.AtLeast("accepted and worked off a second", min(accepted, ended), minAsync, report.Thousands),
			report.AtMost("accepted to started, p50", p50, maxStartP50, report.Milliseconds),
			report.AtMost("idle: accepted to started, p95", idleP95, maxIdlePickUp, report.Milliseconds),
		},
	}
}

// percentile is of the milliseconds from accepted to started.
func percentile(runs []runTimes, percent int) float64 {
	waits := make([]int64, len(runs))
	for i, r := range runs {
		waits[i] = r.started - r.created
	}
	slices.Sort(waits)
	return float64(waits[min(len(waits)*percent/100, len(waits)-1)])
}

// pickUps makes runs one after the other, and returns their times.
func (g *gateway) pickUps(ctx context.Context) ([]runTimes, error) {
	begun := time.Now().UnixMilli()
	for range idleRuns {
		if _, err := g.enqueue(ctx, g.target.URL, g.target.Body); err != nil {
			return nil, err
		}
		g.answered++
		select {
		case <-time.After(pauseBetween):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := g.settled(ctx, asyncDraining); err != nil {
		return nil, err
	}
	return timesOf(ctx, g.database, begun)
}

// enqueue makes one call that is answered at once, and returns the run's id.
func (g *gateway) enqueue(ctx context.Context, url, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+g.target.Token)
	request.Header.Set("Prefer", "respond-async")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusAccepted {
		return "", errors.Join(err, fmt.Errorf("a run was answered with %s: %s", response.Status, answer))
	}
	return response.Header.Get("Beckon-Run-Id"), nil
}

// settled waits until no run waits or runs.
func (g *gateway) settled(ctx context.Context, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		counts, err := countRuns(ctx, g.database)
		if err != nil {
			return err
		}
		open := counts["QUEUED"] + counts["RUNNING"]
		if open == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return g.Failure(fmt.Errorf("%d runs have not ended after %s: %v", open, patience, counts))
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
