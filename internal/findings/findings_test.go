package findings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/joshdk/go-junit"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"beckon/internal/findings"
)

const data = `{"summary":"Two things.","verdict":"fail","findings":[
	{"severity":"high","title":"The total ignores the discount","detail":"Subtract it first.","file":"cart/total.go","line":14},
	{"severity":"low","title":"A comment is out of date","detail":"","file":"cart/total.go","line":null},
	{"severity":"info","title":"No tests","detail":"There are none.","file":null,"line":null}]}`

func answer(t *testing.T, data string) findings.Answer {
	report, ok := findings.Read(json.RawMessage(data))
	require.True(t, ok)
	return findings.Answer{RunID: "run_1", Agent: "reviewer", Text: data, Verdict: "fail", Reason: "The gate is not met.", Report: report, HasReport: true}
}

func TestRead(t *testing.T) {
	report, ok := findings.Read(json.RawMessage(`{"findings":[{"severity":"low","title":"a","file":"x","line":2.0},{"severity":"low","title":"b","line":3},{"severity":"low","title":"c","file":"x","line":-1}]}`))
	require.True(t, ok)
	require.Equal(t, []int{2, 0, 0}, []int{report.Findings[0].Line, report.Findings[1].Line, report.Findings[2].Line})
	for _, other := range []string{``, `null`, `[]`, `{"ok":true}`, `{"findings":{}}`, `{"findings":null}`, `{"findings":["x"]}`} {
		_, ok := findings.Read(json.RawMessage(other))
		require.False(t, ok, other)
	}
}

func TestMarkdown(t *testing.T) {
	require.Equal(t, "**Gate: fail.** The gate is not met.\n\nTwo things.\n\n| Severity | Finding | Where |\n|---|---|---|\n"+
		"| high | **The total ignores the discount**<br>Subtract it first. | cart/total.go:14 |\n"+
		"| low | **A comment is out of date** | cart/total.go |\n"+
		"| info | **No tests**<br>There are none. |  |\n", string(findings.Markdown(answer(t, data))))
	require.Equal(t, "# Notes\n", string(findings.Markdown(findings.Answer{Text: "# Notes\n"})))
	require.Equal(t, "No findings.\n", string(findings.Markdown(findings.Answer{HasReport: true})))
	require.Equal(t, "**There is no answer.** The run was canceled.\n", string(findings.Markdown(findings.Answer{Failure: "The run was canceled."})))
}

func TestGitHub(t *testing.T) {
	require.Equal(t, "::error file=cart/total.go,line=14,title=The total ignores the discount::Subtract it first.\n"+
		"::notice file=cart/total.go,title=A comment is out of date::A comment is out of date\n"+
		"::notice title=No tests::There are none.\n"+
		"::error title=Gate of reviewer::The gate is not met.\n", string(findings.GitHub(answer(t, data))))
	require.Equal(t, "::error title=reviewer::The answer has no findings. Give the agent output: {schema: findings}.\n",
		string(findings.GitHub(findings.Answer{Agent: "reviewer", Text: "All is well."})))
}

func TestJUnit(t *testing.T) {
	suites, err := junit.Ingest(findings.JUnit(answer(t, data)))
	require.NoError(t, err)
	require.Len(t, suites, 1)
	require.Equal(t, junit.Totals{Tests: 5, Passed: 1, Skipped: 2, Failed: 2}, suites[0].Totals)
	var names []string
	for _, test := range suites[0].Tests {
		names = append(names, string(test.Status)+" "+test.Name)
	}
	require.Equal(t, []string{"passed answer", "failed high: The total ignores the discount (cart/total.go:14)", "skipped low: A comment is out of date (cart/total.go)",
		"skipped info: No tests", "failed gate"}, names)
	require.Equal(t, junit.Error{Message: "The total ignores the discount", Type: "high", Body: "Subtract it first."}, suites[0].Tests[1].Error)

	suites, err = junit.Ingest(findings.JUnit(findings.Answer{Agent: "a", Text: "All is well."}))
	require.NoError(t, err)
	require.Equal(t, junit.Totals{Tests: 1, Failed: 1}, suites[0].Totals)
	suites, err = junit.Ingest(findings.JUnit(findings.Answer{Agent: "a", Failure: "The provider is down."}))
	require.NoError(t, err)
	require.Equal(t, junit.Totals{Tests: 1, Error: 1}, suites[0].Totals)
}

// sarifRun is what is read of a log.
type sarifRun struct {
	Results []struct {
		RuleID, Level string
		Message       struct{ Text string }
		Locations     []struct {
			PhysicalLocation struct {
				ArtifactLocation struct{ URI string }
				Region           *struct{ StartLine int }
			}
		}
	}
	Invocations []struct {
		ExecutionSuccessful        bool
		ToolExecutionNotifications []struct{ Message struct{ Text string } }
	}
}

// checkedSARIF reads a log that the schema of OASIS allows.
func checkedSARIF(t *testing.T, text []byte) sarifRun {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	require.NoError(t, err)
	log, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(log))
	var read struct{ Runs []sarifRun }
	require.NoError(t, json.Unmarshal(text, &read))
	require.Len(t, read.Runs, 1)
	return read.Runs[0]
}

func TestSARIF(t *testing.T) {
	run := checkedSARIF(t, findings.SARIF(answer(t, data)))
	require.Len(t, run.Results, 3)
	require.Equal(t, []string{"error", "note", "note"}, []string{run.Results[0].Level, run.Results[1].Level, run.Results[2].Level})
	require.Equal(t, "high", run.Results[0].RuleID)
	require.Equal(t, "The total ignores the discount\n\nSubtract it first.", run.Results[0].Message.Text)
	at := run.Results[0].Locations[0].PhysicalLocation
	require.Equal(t, "cart/total.go", at.ArtifactLocation.URI)
	require.Equal(t, 14, at.Region.StartLine)
	require.Nil(t, run.Results[1].Locations[0].PhysicalLocation.Region)
	require.True(t, run.Invocations[0].ExecutionSuccessful)

	run = checkedSARIF(t, findings.SARIF(findings.Answer{Agent: "a", Text: "All is well."}))
	require.Empty(t, run.Results)
	require.False(t, run.Invocations[0].ExecutionSuccessful)
	require.Contains(t, run.Invocations[0].ToolExecutionNotifications[0].Message.Text, "has no findings")
}

// hostile is what a model may repeat of what strangers wrote.
var hostile = []string{
	"x\n::error title=You::lost", "%0A::stop-commands::x", "a,title=b::c", "</failure><script>alert(1)</script>", "]]>", "\x00\x1b[31m\u202egnp.exe\u2028\ufffe",
	"[click](javascript:alert(1))", "![pixel](https://evil.example/p.png)", "<img src=x onerror=alert(1)>", "@everyone #1 | a | b |", "```\nunclosed", "{0} {{", "..\\..\\etc/passwd", "javascript:alert(1)", strings.Repeat("long ", 40_000),
	"\xff\xfe not UTF-8", "`", `\`, "https://evil.example www.evil.example",
}

func TestHostileTextsStayTexts(t *testing.T) {
	var list []map[string]any
	for _, text := range hostile {
		list = append(list, map[string]any{"severity": "high", "title": text, "detail": text, "file": text, "line": 1})
	}
	list = append(list, map[string]any{"severity": "::error", "title": "", "detail": "", "file": "C:\\a b\\ü.go", "line": 3})
	text, err := json.Marshal(map[string]any{"summary": strings.Join(hostile, "\n"), "verdict": "pass", "findings": list})
	require.NoError(t, err)
	a := answer(t, string(text))
	a.Reason = strings.Join(hostile[:7], " ")

	lines := strings.Split(strings.TrimSpace(string(findings.GitHub(a))), "\n")
	require.Len(t, lines, len(list)+1, "each finding is one line")
	for _, line := range lines {
		require.Regexp(t, `^::(error|warning) `, line)
		require.NotContains(t, line, "\r")
	}
	markdown := string(findings.Markdown(a))
	for _, never := range []string{"<img", "<script", "[click](", "[pixel](", "![", "@everyone", "https://", "www.", "```"} {
		require.NotContains(t, markdown, never)
	}
	rows := 0
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(line, "| ") {
			rows++
			require.Equal(t, 4, strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|"), line[:min(len(line), 200)])
		}
	}
	require.Equal(t, len(list)+1, rows)

	suites, err := junit.Ingest(findings.JUnit(a))
	require.NoError(t, err)
	require.Len(t, suites[0].Tests, len(list)+2)
	run := checkedSARIF(t, findings.SARIF(a))
	require.Len(t, run.Results, len(list))
	for _, result := range run.Results {
		uri := result.Locations[0].PhysicalLocation.ArtifactLocation.URI
		require.NotContains(t, uri, "..")
		require.NotRegexp(t, `^(/|[a-zA-Z]+:)`, uri)
	}
	require.Equal(t, "./C:/a%20b/%C3%BC.go", run.Results[len(list)-1].Locations[0].PhysicalLocation.ArtifactLocation.URI)
}

func BenchmarkRender200(b *testing.B) {
	var list []findings.Finding
	for i := range 200 {
		list = append(list, findings.Finding{Severity: "high", Title: fmt.Sprintf("Finding %d", i), Detail: strings.Repeat("What to do about it. ", 20), File: "cart/total.go", Line: i + 1})
	}
	a := findings.Answer{RunID: "run_1", Agent: "reviewer", Report: findings.Report{Findings: list}, HasReport: true}
	for _, f := range findings.Formats() {
		b.Run(f.MediaType, func(b *testing.B) {
			for b.Loop() {
				f.Render(a)
			}
		})
	}
}
