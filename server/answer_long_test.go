package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A long answer is written piece by piece: no character is cut in two, whatever is to be quoted.
func TestLongAnswersArriveWhole(t *testing.T) {
	for name, unit := range map[string]string{
		"ascii": "abc", "quotes": `"\` + "\n\t\x01</>&", "two bytes": "xé", "three bytes": "x€\u2028", "four bytes": "xy😀", "looks like the document": `"response":""`,
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(unit, 300<<10/len(unit))
			g := newGateway(t, setting{})
			g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) { say(w, text) })
			a := g.call("why?")
			require.Equal(t, 200, a.StatusCode, a.body[:min(len(a.body), 500)])
			require.EqualValues(t, len(a.body), a.ContentLength)
			require.True(t, text == a.json(t)["response"], "it is as it was")
			require.Equal(t, []any{true, "COMPLETED", "triage"}, []any{a.json(t)["ok"], a.json(t)["status"], a.json(t)["agent"]})
			require.True(t, text == g.call("why?", "Accept: text/plain").body)
		})
	}
}
