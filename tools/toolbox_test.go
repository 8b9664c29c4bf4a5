package tools_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/tools"
)

func TestOnlyWhatBothListsNameIsOffered(t *testing.T) {
	box := tools.New(tools.Options{})
	for _, c := range []struct {
		agent, client []string
		want          int
	}{
		{[]string{"time.now"}, []string{"time.*"}, 1},
		{[]string{"time.now"}, nil, 0},
		{nil, []string{"time.now"}, 0},
		{[]string{"time.now"}, []string{"run.note"}, 0},
	} {
		require.Len(t, box.Tools(t.Context(), c.agent, c.client), c.want, "%v and %v", c.agent, c.client)
	}
	tool := box.Tools(t.Context(), []string{"time.*"}, []string{"time.*"})[0]
	require.Equal(t, "time__now", tool.ProviderName())
	require.True(t, tool.ReadOnly)
	require.True(t, json.Valid(tool.Schema))
}

func TestTimeIsTold(t *testing.T) {
	box := tools.New(tools.Options{})
	result, err := box.Call(t.Context(), tools.Use{Tool: "time.now", Arguments: json.RawMessage(`{"timezone":"Asia/Tokyo"}`)})
	require.NoError(t, err)
	at, err := time.Parse(time.RFC3339, strings.Split(result.Text, ",")[0])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	require.Contains(t, result.Text, "+09:00")

	for arguments, says := range map[string]string{
		`{"timezone":"Mars/Base"}`: "timezone",
		`{"zone":"UTC"}`:           "additional properties 'zone' not allowed",
		`{"timezone":5}`:           "at /timezone",
		`{"timezone":`:             "they are not JSON",
	} {
		_, err := box.Call(t.Context(), tools.Use{Tool: "time.now", Arguments: json.RawMessage(arguments)})
		wrong, ok := err.(*tools.ArgumentError)
		require.True(t, ok, "%s: %v", arguments, err)
		require.Contains(t, wrong.Error(), says)
	}
}

func TestAnUnknownToolIsNotCalled(t *testing.T) {
	_, err := tools.New(tools.Options{}).Call(t.Context(), tools.Use{Tool: "docs.search"})
	require.True(t, problem.Is(err, problem.NotFound))
}
