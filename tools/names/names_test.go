package names_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/catalog"
	"beckon/tools/names"
)

func TestPatternsNameTools(t *testing.T) {
	for _, c := range []struct {
		pattern, tool string
		want          bool
	}{
		{"docs.search", "docs.search", true},
		{"docs.search", "docs.search_all", false},
		{"docs.*", "docs.search", true},
		{"docs.*", "docs2.search", false},
		{"docs.se*", "docs.search", true},
		{"docs.se*", "docs.list", false},
		{"docs.a.*", "docs.a.b", true},
		{"*", "docs.search", false},
		{"d*", "docs.search", false},
		{"", "docs.search", false},
	} {
		require.Equal(t, c.want, names.Match([]string{c.pattern}, c.tool), "%s of %s", c.pattern, c.tool)
	}
	require.False(t, names.Match(nil, "docs.search"))
	require.True(t, names.Match([]string{"deploy.*", "docs.search"}, "docs.search"))
}

func TestPatternsAreChecked(t *testing.T) {
	require.Empty(t, names.Check([]string{"docs.*", "deploy.status", "http.get", "artifact.*", "docs.find_a.b-C"}))
	for pattern, says := range map[string]string{
		"*":                                "must be a tool such as docs.search",
		"docs":                             "must be a tool such as",
		"docs.":                            "must be a tool such as",
		"Docs.search":                      "must be a tool such as",
		"docs.sea rch":                     "must be a tool such as",
		"docs.*.x":                         "must be a tool such as",
		"docs." + strings.Repeat("x", 129): "must be a tool such as",
		"http.post":                        "there is no built-in tool http.post; there are artifact.read, ",
		"flow.*":                           "there is no built-in tool",
	} {
		found := names.Check([]string{"docs.search", pattern})
		require.Len(t, found, 1, pattern)
		require.Equal(t, "[1]", found[0].Path)
		require.Contains(t, found[0].Message, says)
	}
	require.Equal(t, "docs.search is there twice", names.Check([]string{"docs.search", "docs.search"})[0].Message)
}

func TestPatternsReferToServers(t *testing.T) {
	require.Equal(t, []catalog.Reference{
		{Path: "tools[0]", To: "toolServers", ID: "docs"},
		{Path: "tools[2]", To: "toolServers", ID: "deploy"},
	}, names.References("tools", []string{"docs.*", "time.now", "deploy.status", "not a pattern"}))
}
