package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"beckon/bench/report"
)

const (
	looks         = 20  // at each page
	maxPage       = 100 // ms, each page's p95
	maxPageBytes  = 20e3
	eventsOnPages = 2 // deliveries for each run
	tabs          = 10
	refreshEvery  = 30 * time.Second // what the overview does
	opsEndpoint   = "endpoints: [{id: ops, url: \"https://ops.example/hook\", events: [endpoint.disabled], secret: " +
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}]\n"
)

// pages looks at every page of a gateway whose data are in folder, with many runs and twice as many deliveries on record.
func pages(ctx context.Context, l *lab, folder string) (found report.Section, err error) {
	if _, err := os.Stat(folder); err != nil { // the section that fills it was not asked for
		if _, err := memory(ctx, l, folder); err != nil {
			return found, err
		}
	}
	if err := plantDeliveries(ctx, folder+"/beckon.db"); err != nil {
		return found, err
	}
	g, err := l.startGatewayWith(ctx, folder, l.stub, withPassword+opsEndpoint)
	if err != nil {
		return found, err
	}
	found, err = lookAtAll(ctx, l, g)
	if err != nil {
		return found, errors.Join(g.Failure(err), g.Stop())
	}
	return found, g.Stop()
}

func lookAtAll(ctx context.Context, l *lab, g *gateway) (found report.Section, err error) {
	b, err := openBrowser(ctx, "http://"+g.address)
	if err != nil {
		return found, err
	}
	paths, err := b.paths(ctx)
	if err != nil {
		return found, err
	}
	found = report.Section{
		Title: "The page",
		Text: fmt.Sprintf("Each page of the administration, %d times, with %s runs and %s deliveries on record; "+
			"the time is from the request to the last\n"+
			"byte, and the size that of the page on its way, compressed.", looks, report.Thousands(float64(l.calls)),
			report.Thousands(float64(l.calls*eventsOnPages))),
		Header: []string{"page", "p50", "p95", "size"},
	}
	slowest, largest := 0.0, 0
	for _, path := range paths {
		var times []float64
		size := 0
		for range looks {
			_, took, bytes, err := b.look(ctx, path)
			if err != nil {
				return found, err
			}
			times, size = append(times, milliseconds(took)), max(size, bytes)
		}
		slices.Sort(times)
		p95 := times[looks*95/100]
		slowest, largest = max(slowest, p95), max(largest, size)
		found.Rows = append(found.Rows, []string{
			"`" + anyID.ReplaceAllString(path, "…") + "`", report.Milliseconds(report.Median(times)),
			report.Milliseconds(p95), kilobytes(float64(size)),
		})
	}
	found.Verdicts = []report.Verdict{
		report.AtMost("the slowest page, p95", slowest, maxPage, report.Milliseconds),
		report.AtMost("the largest page, compressed", float64(largest), maxPageBytes, kilobytes),
	}
	return found, nil
}

func kilobytes(n float64) string { return fmt.Sprintf("%.1f kB", n/1000) }

var anyID = regexp.MustCompile(`(run|dlv)_[0-9A-Z]{26}`)

// paths are those of all pages, with a run and a delivery that there are.
func (b *browser) paths(ctx context.Context) ([]string, error) {
	newest := func(list string) (string, error) {
		text, _, _, err := b.look(ctx, list)
		if err != nil {
			return "", err
		}
		for _, id := range anyID.FindAllString(text, -1) {
			if list == "/admin/runs" || id[:4] == "dlv_" {
				return list + "/" + id, nil
			}
		}
		return "", fmt.Errorf("%s is empty", list)
	}
	run, err := newest("/admin/runs")
	if err != nil {
		return nil, err
	}
	delivery, err := newest("/admin/deliveries")
	return []string{
		"/admin", "/admin?span=7d", "/admin/clients", "/admin/clients/bench", "/admin/clients/new", "/admin/commands",
		"/admin/agents", "/admin/agents/bench",
		"/admin/providers", "/admin/providers/stub", "/admin/flows", "/admin/flows/new", "/admin/endpoints", "/admin/endpoints/ops",
		"/admin/runs", "/admin/runs?status=FAILED", "/admin/runs?status=COMPLETED&client=bench", "/admin/runs?agent=again",
		"/admin/runs?q=no%3Dsuch", run,
		"/admin/deliveries", "/admin/deliveries?status=FAILED", "/admin/deliveries?endpoint=ops&status=DELIVERED",
		"/admin/deliveries?status=PENDING", delivery,
		"/admin/refused", "/admin/settings", "/admin/audit",
	}, err
}

// withTabs measures the webhook while the overview is open in many tabs.
func withTabs(ctx context.Context, l *lab, folder string) (found report.Section, err error) {
	floors, stop, err := l.startFloors(ctx)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	g, err := l.startGatewayWith(ctx, folder, l.stub, withPassword)
	if err != nil {
		return found, err
	}
	watching, err := g.openTabs(ctx)
	if err != nil {
		return found, errors.Join(g.Failure(err), g.Stop())
	}
	servers := append(floors[1:], g.server) // the stub alone has no say here
	measured, err := l.takeTurns(ctx, servers, judgedAt)
	seen, failed := watching()
	if err = errors.Join(err, failed); err != nil {
		return found, errors.Join(g.Failure(err), g.Stop())
	}
	found = report.Section{
		Title: "With the overview open",
		Text: fmt.Sprintf("The same with %d connections while the overview of the gateway is open in %d tabs, "+
			"each of which asks for it every %s, also while the\n"+
			"others have their turn: %d times in all. Each was answered.", judgedAt, tabs, refreshEvery, seen),
		Header: []string{"connections", "server", "requests/s", "p50", "p99", "of nginx's requests/s", "of the bare handler's", "spread"},
	}
	for _, s := range servers {
		found.Rows = append(found.Rows, row(judgedAt, s.name, measured))
	}
	for _, v := range judge(judgedAt, measured) {
		v.What += ", with tabs"
		found.Verdicts = append(found.Verdicts, v)
	}
	return found, g.finish(ctx)
}

// openTabs opens them, evenly over the time after which each asks again. The function that it returns closes them, and says
// how often they were answered.
func (g *gateway) openTabs(ctx context.Context) (closeAll func() (int, error), err error) {
	ctx, cancel := context.WithCancel(ctx)
	b, err := openBrowser(ctx, "http://"+g.address) // tabs of one browser share its session
	if err != nil {
		cancel()
		return nil, err
	}
	if _, _, _, err := b.look(ctx, "/admin"); err != nil {
		cancel()
		return nil, err
	}
	seen, failed := 0, make(chan error, 1)
	go func() {
		next := time.NewTicker(refreshEvery / tabs)
		defer next.Stop()
		for {
			select {
			case <-ctx.Done():
				failed <- nil
				return
			case <-next.C:
			}
			if _, _, _, err := b.look(ctx, "/admin", "HX-Request", "true"); err != nil && ctx.Err() == nil {
				failed <- err
				return
			}
			seen++
		}
	}()
	return func() (int, error) {
		cancel()
		err := <-failed
		return seen, err
	}, nil
}
