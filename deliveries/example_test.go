package deliveries_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/internal/secret"
	"beckon/internal/store/storetest"
)

// An example shows the body that goes out, and where it goes, and no credential.
func TestAnExampleShowsWhatGoesOut(t *testing.T) {
	const hidden = "0123456789abcdef0123456789abcdef"
	answer := "All is well."
	for id, of := range map[string]struct {
		deliveries.Endpoint
		to, has string
	}{
		"plain":    {deliveries.Endpoint{URL: "https://ops.example.com/hook"}, "POST https://ops.example.com/hook", `"output": "` + answer + `"`},
		"template": {deliveries.Endpoint{URL: "https://ops.example.com/hook", Format: `{"text": {{json .data.output}}}`}, "POST https://ops.example.com/hook", `"text": "` + answer + `"`},
		"chat":     {deliveries.Endpoint{Format: "slack", URL: "https://hooks.slack.com/services/" + hidden}, "POST https://hooks.slack.com/•••", answer},
		"bot":      {deliveries.Endpoint{Format: "telegram", Secret: "123456:" + hidden, To: "1"}, "POST https://api.telegram.org/•••", answer},
		"alert":    {deliveries.Endpoint{Format: "pagerduty", Secret: hidden}, "POST https://events.pagerduty.com/•••", `"routing_key": "•••"`},
		"note":     {deliveries.Endpoint{Format: "pagerduty", Secret: hidden, From: "ops@example.com"}, "POST https://api.pagerduty.com/incidents/Q0EXAMPLE/notes", answer},
		"comment":  {deliveries.Endpoint{Format: "github", Secret: hidden, Repositories: []string{"acme/*"}}, "POST https://api.github.com/repos/acme/shop/issues/7/comments", answer},
		"status": {deliveries.Endpoint{Format: "gitlab", Secret: hidden, As: "status", Repositories: []string{"acme/app"}},
			"POST https://gitlab.com/api/v4/projects/acme%2Fapp/statuses/0000000000000000000000000000000000000000", `"description": "` + answer + `"`},
		"mail":    {deliveries.Endpoint{Format: "email", URL: "mailto:ops@example.com", Subject: "About {{.workflowId}}"}, " mailto:ops@example.com", "Subject: About triage\n\ntriage\n\n" + answer},
		"request": {deliveries.Endpoint{Format: "http", URL: "https://t.example.com/" + hidden, Method: "PUT", Body: "{{.data.output}}", Headers: map[string]secret.String{"X-Key": hidden}}, "PUT https://t.example.com/•••", answer},
	} {
		of.ID = id
		p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), of.Endpoint)
		example, err := p.Example(id)
		require.NoError(t, err, id)
		require.Equal(t, of.to, example.Method+" "+example.URL, id)
		require.Contains(t, example.Body, of.has, id)
		require.NotContains(t, example.Body+example.URL, hidden, id)
		require.Empty(t, p.all(deliveries.Query{EndpointID: id}), "nothing is sent")
	}
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), deliveries.Endpoint{ID: "wrong", Format: "http", URL: "https://t.example.com", Body: "{{.data.nothing}}"})
	_, err := p.Example("wrong")
	require.ErrorContains(t, err, "nothing")
}
