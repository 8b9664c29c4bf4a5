package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/calls"
)

// The page learns what the last call said and how it was proved, also of a handshake and a repeated one, and nothing of one that was refused.
func TestTheLastArrivalOfAClient(t *testing.T) {
	c := newCallers(t, "https://issuer.example")
	const body = `{"action":"opened","pull_request":{"number":7,"title":"Ship the thing","state":"open"},"repository":{"full_name":"acme/shop"}}`
	signature := func(text string) string { return "X-Hub-Signature-256: sha256=" + mac("hub-old", text) }
	last := func(id string) calls.Arrival {
		a, _ := c.calls.LastArrival(id)
		return a
	}
	response, _ := c.post("hub", body, "X-GitHub-Event: pull_request", signature("other"))
	require.Equal(t, 401, response.StatusCode)
	_, arrived := c.calls.LastArrival("hub")
	require.False(t, arrived)

	c.post("hub", `{}`, "X-GitHub-Event: ping", signature(`{}`))
	require.True(t, last("hub").Handshake)
	require.Equal(t, "github", last("hub").Scheme)
	require.Empty(t, last("hub").RunID)

	response, _ = c.post("hub", body, "X-GitHub-Event: pull_request", "X-GitHub-Delivery: 1", signature(body))
	require.Equal(t, 202, response.StatusCode)
	first := last("hub")
	require.Equal(t, response.Header.Get("Beckon-Run-Id"), first.RunID)
	require.Equal(t, &calls.ArrivedEvent{Type: "pull_request", Action: "opened", Title: "#7 Ship the thing", State: "open"}, first.Event)
	require.False(t, first.Repeated || first.Handshake)

	c.post("hub", body, "X-GitHub-Event: pull_request", "X-GitHub-Delivery: 1", signature(body))
	require.True(t, last("hub").Repeated)
	require.Equal(t, first.RunID, last("hub").RunID)

	c.post("ci", "hello", "Authorization: Bearer t0ken", "Content-Type: text/plain")
	require.Equal(t, "bearer", last("ci").Scheme)
	require.NotEmpty(t, last("ci").RunID)
	require.Nil(t, last("ci").Event, "it has no source")
}
