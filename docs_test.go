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

var (
	link     = regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	fence    = regexp.MustCompile("(?s)```.*?```")
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// anchors returns the anchors that GitHub gives the headings of a page.
func anchors(t *testing.T, page string) map[string]bool {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
		plain := dropped.ReplaceAllString(strings.ToLower(linkText.ReplaceAllString(m[1], "$1")), "")
		found["#"+strings.ReplaceAll(plain, " ", "-")] = true
	}
	return found
}

// Links between the pages lead to files and sections that exist.
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
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", page, m[1])
			if m[2] != "" && strings.HasSuffix(target, ".md") {
				require.True(t, anchors(t, target)[m[2]], "%s links to %s%s, a section that does not exist", page, m[1], m[2])
			}
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
