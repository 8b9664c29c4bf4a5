package markdown_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/markdown"
)

// A text is read twice where what looks like the mark of a link turns out to be none.
func TestLinksWithoutMarksAreFound(t *testing.T) {
	for source, want := range map[string]string{
		"[a](https://a.example) and https://b.example":     "<https://a.example|a> and <https://b.example>",
		"[a](https://a.example) and www.b.example":         "<https://a.example|a> and <http://www.b.example|www.b.example>",
		"[a](https://a.example) and ops@b.example":         "<https://a.example|a> and <mailto:ops@b.example|ops@b.example>",
		"no link](https://a.example)":                      "no link](<https://a.example>)",
		"[a](https://a.example b)":                         "[a](<https://a.example> b)",
		"[a](https://a.example) ](https://b.example)":      "<https://a.example|a> ](<https://b.example>)",
		"<https://a.example b>":                            "&lt;https://a.example b&gt;",
		"`](https://a.example)` <https://b.example>":       "`](https://a.example)` <https://b.example>",
		"- [a](https://a.example)\n- ](https://b.example)": "• <https://a.example|a>\n• ](<https://b.example>)",
	} {
		require.Equal(t, want, write(markdown.Slack, source), source)
	}
	require.Contains(t, string(markdown.Read("no link](https://a.example)", 1<<20).HTML()), `<a href="https://a.example"`)
	require.Contains(t, string(markdown.SafeHTML("no link](https://a.example)")), `<a href="https://a.example"`)
}

// A text that goes on after a mark which is none is one text: what begins a list at the beginning of a line does not do so within it.
func TestOnlyTheBeginningOfALineIsEscaped(t *testing.T) {
	for source, want := range map[string]string{
		"costs about -5":      "costs about -5",
		"a * b -5 and @ x 3)": "a \\* b -5 and @ x 3)",
		"\\- no item":         "\\- no item",
		"first\n\\- no item":  "first\n\\- no item",
	} {
		require.Equal(t, want, write(markdown.Discord, source), source)
	}
}

// Most URLs are written as they are, without being taken apart. Behind a space they are not.
func TestURLsAreWrittenTheSameInBothWays(t *testing.T) {
	for _, raw := range []string{"https://a.example", "http://a.example:8080/x", "https://a.example/x?y=1&z=2#f", "https://a.example?x", "https://a.example:/", "https://a.example:8a", "https://A.example",
		"https://a.example/x#", "https://a.example/#a#b", "https://a.example/%41%zz", "https://a.example/(x)", "https://u@a.example", "https://a.example@b.example", "https://", "https:///x", "https://:80/",
		"http://[::1]/", "https://a_b.example/", "https://a.example\\x", "https://a.example/a b", "https://a.example/ü", "https://a.example/?", "https://a.example/a'b\"c", "ftp://a.example", "https://a.example/a;b:c,d+e~f"} {
		written, host, ok := markdown.SafeURL(raw)
		writtenSlowly, hostSlowly, okSlowly := markdown.SafeURL(" " + raw)
		require.Equal(t, []any{writtenSlowly, hostSlowly, okSlowly}, []any{written, host, ok}, raw)
	}
}
