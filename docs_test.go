package beckon_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
)

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

// Links between the pages lead to files that are there.
func TestLinksLeadSomewhere(t *testing.T) {
	links := 0
	pages := []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
	examples, err := filepath.Glob("examples/*/README.md")
	require.NoError(t, err)
	pages = append(pages, examples...)
	require.NoError(t, filepath.WalkDir("docs", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			pages = append(pages, path)
		}
		return err
	}))
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			_, err := os.Stat(filepath.Join(filepath.Dir(page), m[1]))
			require.NoError(t, err, "%s links to %s", page, m[1])
		}
	}
	require.NotZero(t, links)
}

// A format that someone adds is explained where people look for it.
func TestFormatsAreExplained(t *testing.T) {
	example, err := os.ReadFile("config.example.yaml")
	require.NoError(t, err)
	page, err := os.ReadFile("docs/deliveries.md")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^ +format: run .*$`).FindString(string(example))
	for _, f := range deliveries.Formats() {
		require.Contains(t, line, f.Name, "config.example.yaml")
		require.Contains(t, string(page), "| `"+f.Name+"` |", "docs/deliveries.md")
	}
}
