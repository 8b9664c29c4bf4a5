package report

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, Median([]float64{9, 1, 3}))
	require.Equal(t, 2.5, Median([]float64{4, 1, 3, 2}))
	values := []float64{2, 1}
	Median(values)
	require.Equal(t, []float64{2, 1}, values, "the order of the rounds stays")
	require.InDelta(t, 0.5, Spread([]float64{90, 100, 140}), 1e-9)
}

func TestPairedComparesWithinARound(t *testing.T) {
	// The second round ran on a machine that was twice as slow: the quotient of the medians would be 0.3.
	gateway, nginx := []float64{100, 50, 30}, []float64{400, 200, 100}
	require.Equal(t, 0.25, Paired(gateway, nginx, Quotient))
	require.Equal(t, -150.0, Paired(gateway, nginx, Difference))
}

func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		got  Verdict
		want Verdict
	}{
		{AtLeast("rate", .15, .15, Ratio), Verdict{"rate", "0.150", "at least 0.150", true}},
		{AtLeast("rate", .149, .15, Percent), Verdict{"rate", "14.9 %", "at least 15.0 %", false}},
		{AtMost("p99", 5, 5, Times), Verdict{"p99", "5.0 ×", "at most 5.0 ×", true}},
		{AtMost("ready", 301, 300, Milliseconds), Verdict{"ready", "301 ms", "at most 300 ms", false}},
		{AtMost("memory", 99.94e6, 100e6, Megabytes), Verdict{"memory", "99.9 MB", "at most 100.0 MB", true}},
	} {
		require.Equal(t, test.want, test.got)
	}
	require.Equal(t, []string{"ok", "missed"}, []string{Verdict{Met: true}.Result(), Verdict{}.Result()})
	require.Equal(t, []Verdict{{What: "b"}}, Missed([]Section{{Verdicts: []Verdict{{What: "a", Met: true}}}, {Verdicts: []Verdict{{What: "b"}}}}))
}

func TestNumbers(t *testing.T) {
	require.Equal(t, []string{"0", "999", "1,000", "1,234,567", "-1,000", "-100"},
		[]string{Thousands(0), Thousands(999), Thousands(999.6), Thousands(1234567), Thousands(-1000), Thousands(-100)})
	require.Equal(t, []string{"0.05 ms", "99.90 ms", "100 ms", "-0.20 ms"},
		[]string{Milliseconds(.05), Milliseconds(99.9), Milliseconds(100), Milliseconds(-.2)})
}

func TestMegabytes(t *testing.T) {
	require.Equal(t, []string{"0.0 MB", "0.0 MB", "-1.5 MB", "100.0 MB"}, []string{Megabytes(0), Megabytes(-4096), Megabytes(-1.5e6), Megabytes(99.96e6)})
}

func TestMarkdown(t *testing.T) {
	s := Section{Title: "Throughput", Text: "What was done.", Header: []string{"server", "requests/s"},
		Rows:     [][]string{{"stub alone", "12,345"}, {"nginx", ""}},
		Verdicts: []Verdict{{"p99", "5.1 ×", "at most 5.0 ×", false}}}
	require.Equal(t, `### Throughput

What was done.

| server     | requests/s |
| ---------- | ---------: |
| stub alone |     12,345 |
| nginx      |            |

| promise | measured | target        |        |
| ------- | -------: | ------------- | ------ |
| p99     |    5.1 × | at most 5.0 × | missed |
`, s.Markdown())
}

const begin, end = "<!-- bench:begin -->", "<!-- bench:end -->"

func TestSplice(t *testing.T) {
	for name, test := range map[string]struct{ page, want string }{
		"replaces":   {"# T\n\nBefore.\n" + begin + "\nold\n" + end + "\nAfter.\n", "# T\n\nBefore.\n" + begin + "\nnew\n" + end + "\nAfter.\n"},
		"adds":       {"# T\n\nBefore.\n", "# T\n\nBefore.\n\n" + begin + "\nnew\n" + end + "\n"},
		"first time": {begin + end, begin + "\nnew\n" + end},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := splice(test.page, "bench", "\nnew\n\n")
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			again, err := splice(got, "bench", "new")
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
	for _, page := range []string{begin, end, end + begin, begin + begin, begin + end + begin + end} {
		_, err := splice(page, "bench", "new")
		require.ErrorContains(t, err, "put them right", page)
	}
}

func TestWritePage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	require.NoError(t, WritePage(path, "bench", "# How fast\n", "one"))
	require.NoError(t, WritePage(path, "bench", "# Not used\n", "two"))
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "# How fast\n\n"+begin+"\ntwo\n"+end+"\n", string(page))

	require.NoError(t, os.WriteFile(path, []byte("mine "+end), 0o600))
	require.Error(t, WritePage(path, "bench", "", "three"))
	page, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine "+end, string(page), "a page that cannot take the results stays as it is")
}

func TestMachine(t *testing.T) {
	require.Equal(t, "Acme(R) CPU @ 2.50GHz", processor("processor\t: 0\nmodel name\t: Acme(R)  CPU @ 2.50GHz\nmodel name\t: other\n"))
	require.Equal(t, "unknown processor", processor("Features : fp\n"))
	m := Machine{CPU: "Acme", Cores: 2, System: "linux/amd64", Go: "go1.26.0", Commit: "abc1234"}
	when := time.Date(2026, 3, 1, 1, 30, 0, 0, time.FixedZone("", 2*3600))
	require.Equal(t, "Measured on 2026-02-28 23:30 (UTC): Acme, 2 cores, linux/amd64, Go 1.26.0, commit abc1234.", m.Heading(when))

	here, err := ThisMachine(t.Context(), os.Args[0])
	require.NoError(t, err)
	require.Contains(t, here.Go, "go1.")
	_, err = ThisMachine(t.Context(), filepath.Join(t.TempDir(), "missing"))
	require.ErrorContains(t, err, "run make build")
}
