package beckon_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

var metric = regexp.MustCompile(`\bbeckon_[a-z_]+`)

// The page on running Beckon explains every metric, and none that there is not.
func TestMetricsAreExplained(t *testing.T) {
	declared := regexp.MustCompile(`"(beckon_[a-z_]+)"`)
	explained := regexp.MustCompile("(?m)^\\| `(beckon_[a-z_]+)`")
	files, err := filepath.Glob("internal/telemetry/*.go")
	require.NoError(t, err)
	var have, told []string
	for _, file := range append(files, "docs/operating.md") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			have = append(have, m[1])
		}
		for _, m := range explained.FindAllStringSubmatch(string(text), -1) {
			told = append(told, m[1])
		}
	}
	require.NotEmpty(t, have)
	require.ElementsMatch(t, have, told)
}

// The dashboard and the alerts ask for metrics that are explained in docs/operating.md.
func TestDashboardAndAlertsAskForMetricsThatThereAre(t *testing.T) {
	page, err := os.ReadFile("docs/operating.md")
	require.NoError(t, err)
	for _, file := range []string{"deploy/grafana/beckon.json", "deploy/prometheus/alerts.yml", "deploy/prometheus/alerts_test.yml"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		names := metric.FindAllString(string(text), -1)
		require.NotEmpty(t, names, file)
		for _, name := range names {
			require.Contains(t, string(page), "| `"+strings.TrimSuffix(name, "_bucket")+"` |", "%s asks for it", file)
		}
	}
}

// Every panel of the dashboard has a title, a place and a query.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("deploy/grafana/beckon.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	require.NotEmpty(t, board.Panels)
	taken := map[[2]int]string{}
	for _, p := range board.Panels {
		require.NotEmpty(t, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s lies on it", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

var (
	copied = regexp.MustCompile(`(?m)^COPY (?:--chown=\S+ )?([^-\s].*)$`)
)

// The Dockerfile copies what is there, and the files for compose and the unit are YAML and set variables that Beckon knows.
func TestDeploymentFilesNameWhatIsThere(t *testing.T) {
	dockerfile, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	lines := copied.FindAllStringSubmatch(string(dockerfile), -1)
	require.NotEmpty(t, lines)
	for _, m := range lines {
		sources := strings.Fields(m[1])
		for _, source := range sources[:len(sources)-1] {
			_, err := os.Stat(source)
			require.NoError(t, err, m[0])
		}
	}
	files, err := filepath.Glob("deploy/compose/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 2)
	example, err := os.ReadFile("config.example.yaml")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var compose struct {
			Services map[string]struct{ Environment map[string]string }
		}
		require.NoError(t, yaml.Unmarshal(text, &compose), file)
		require.NotEmpty(t, compose.Services["beckon"].Environment, file)
		for name := range compose.Services["beckon"].Environment {
			if !strings.HasPrefix(name, "BECKON_") {
				continue
			}
			section, key, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(name, "BECKON_")), "_")
			require.Regexp(t, `(?mi)^`+section+`:`, string(example), "%s: %s", file, name)
			require.Regexp(t, `(?mi)^  `+strings.ReplaceAll(key, "_", "")+`:`, string(example), "%s: %s", file, name)
		}
	}
}
