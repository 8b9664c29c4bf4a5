package events_test

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/events"
)

func TestHeadlinesOfRuns(t *testing.T) {
	for want, o := range map[string]events.Origin{
		"Firing: /var on db1 is full": {State: "firing", Title: "/var on db1 is full"},
		"Resolved: DiskFull":          {State: "resolved", Title: " DiskFull\n"},
		"2 firing: DiskFull":          {State: "firing", Title: "2 firing: DiskFull"},
		"Add retries":                 {Type: "pull_request", State: "opened", Title: "Add retries"},
		"":                            {State: "firing", Key: "k"},
	} {
		o.Key = cmp.Or(o.Key, strings.Repeat("k", 1000))
		o.Labels = map[string]string{"number": strings.Repeat("7", 1000)}
		text, err := json.Marshal(o)
		require.NoError(t, err)
		require.Equal(t, want, events.Headline(text))
		require.Equal(t, want, events.Headline(text[:len(text)-500]), "of the beginning")
	}
	for _, text := range []string{"", "null", "[]", "[1,2]", "{", `{"title":"cut o`, `{"title":7}`, "\x00"} {
		require.Empty(t, events.Headline([]byte(text)), text)
	}
}
