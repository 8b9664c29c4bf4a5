package web_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/runs"
	"beckon/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

var atMidnight = time.Date(2026, 2, 18, 0, 0, 0, 0, time.UTC)

// someStats have something of everything, and what must be escaped.
func someStats() web.Stats {
	var hours []runs.Hour
	for at := atMidnight.Add(-20 * time.Hour); at.Before(atMidnight.Add(5 * time.Hour)); at = at.Add(time.Hour) {
		hours = append(hours, runs.Hour{At: at})
	}
	hours[21].Tally = tally(10, 0, 0, 800*time.Millisecond, 2*time.Second)
	hours[23].Tally = tally(1200, 3, 1, time.Second, 90*time.Second)
	total := tally(1210, 3, 1, time.Second, 89*time.Second)
	total.ByStatus[runs.Running] = 2
	return web.Stats{
		Stats: runs.Stats{Hours: hours, Total: total, Failures: []runs.FailedRun{{RunID: "run_01", ClientID: "ci", WorkflowID: "triage",
			Error: agents.Failure{Code: "provider_failed", Message: `The provider said <b>"no"</b> & hung up.`}, CreatedAt: atMidnight.Add(3*time.Hour + 5*time.Minute)}}},
		Troubled: []web.Endpoint{
			{UnhealthyEndpoint: deliveries.UnhealthyEndpoint{EndpointID: "ops", Health: deliveries.Health{DisabledAt: atMidnight, FailingSince: atMidnight}}, Reason: "It answered 410.", Pending: 1234, Failed: 4321},
			{UnhealthyEndpoint: deliveries.UnhealthyEndpoint{EndpointID: "chat"}, Reason: "The name could not be found."},
		},
		Undelivered: 4325, Refused: 1000, RefusedMore: true,
	}
}

func tally(completed, failed, canceled int64, p50, p95 time.Duration) runs.Tally {
	return runs.Tally{ByStatus: map[runs.Status]int64{runs.Completed: completed, runs.Failed: failed, runs.Canceled: canceled}, Tokens: completed * 120, P50: p50, P95: p95}
}

func TestPagesLookTheSame(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	s.clock.now = atMidnight.Add(4*time.Hour + 30*time.Minute)
	s.numbers.stats = someStats()
	in := *b
	for name, page := range map[string]func() answer{
		"login":       func() answer { return s.browser().get("/admin/login") },
		"login-wrong": func() answer { return s.browser().login("wrong") },
		"overview":    func() answer { return in.get("/admin") },
		"overview-empty": func() answer {
			s.numbers.stats = web.Stats{}
			defer func() { s.numbers.stats = someStats() }()
			return in.get("/admin?span=7d")
		},
		"error": func() answer { return in.get("/admin/nothing") },
		"docs":  func() answer { return in.get("/docs") },
	} {
		t.Run(name, func(t *testing.T) {
			got := page()
			require.Equal(t, "text/html; charset=UTF-8", got.Header.Get("Content-Type"))
			golden(t, name, got.body)
		})
	}
}

var fingerprint = regexp.MustCompile(`/admin/assets/[0-9a-f]{12}/`)

// changedAt is when something was changed, by the real clock.
var changedAt = regexp.MustCompile(`(<td data-label="When" class="when"><time datetime="|<dt>Last change</dt><dd><time datetime="|<code>since</code></th><td data-label="Value"><ins>)[^<]*</(?:time|ins)>`)

func golden(t *testing.T, name, page string) {
	page = fingerprint.ReplaceAllString(page, "/admin/assets/FINGERPRINT/")
	page = changedAt.ReplaceAllString(page, "${1}AT")
	path := filepath.Join("testdata", name+".html")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with -update")
	require.Equal(t, string(want), page)
}

func TestOverviewAsksForItsSpan(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	now := s.clock.Now().UTC()
	for span, back := range map[string]time.Duration{"": 24 * time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour, "forever": 24 * time.Hour} {
		require.Equal(t, 200, b.get("/admin?span="+span).StatusCode)
		require.Equal(t, now.Add(-back).Truncate(time.Hour), s.numbers.since, span)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -999: "-999"} {
		require.Equal(t, want, web.Number(n))
	}
	for share, want := range map[float64]string{0: "0%", 1: "100%", 0.9999: "99.9%", 0.5: "50%", 0.1234: "12.3%"} {
		require.Equal(t, want, web.Percent(share))
	}
	for d, want := range map[time.Duration]string{-1: "–", 0: "< 1 ms", time.Microsecond: "< 1 ms", 812 * time.Millisecond: "812 ms", 1500 * time.Millisecond: "1.5 s",
		59970 * time.Millisecond: "1 min 0 s", 90 * time.Second: "1 min 30 s"} {
		require.Equal(t, want, web.Duration(d))
	}
}

// The log has more than the page only about what is Beckon's own fault.
func TestTheRequestIDIsShownWhereTheLogHasIt(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	require.NotContains(t, b.get("/admin/nothing").body, "in the log")
	s.numbers.err = errors.New("the disk is on fire")
	broken := b.get("/admin")
	require.Equal(t, 500, broken.StatusCode)
	require.Contains(t, broken.body, "Look for request <code>req_mine</code> in the log")
}

// Runs that took less than the clock can tell took some time; where there are none, nobody knows.
func TestTimesOfTheOverview(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	s.numbers.stats = web.Stats{Stats: runs.Stats{Total: tally(1, 0, 0, 0, 0)}}
	require.Contains(t, b.get("/admin").body, `<p class="figure">&lt; 1 ms`)
	s.numbers.stats = web.Stats{Stats: runs.Stats{Total: tally(0, 1, 0, 0, 0)}}
	require.Contains(t, b.get("/admin").body, `<p class="figure">–`)
}
