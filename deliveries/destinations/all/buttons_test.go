package all_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries/destinations"
)

// A decision is a button where the receiver shows buttons that open a page. No button decides by itself.
func TestButtons(t *testing.T) {
	const link = "https://beckon.example.com/approve/run_1/call_1?expires=1&signature=s"
	for name, want := range map[string]string{
		"slack":     `{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Review deploy.rollback"},"url":"` + link + `"}]}`,
		"slack-bot": `{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Review deploy.rollback"},"url":"` + link + `"}]}`,
		"teams":     `{"type":"Action.OpenUrl","title":"Review deploy.rollback","url":"` + link + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, name)
			require.Positive(t, r.MaxButtons)
			m := message("run.waiting")
			m.Output, m.Buttons = "May it call `deploy.rollback`?", []destinations.Button{{Label: "Review deploy.rollback", URL: link}}
			q, err := r.Request(m)
			require.NoError(t, err)
			require.Contains(t, string(q.Body), "triage waits for a decision")
			require.Contains(t, string(q.Body), want)

			m.Buttons = nil
			for range r.MaxButtons {
				m.Buttons = append(m.Buttons, destinations.Button{Label: strings.Repeat("Review ", 50), URL: link})
			}
			q, err = r.Request(m)
			require.NoError(t, err)
			require.True(t, json.Valid(q.Body))
			require.Equal(t, r.MaxButtons, strings.Count(string(q.Body), link))
			if strings.HasPrefix(name, "slack") {
				require.NotContains(t, string(q.Body), strings.Repeat("Review ", 11), "Slack takes 75 characters")
			}
		})
	}
	require.Zero(t, open(t, "discord").MaxButtons)
}
