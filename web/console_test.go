package web_test

import (
	"math"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/runs"
	"beckon/web"
)

// Texts have a contrast of 4.5 to what is behind them, and edges of fields one of 3, in both schemes.
func TestContrastOfTheTokens(t *testing.T) {
	css, err := os.ReadFile("assets/tokens.css")
	require.NoError(t, err)
	colours := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (?:light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)|(#[0-9a-f]{6}));`).FindAllStringSubmatch(string(css), -1) {
		colours[m[1]] = [2]string{m[2] + m[4], m[3] + m[4]}
	}
	check := func(front, behind string, least float64) {
		for i, scheme := range []string{"light", "dark"} {
			require.NotEmpty(t, colours[front][i], front)
			require.GreaterOrEqual(t, contrast(t, colours[front][i], colours[behind][i]), least, "%s on %s, %s", front, behind, scheme)
		}
	}
	for _, behind := range []string{"page", "surface", "sunken", "hover"} {
		for _, front := range []string{"ink", "ink-2", "ink-3", "accent-ink", "bad-ink", "ok-ink", "warn-ink"} {
			check(front, behind, 4.5)
		}
	}
	for _, status := range []string{"accent", "ok", "warn", "bad", "idle"} {
		check(status+"-ink", status+"-soft", 4.5)
		check("ink", status+"-soft", 4.5)
	}
	check("on-accent", "accent", 4.5)
	check("on-accent", "accent-hover", 4.5)
	check("edge", "surface", 3)
	check("chart-bad", "surface", 3)
	check("chart-1", "surface", 3)
}

// contrast is that of WCAG 2.2.
func contrast(t *testing.T, a, b string) float64 {
	light := func(hex string) float64 {
		var sum float64
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
			require.NoError(t, err)
			c := float64(n) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := light(a), light(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestSearchOverEverything(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for query, want := range map[string]string{
		"":               `href="/admin/refused"`,
		"refu":           `href="/admin/refused"`,
		"new client":     `href="/admin/clients/new"`,
		"INCI":           `href="/admin/flows/incident"`,
		"evt_01KHQ5V8J0": `href="/admin/deliveries?event=evt_01KHQ5V8J0"`,
		"dlv_01KHQ5V8J0": `href="/admin/deliveries/dlv_01KHQ5V8J0"`,
		"ref_01KHQ5V8J0": `href="/admin/refused/ref_01KHQ5V8J0"`,
		"<script>":       "Nothing is called “&lt;script&gt;”",
	} {
		_, results, found := strings.Cut(n.get("/admin/search?q="+url.QueryEscape(query)).body, `id="results"`)
		require.True(t, found)
		require.Contains(t, results, want, query)
	}
}

func TestRunsAreFoundByTheBeginningOfTheirIDs(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), nil)
	require.Contains(t, r.get("/admin/search?q=run_01KHQ5").body, `href="/admin/runs/`+runID(1)+`"`)
}

// The bars of the chart lead to lists that have just their runs.
func TestRunsOfATime(t *testing.T) {
	r := newTraffic(t)
	r.run("run_01KHQ5V8J00000000000000001", nil) // at 01:29 of 2026-02-18, the other an hour later
	r.run("run_01KHQ9AE2000000000000000002", nil)
	at := func(clock string) string { return "2026-02-18T" + clock + ":00Z" }
	require.Equal(t, "1", listedRuns(r.get("/admin/runs?since="+at("01:00")+"&until="+at("02:00")).body))
	page := r.get("/admin/runs?until=" + at("02:00") + "&client=ci").body
	require.Equal(t, "1", listedRuns(page))
	require.Contains(t, page, "until 18 Feb 02:00 UTC", "the filters that are set are shown")
	require.Contains(t, page, `href="/admin/runs?client=ci"`, "and each leads to the list without it")
}

// The parts of an object's page are all there; the address says which is shown.
func TestTabs(t *testing.T) {
	n := newNouns(t)
	n.fill()
	shown := func(page string) string {
		m := regexp.MustCompile(`data-panel="([a-z]+)">`).FindStringSubmatch(page)
		require.NotEmpty(t, m)
		return m[1]
	}
	const path = "/admin/agents/logs"
	require.Equal(t, "overview", shown(n.get(path).body))
	require.Equal(t, "overview", shown(n.get(path+"?tab=nothing").body))
	require.Equal(t, "settings", shown(n.get(path+"?tab=settings").body))
	require.Equal(t, "settings", shown(n.get(path+"?done=saved").body), "who has saved stays where that was")
	require.Equal(t, "audit", shown(n.get(path+"?tab=audit").body))
	require.Equal(t, "settings", shown(n.typed(path, "temperature", "hot").body), "what is wrong is in the settings")
	require.NotContains(t, n.get("/admin/agents/new").body, `class="tabs"`)
}

// The first steps are offered until they are taken.
func TestTheFirstSteps(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	page := b.get("/admin").body
	require.Contains(t, page, "0 of 5 done")
	require.Contains(t, page, `href="/admin/providers/new?next=agent&amp;vendor=anthropic"`)
	require.Contains(t, b.get("/admin/agents").body, "No model is connected.")
	require.Contains(t, b.get("/admin/providers/new?vendor=anthropic").body, `value="https://api.anthropic.com/v1"`)

	n := newNouns(t)
	n.fill()
	page = n.get("/admin").body
	require.Regexp(t, `(?s)class="done"><span class="dot">.{0,400}<h3>Connect a model</h3>`, page)
	require.NotContains(t, n.get("/admin/agents").body, "No model is connected.")
}

func TestTheOverviewComparesWithTheTimeBefore(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	before := tally(100, 0, 0, time.Second, time.Second)
	s.numbers.stats = web.Stats{Stats: runs.Stats{Total: tally(144, 6, 0, time.Second, 4*time.Second), Before: &before}}
	page := b.get("/admin").body
	for _, want := range []string{"50% more", "4.0 points lower", "3.0 s slower"} {
		require.Contains(t, page, want)
	}
	s.numbers.stats.Before = nil
	require.NotContains(t, b.get("/admin").body, `class="delta">5`)
}

// The bars of the longest time are days, whose runs sum up.
func TestBarsOfTheOverview(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	var hours []runs.Hour
	for i := range 49 {
		hours = append(hours, runs.Hour{At: atMidnight.Add(time.Duration(i) * time.Hour), Tally: tally(1, 1, 0, time.Second, time.Second)})
	}
	s.numbers.stats = web.Stats{Stats: runs.Stats{Hours: hours}}
	page := b.get("/admin?span=30d").body
	require.Equal(t, 3, strings.Count(page, `<rect class="hit"`))
	require.Contains(t, page, "18 Feb 01:00 to 01:00 UTC: 48 runs, 24 failed, 0 canceled")
	require.Contains(t, page, `href="/admin/runs?since=2026-02-18T01%3A00%3A00Z&amp;until=2026-02-19T01%3A00%3A00Z"`)
}

// An answer is shown as its Markdown means it, and as it is.
func TestTheAnswerOfARun(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), map[string]any{"input": "Why?\nmore", "output": "# Cause\n\n**Disk** <script>alert(1)</script>"})
	page := r.get("/admin/runs/" + runID(1)).body
	require.Contains(t, page, "<h1>Why? <span")
	require.Contains(t, page, "<strong>Disk</strong>")
	require.Contains(t, page, "**Disk** &lt;script&gt;")
	require.NotContains(t, page, "<script>alert")
}

// The page of the components is in development builds.
func TestTheDesignPage(t *testing.T) {
	require.Equal(t, 404, newSite(t).signedIn().get("/admin/design").StatusCode)
	dev := newSite(t, func(c *web.Config) { c.Version = "0.0.0-dev" })
	require.Equal(t, 200, dev.signedIn().get("/admin/design").StatusCode)
}
