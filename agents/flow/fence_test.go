package flow_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/fence"
)

func (x team) marked(agent string, turn int) string {
	call := x[agent].calls[turn-1]
	return call.Fence.Mark(call.Prompt)
}

// What agents have answered of third parties' words is data for those behind them.
func TestOutputsAreFenced(t *testing.T) {
	x := team{"a": says("A\n"), "b": says("B"), "c": says("C"), "d": says("D"), "e": says("E")}
	f, found := x.build(seq(agent("a", key("first")), par(agent("b"), lenient(agent("c"))), agent("d"),
		agent("e", prompt("{{ .agent }}, look: {{ .outputs.first }} and {{ .prompt }}."))))
	require.Empty(t, found)
	call := agents.Call{RunID: "run_1", Prompt: "Sum up: data", Fence: &fence.Fence{Marker: "m", Spans: fence.Spans{{8, 12}}}}
	_, err := f.Invoke(t.Context(), call)
	require.NoError(t, err)
	in := func(text string) string { return "<untrusted-m>" + text + "</untrusted-m>" }
	asked := "Sum up: " + in("data")
	require.Equal(t, asked, x.marked("a", 1))
	require.Equal(t, asked+"\n\n=== a ===\n"+in("A"), x.marked("b", 1))
	require.Equal(t, asked+"\n\n=== a ===\n"+in("A")+"\n\n=== b ===\n"+in("B")+"\n\n=== c ===\n"+in("C"), x.marked("d", 1))
	require.Equal(t, "e, look: "+in("A")+" and "+asked+".", x.marked("e", 1), "what the owner wrote of the prompt stays outside")
	require.NotContains(t, x["d"].calls[0].Prompt, "untrusted", "the text itself has no markers")
}

func TestAFencedCallWithFilesOnly(t *testing.T) {
	x := team{"a": says("a transcript"), "b": says("B")}
	f, found := x.build(seq(agent("a"), agent("b")))
	require.Empty(t, found)
	_, err := f.Invoke(t.Context(), agents.Call{RunID: "run_1", Fence: &fence.Fence{Marker: "m"}})
	require.NoError(t, err)
	require.Equal(t, "=== a ===\n<untrusted-m>a transcript</untrusted-m>", x.marked("b", 1))
}

// What a tool tells of what agents have kept is data, too.
func TestStateIsFenced(t *testing.T) {
	for marker, want := range map[string]string{"m": `<untrusted-m>"obey"</untrusted-m>`, "": `"obey"`} {
		x := team{"a": says("obey"), "b": says("B")}
		f, found := x.build(seq(agent("a", key("first")), agent("b")))
		require.Empty(t, found)
		call := agents.Call{RunID: "run_1", Prompt: "Prompt"}
		if marker != "" {
			call.Fence = &fence.Fence{Marker: marker}
		}
		_, err := f.Invoke(t.Context(), call)
		require.NoError(t, err)
		for _, tool := range x["b"].calls[0].Tools {
			if tool.Name == "get_state" {
				got, err := tool.Use(t.Context(), json.RawMessage(`{"key":"first"}`))
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		}
	}
}
