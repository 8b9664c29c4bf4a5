package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/events"
	"beckon/internal/repository"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

const originFile = `
database: {url: %q}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: says, type: template, template: "done"}]
agents: [{id: a, provider: says}]
clients:
  - {id: hub, source: github, secret: hub-secret, allowedAgents: [a]}
  - {id: shown, token: sh0wn, source: github, auth: [{scheme: header, name: X-Pass}], allowedAgents: [a]}
  - {id: ci, token: t0ken, passthrough: true, allowedAgents: [a]}
endpoints:
  - {id: all, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [run.completed],
     format: '{"event": {{ with .run.event }}{{ json (list .source .key .labels.number .signed) }}{{ else }}null{{ end }}}'}
`

// A run keeps what its call has told, and templates see it. A call of a client without a source tells nothing.
func TestARunKeepsWhatItsCallHasTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		to, sent := receiver(t)
		c := callers{start(t, load(t, fmt.Sprintf(originFile, url, to)))}
		number := strings.Repeat("7", 5000)
		told := func(title string) string {
			return `{"action":"opened","issue":{"number":12,"title":"` + title + `","html_url":"https://github.com/acme/shop/issues/12"},"repository":{"full_name":"acme/shop"}}`
		}
		origin := func(run *runs.Run) (o events.Origin) {
			require.NoError(t, json.Unmarshal(run.Origin, &o))
			return o
		}
		body := told(number)
		r, text := c.post("hub", body, "X-Hub-Signature-256: sha256="+mac("hub-secret", body), "X-GitHub-Event: issues", "X-GitHub-Delivery: 1", asJSON)
		require.Less(t, r.StatusCode, 300, text)
		kept := c.run(r)
		require.Less(t, len(kept.Origin), 4<<10)
		o := origin(kept)
		require.True(t, o.Signed)
		require.Equal(t, []string{"github", "issues", "opened", "acme/shop#12", "acme/shop", "12", "https://github.com/acme/shop/issues/12"},
			[]string{o.Source, o.Type, o.Action, o.Key, o.Subject, o.Labels["number"], o.URL})
		require.Equal(t, &repository.Place{Repository: "acme/shop", Thing: repository.Issue, Number: "12"}, o.Place)
		require.JSONEq(t, `{"event": ["github", "acme/shop#12", "12", true]}`, <-sent)

		r, text = c.post("shown", told("A bug"), "X-Pass: sh0wn", "X-GitHub-Event: issues", asJSON)
		require.Less(t, r.StatusCode, 300, text)
		require.False(t, origin(c.run(r)).Signed, "a token is no signature")
		require.JSONEq(t, `{"event": ["github", "acme/shop#12", "12", false]}`, <-sent)

		r, text = c.post("ci", "Hello", "Authorization: Bearer t0ken")
		require.Equal(t, 200, r.StatusCode, text)
		require.Nil(t, c.run(r).Origin)
		require.JSONEq(t, `{"event": null}`, <-sent)
	})
}
