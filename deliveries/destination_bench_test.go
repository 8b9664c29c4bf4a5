package deliveries

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an attempt costs before it is sent, to an endpoint in the default format and to destinations.
func BenchmarkPrepare(b *testing.B) {
	m := completed()
	answer, err := json.Marshal("# Disk full on db-1\n\n" + strings.Repeat("The **disk** of `db-1` is at _98 %_, see [the runbook](https://docs.example.com).\n\n", 8))
	require.NoError(b, err)
	m.Payload = json.RawMessage(strings.Replace(string(m.Payload), `"Rollback <b>done</b> & „quoted“ \"text\"\n2"`, string(answer), 1))
	require.Contains(b, string(m.Payload), "runbook")
	b.Run("run", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = formats[0].render(m)
		}
	})
	s := &Service{Config: Config{Version: "test"}}
	for _, e := range []Endpoint{{Format: "slack", URL: "https://hooks.slack.com/services/T/B/x"}, {Format: "discord", URL: "https://discord.com/api/webhooks/1/x"},
		{Format: "teams", URL: "https://example.com/x"}, {Format: "mattermost", URL: "https://example.com/x"}, {Format: "google-chat", URL: "https://example.com/x"},
		{Format: "telegram", Secret: "123456:ABCDEFGHIJKL", To: "1"}, {Format: "ntfy", To: "ops"}, {Format: "email", URL: "mailto:ops@example.com"},
		{Format: "http", URL: "https://example.com", Body: `{"text": {{json .data.output}}}`}} {
		receiver, found := e.destination().Open(e.settings())
		require.Empty(b, found)
		t := &target{Endpoint: e, receiver: &receiver}
		b.Run(e.Format, func(b *testing.B) {
			for b.Loop() {
				_, _ = s.prepareDestination(exchange{}, t, m)
			}
		})
	}
}
