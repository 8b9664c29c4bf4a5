package deliveries_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
)

// Where there are fewer buttons than calls, links stand in the text. A record, whose links are hidden, has neither.
func TestPeopleAreAskedByButtonsOrLinks(t *testing.T) {
	for _, c := range []struct {
		url        string
		maxButtons int
		buttons    int
		text       string
	}{
		{"https://b.example/approve/run_1/call_1?s=x", 2, 2, "May it call `d.a`?\n\n```\n{\"x\":\"'\"}\n```\n\nMay it call `d.b`?\n\n```\n{}\n```"},
		{"https://b.example/approve/run_1/call_1?s=x", 1, 0, "May it call `d.a`?\n\n```\n{\"x\":\"'\"}\n```\n\n[Allow or deny](https://b.example/approve/run_1/call_1?s=x)\n\n" +
			"May it call `d.b`?\n\n```\n{}\n```\n\n[Allow or deny](https://b.example/approve/run_1/call_1?s=x)"},
		{"•••", 2, 0, "May it call `d.a`?\n\n```\n{\"x\":\"'\"}\n```\n\nMay it call `d.b`?\n\n```\n{}\n```"},
	} {
		list, err := json.Marshal([]map[string]any{{"tool": "d.a", "arguments": map[string]string{"x": "`"}, "url": c.url}, {"tool": "d.b", "arguments": map[string]string{}, "url": c.url}})
		require.NoError(t, err)
		text, buttons := deliveries.AskFor(t, list, c.maxButtons)
		require.Equal(t, c.text, text)
		require.Len(t, buttons, c.buttons)
		for _, b := range buttons {
			require.Contains(t, b.Label, "Review d.")
			require.Equal(t, c.url, b.URL)
		}
	}
}
