package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"beckon/bench/load"
	"beckon/bench/report"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

const (
	restFor         = 20 * time.Second
	settleFor       = 8 * time.Second // the gateway gives back what its start needed, and has looked at everything once
	maxGrowthOfCall = 1.1             // times the processor time of a call with few runs on record
	maxRest         = 0.01            // of a processor
	maxReadyGrown   = 150             // ms, with a million runs
	maxGrowthOfPage = 1.1             // times the page's p50 with few runs on record
	maxListGrown    = 60              // ms, the p95 of each list
	million         = 1_000_000
	// retentionPatience is longer than the minute after which a gateway deletes old runs.
	retentionPatience = 3 * time.Minute

	retained = "retention: {runs: 24h}\n"
)

// grown is what was measured with a number of runs on record.
type grown struct {
	runs     int
	file     int64
	ready    float64 // ms
	perCall  float64 // microseconds
	p50, p99 float64 // ms, of calls
	rest     float64 // of a processor
	pages    map[string][]float64
}

// growing measures gateways with more and more runs on record. It is not among the sections of make bench: to fill the files
// takes long.
func growing(ctx context.Context, l *lab) (found report.Section, err error) {
	found = report.Section{
		Title: "With many runs on record",
		Text: fmt.Sprintf("A month of runs that have ended, for each two events, a node and an audit entry, "+
			"for ten of them three deliveries. Calls are made on %d\n"+
			"connections; at rest the gateway has nothing to do for %s. Lists are all pages of lists and their filters.",
			judgedAt, restFor),
		Header: []string{
			"runs", "file", "ready after", "processor time a call", "p50", "p99", "at rest", "lists, p50", "slowest list, p95",
		},
	}
	var all []grown
	for _, runs := range l.growth {
		note("%s runs: filling", report.Thousands(float64(runs)))
		g, err := l.measureGrown(ctx, runs)
		if err != nil {
			return found, fmt.Errorf("%d runs: %w", runs, err)
		}
		all = append(all, g)
		found.Rows = append(found.Rows, g.row())
		note("%v", g.row())
	}
	found.Verdicts = judgeGrowth(all)
	kept, err := l.retainGrown(ctx, l.growth[min(1, len(l.growth)-1)])
	if err != nil {
		return found, err
	}
	found.Text += "\n" + kept
	return found, nil
}

func (g grown) row() []string {
	var middle []float64
	for _, times := range g.pages {
		middle = append(middle, report.Median(times))
	}
	path, slowest := g.slowest()
	return []string{
		report.Thousands(float64(g.runs)), report.Megabytes(float64(g.file)), report.Milliseconds(g.ready), microseconds(g.perCall),
		report.Milliseconds(g.p50), report.Milliseconds(g.p99), report.Percent(g.rest), report.Milliseconds(report.Median(middle)),
		report.Milliseconds(slowest) + " `" + path + "`",
	}
}

// slowest returns the list that takes longest, and its p95 in ms.
func (g grown) slowest() (path string, p95 float64) {
	for at, times := range g.pages {
		if t := times[len(times)*95/100]; t > p95 {
			path, p95 = at, t
		}
	}
	return path, p95
}

func judgeGrowth(all []grown) (verdicts []report.Verdict) {
	few := all[0]
	for _, g := range all[1:] {
		with := report.Thousands(float64(g.runs)) + " runs"
		var pages []float64
		for path, times := range g.pages {
			pages = append(pages, report.Median(times)/report.Median(few.pages[path]))
		}
		verdicts = append(verdicts,
			report.AtMost("processor time of a call with "+with, g.perCall/few.perCall, maxGrowthOfCall, report.Times),
			report.AtMost("lists with "+with+", the median of all", report.Median(pages), maxGrowthOfPage, report.Times),
			report.AtMost("at rest with "+with+", of a processor", g.rest, maxRest, report.Percent))
		_, slowest := g.slowest()
		verdicts = append(verdicts, report.AtMost("the slowest list with "+with+", p95", slowest, maxListGrown, report.Milliseconds))
		if g.runs <= million {
			verdicts = append(verdicts, report.AtMost("ready with "+with, g.ready, maxReadyGrown, report.Milliseconds))
		}
	}
	return verdicts
}

// grownFolder has the data of a gateway with so many runs, which are put on record when the folder is not there.
func (l *lab) grownFolder(ctx context.Context, number int) (string, error) {
	folder := filepath.Join(l.folder, fmt.Sprintf("grown-%d", number))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(folder, "beckon.db"), store.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	err = storetest.FillEnded(ctx, s, number)
	if err == nil {
		err = runs.NewStatistics(s, nil).RollUp(ctx) // as a gateway does by the hour
	}
	return folder, errors.Join(err, s.Close())
}

func (l *lab) measureGrown(ctx context.Context, runs int) (g grown, err error) {
	folder, err := l.grownFolder(ctx, runs)
	if err != nil {
		return g, err
	}
	var starts []float64
	for range l.starts {
		gateway, err := l.startGatewayWith(ctx, folder, l.stub, withPassword)
		if err != nil {
			return g, err
		}
		starts = append(starts, milliseconds(gateway.ready))
		if err := gateway.Stop(); err != nil {
			return g, err
		}
	}
	file, err := os.Stat(filepath.Join(folder, "beckon.db"))
	if err != nil {
		return g, err
	}
	g = grown{runs: runs, file: file.Size(), ready: report.Median(starts), pages: map[string][]float64{}}
	gateway, err := l.startGatewayWith(ctx, folder, l.stub, withPassword)
	if err != nil {
		return g, err
	}
	if err := l.measureGrownGateway(ctx, gateway, &g); err != nil {
		return g, errors.Join(gateway.Failure(err), gateway.Stop())
	}
	return g, gateway.Stop()
}

func (l *lab) measureGrownGateway(ctx context.Context, gateway *gateway, g *grown) error {
	if err := pause(ctx, settleFor); err != nil {
		return err
	}
	before, err := gateway.CPU()
	if err != nil {
		return err
	}
	if err := pause(ctx, restFor); err != nil {
		return err
	}
	after, err := gateway.CPU()
	if err != nil {
		return err
	}
	g.rest = float64(after-before) / float64(restFor)

	calls := cpuCase{connections: judgedAt, server: gateway.server}
	var p50s, p99s []float64
	for range l.rounds {
		result, err := l.measureCPU(ctx, &calls)
		if err != nil {
			return err
		}
		p50s, p99s = append(p50s, milliseconds(result.P50)), append(p99s, milliseconds(result.P99))
	}
	g.perCall, g.p50, g.p99 = report.Median(calls.perCall), report.Median(p50s), report.Median(p99s)

	b, err := openBrowser(ctx, "http://"+gateway.address)
	if err != nil {
		return err
	}
	for _, path := range listPages {
		for range looks {
			_, took, _, err := b.look(ctx, path)
			if err != nil {
				return err
			}
			g.pages[path] = append(g.pages[path], milliseconds(took))
		}
		slices.Sort(g.pages[path])
	}
	return nil
}

// listPages are the pages with lists, and their filters.
var listPages = []string{
	"/admin", "/admin?span=7d", "/admin/runs", "/admin/runs?status=FAILED", "/admin/runs?client=" + storetest.Client,
	"/admin/runs?status=COMPLETED&client=" + storetest.Client, "/admin/runs?agent=" + storetest.Agent,
	"/admin/runs?agent=" + storetest.IdleAgent,
	"/admin/runs?client=" + storetest.IdleClient, "/admin/runs?status=COMPLETED&agent=" + storetest.BrokenAgent, "/admin/runs?q=no%3Dsuch",
	"/admin/deliveries", "/admin/deliveries?status=FAILED", "/admin/deliveries?endpoint=" + storetest.Endpoint,
	"/admin/deliveries?endpoint=" + storetest.IdleTarget, "/admin/deliveries?status=PENDING", "/admin/audit",
	"/admin/refused", "/admin/clients/bench",
}

// retainGrown makes calls while retention deletes nearly all runs on record, and says how that went.
func (l *lab) retainGrown(ctx context.Context, runs int) (string, error) {
	folder, err := l.grownFolder(ctx, runs)
	if err != nil {
		return "", err
	}
	database := filepath.Join(folder, "beckon.db")
	before, err := countAll(ctx, database)
	if err != nil {
		return "", err
	}
	gateway, err := l.startGatewayWith(ctx, folder, l.stub, retained)
	if err != nil {
		return "", err
	}
	if err := awaitRetention(ctx, database, before); err != nil {
		return "", errors.Join(gateway.Failure(err), gateway.Stop())
	}
	if before, err = countAll(ctx, database); err != nil {
		return "", errors.Join(err, gateway.Stop())
	}
	began := time.Now()
	result, err := l.send(ctx, gateway.server, judgedAt, load.Amount{For: 4 * l.length})
	if err != nil {
		return "", errors.Join(gateway.Failure(err), gateway.Stop())
	}
	during, err := countAll(ctx, database)
	if err != nil {
		return "", errors.Join(err, gateway.Stop())
	}
	took := time.Since(began)
	if err := gateway.Stop(); err != nil {
		return "", err
	}
	deleted := before + result.Requests - during
	return fmt.Sprintf("While retention deletes nearly all of %s runs (%s a second), %s calls/s are answered, "+
		"with a p50 of %s and a p99 of %s.",
		report.Thousands(float64(runs)), report.Thousands(float64(deleted)/took.Seconds()), report.Thousands(result.Rate()),
		report.Milliseconds(milliseconds(result.P50)), report.Milliseconds(milliseconds(result.P99))), nil
}

// awaitRetention waits until runs are being deleted, which begins a minute after the start.
func awaitRetention(ctx context.Context, database string, before int) error {
	for deadline := time.Now().Add(retentionPatience); time.Now().Before(deadline); {
		n, err := countAll(ctx, database)
		if err != nil || n < before {
			return err
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("no run was deleted within %s", retentionPatience)
}

func countAll(ctx context.Context, database string) (n int, err error) {
	counts, err := countRuns(ctx, database)
	for _, count := range counts {
		n += count
	}
	return n, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// parseGrowth reads numbers of runs with commas between.
func parseGrowth(text string) (sizes []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n := 0
		if _, err := fmt.Sscan(part, &n); err != nil || n < 0 {
			return nil, fmt.Errorf("%q is not a number of runs", part)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
