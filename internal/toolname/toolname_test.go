package toolname_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/toolname"
)

func TestMatches(t *testing.T) {
	for name, patterns := range map[string][]string{
		"docs.search":  {"docs.search"},
		"docs.read":    {"x.y", "docs.*"},
		"docs.read_it": {"docs.read_*"},
	} {
		require.True(t, toolname.Matches(patterns, name), name)
	}
	for name, patterns := range map[string][]string{
		"docs.search":  nil,
		"docs.read":    {"doc.*", "docs.rea", "docs.reads", "*", "d*"},
		"docs2.search": {"docs.*"},
	} {
		require.False(t, toolname.Matches(patterns, name), name)
	}
	require.Equal(t, "docs", toolname.Server("docs.a.b"))
}

func TestCheck(t *testing.T) {
	require.Empty(t, toolname.Check([]string{"docs.*", "docs.search", "my-docs.read_*", "http.get"}))
	found := toolname.Check([]string{"*", "docs", "Docs.x", "docs.", "docs.*", "docs.*", "docs.a b"})
	var paths []string
	for _, f := range found {
		paths = append(paths, f.Path)
	}
	require.Equal(t, []string{"[0]", "[1]", "[2]", "[3]", "[5]", "[6]"}, paths)
}
