package gate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/gate"
)

const noneIsHigh = `data.findings.all(f, f.severity != "high")`

func TestJudge(t *testing.T) {
	for name, row := range map[string]struct{ gate, data, verdict, reason string }{
		"met":             {noneIsHigh, `{"findings":[{"severity":"low"},{"severity":"info"},{"severity":"low"}]}`, gate.Pass, "The gate " + noneIsHigh + " is met. Findings: 2 low, 1 info."},
		"not met":         {noneIsHigh, `{"findings":[{"severity":"low"},{"severity":"high"}]}`, gate.Fail, "The gate " + noneIsHigh + " is not met. Findings: 1 low, 1 high."},
		"no findings":     {noneIsHigh, `{"findings":[]}`, gate.Pass, "The gate " + noneIsHigh + " is met."},
		"no data":         {noneIsHigh, ``, gate.Fail, "The answer has no data for the gate to look at. Give the agent an output.schema, such as output: {schema: findings}."},
		"no such member":  {noneIsHigh, `{"ok":true}`, gate.Fail, "The gate " + noneIsHigh + " cannot be evaluated over the answer: no such key: findings."},
		"whole numbers":   {`data.score >= 7 && data.lines == 3`, `{"score":7,"lines":3}`, gate.Pass, "The gate data.score >= 7 && data.lines == 3 is met."},
		"a member itself": {`data.ok`, `{"ok":true}`, gate.Pass, "The gate data.ok is met."},
		"not a condition": {`data.ok`, `{"ok":"yes"}`, gate.Fail, "The gate data.ok is neither true nor false over the answer."},
		"no object":       {`data == null`, `null`, gate.Pass, "The gate data == null is met."},
		"broken":          {`data.ok`, `{`, gate.Fail, "The data of the answer cannot be read."},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := gate.Parse(row.gate)
			require.NoError(t, err)
			data := json.RawMessage(row.data)
			if row.data == "" {
				data = nil
			}
			verdict, reason := g.Judge(t.Context(), data)
			require.Equal(t, []string{row.verdict, row.reason}, []string{verdict, reason})
		})
	}
}

// An expression that takes too long fails the gate, and does not hold up the run.
func TestAnEndlessGateFails(t *testing.T) {
	g, err := gate.Parse(`data.all(a, data.all(b, data.all(c, data.all(d, a + b + c + d >= 0))))`)
	require.NoError(t, err)
	verdict, reason := g.Judge(t.Context(), json.RawMessage("["+strings.Repeat("1,", 999)+"1]"))
	require.Equal(t, gate.Fail, verdict)
	require.Contains(t, reason, "cannot be evaluated")
}

func TestParseRefuses(t *testing.T) {
	for text, says := range map[string]string{
		`data.findings.all(f, `: "it ends too early",
		`finding.ok`:            `there is no finding; there is data, as in data.verdict == "pass"`,
		`"yes"`:                 `must be true or false, not string`,
	} {
		_, err := gate.Parse(text)
		require.ErrorContains(t, err, says, text)
	}
}
