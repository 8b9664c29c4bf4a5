package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/web"
)

// Where the answers go is chosen where a client is created.
func TestWhereAnswersGoIsChosenWithTheClient(t *testing.T) {
	r := newTraffic(t)
	r.endpoint(deliveries.Endpoint{ID: "chat", Name: "Chat <b>", URL: "https://203.0.113.7/hook", Format: "slack", Clients: []string{"ci"}})
	r.endpoint(deliveries.Endpoint{ID: "all", URL: "https://203.0.113.7/hook"})
	page := r.get("/admin/clients/new?source=alertmanager").body
	require.Regexp(t, `id="field-sendTo"[^>]*>\s*<legend>`+web.LabelsOf("client")["sendTo"]+`</legend>`, page)
	require.Regexp(t, `name="sendTo" value="chat"> <span>Chat &lt;b&gt; <small>Slack</small>`, page)
	require.Regexp(t, `name="sendTo" value="all" checked disabled> <span>all <small>Webhook; receives the answers of all clients</small>`, page)

	made := r.post("/admin/clients/new", filledIn(url.Values{"name": {"Night"}, "caller": {"alertmanager"}, "source": {"alertmanager"}, "auth-0-scheme": {"basic"}, "kind": {"passthrough"}, "allowedAgents": {"triage"},
		"enabled": {"true"}, "sendTo": {"chat"}, "newEndpoint": {"discord"}, "endpointURL": {"https://203.0.113.7/webhooks/s3cret"}}))
	require.Equal(t, http.StatusOK, made.StatusCode, made.body)
	chat, _ := r.kept("chat")
	require.Equal(t, []string{"ci", "night"}, chat.Clients)
	discord, _ := r.kept("discord-night")
	require.Equal(t, deliveries.Endpoint{ID: "discord-night", Name: "Discord: Night", Format: "discord", URL: "https://203.0.113.7/webhooks/s3cret", Clients: []string{"night"}}, discord)
	for _, part := range []string{"Night is ready", "1. Copy the URL and the token", "2. Set up Alertmanager", "basic_auth:", "Send a test call now", `DiskFull`, "4. See where the answer goes", `href="/admin/endpoints/discord-night"`, `href="/admin/endpoints/chat"`, `href="/admin/endpoints/all"`} {
		require.Contains(t, made.body, part)
	}
	require.NotContains(t, made.body, "s3cret", "the URL is as good as a password")
	require.Contains(t, r.get("/admin/clients/night/arrival").body, `href="/admin/endpoints/discord-night"`)
}

// A new webhook is signed: its secret is shown with the token, this once.
func TestTheSecretOfAWebhookThatIsCreatedWithAClient(t *testing.T) {
	r := newTraffic(t)
	made := r.post("/admin/clients/new", filled("id", "", "name", "Jobs", "newEndpoint", "run", "endpointURL", "https://203.0.113.7/hook"))
	require.Equal(t, http.StatusOK, made.StatusCode, made.body)
	kept, _ := r.kept("webhook-jobs")
	require.Contains(t, html.UnescapeString(made.body), `<code id="endpoint-secret">`+kept.Secret.Reveal()+`</code>`)
}

// A mistake in the new endpoint is reported with those of the client, and no client is created.
func TestNoClientIsCreatedWithAnEndpointThatIsWrong(t *testing.T) {
	r := newTraffic(t)
	for name, row := range map[string]struct {
		changes []string
		says    string
	}{
		"no URL":  {[]string{"newEndpoint", "slack"}, `<a href="#field-endpointURL">URL of the new endpoint</a>`},
		"private": {[]string{"newEndpoint", "slack", "endpointURL", "https://10.1.2.3/hook"}, `allowPrivate: ["127.0.0.0/8", "203.0.113.0/24", "10.1.2.3/32"]`},
		"unknown": {[]string{"newEndpoint", "pigeon", "endpointURL", "https://203.0.113.7/hook"}, `<a href="#field-newEndpoint">New endpoint</a>`},
		"both":    {[]string{"newEndpoint", "teams", "endpointURL", "x", "syncTimeout", "soon"}, `<a href="#field-syncTimeout">`},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.post("/admin/clients/new", filled(append([]string{"id", "fresh", "name", "Fresh"}, row.changes...)...))
			require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, got.body)
			require.Contains(t, html.UnescapeString(got.body), row.says)
			require.Regexp(t, `This could not be\s+saved`, got.body)
			require.NotContains(t, got.body, `name="newEndpoint" value="" checked`, "what was chosen stays chosen")
			require.Equal(t, http.StatusNotFound, r.get("/admin/clients/fresh").StatusCode)
		})
	}
}

// An endpoint of the configuration file does not change, and the client says so.
func TestAnEndpointOfTheFileDoesNotGetTheAnswers(t *testing.T) {
	r := newTraffic(t)
	made := r.post("/admin/clients/new", filled("id", "jobs", "sendTo", "gone", "newEndpoint", "other"))
	require.Equal(t, http.StatusOK, made.StatusCode)
	require.Contains(t, made.body, "The endpoint gone does not get the answers yet.")
	require.Contains(t, made.body, `href="/admin/endpoints/new?client=jobs"`)
}

// The page that leads to a form says what it is about, and the form has it.
func TestFormsBeginWithWhatTheyAreAbout(t *testing.T) {
	s := newClientSite(t)
	require.Contains(t, s.get("/admin/clients/new?agent=writer").body, `href="/admin/clients/new?source=github&amp;agent=writer"`)
	page := s.get("/admin/clients/new?source=github&agent=writer").body
	require.Regexp(t, `value="writer" aria-label="Allow writer" checked`, page)
	require.Regexp(t, `value="writer" aria-label="writer is the default" checked`, page)
	require.NotRegexp(t, `value="triage" aria-label="Allow triage" checked`, page)
	require.Contains(t, page, `href="/admin/clients/new?agent=writer"`, "to choose another client keeps the agent")

	n := newNouns(t)
	n.fill()
	require.Contains(t, n.get("/admin/agents/logs").body, `href="/admin/clients/new?agent=logs"`)
	connected := n.typed("/admin/providers/new?vendor=test", "name", "Mine", "type", "template", "template", "hi", "next", "agent")
	require.Equal(t, "/admin/agents/new?done=connected&provider=mine", connected.Header.Get("Location"))
	require.Contains(t, n.get(connected.Header.Get("Location")).body, "Next, create an agent that uses it.")
	require.Contains(t, n.get("/admin/providers/new?vendor=openai&next=agent").body, `<input type="hidden" name="next" value="agent">`)

	r := newTraffic(t)
	page = r.get("/admin/endpoints/new?client=ci&format=discord").body
	require.Regexp(t, `name="clients" value="ci" checked`, page)
	require.Regexp(t, `name="format" value="discord"[^>]* checked`, page)
	require.Regexp(t, `name="format" value="run"[^>]* checked`, r.get("/admin/endpoints/new?format=pigeon").body)
}

// The ID is made from the name, by the server too.
func TestTheNameComesBeforeTheID(t *testing.T) {
	s := newClientSite(t)
	page := s.get("/admin/clients/new?source=generic").body
	require.Less(t, strings.Index(page, `id="field-name"`), strings.Index(page, `id="field-id"`))
	require.Contains(t, page, `<details class="own-id" data-id-from="field-name">`)
	require.Equal(t, http.StatusOK, s.post("/admin/clients/new", filled("id", "", "name", "Übermut & Söhne")).StatusCode)
	require.Equal(t, "Übermut & Söhne", s.saved("ubermut-sohne").Item.Name)
	wrong := s.post("/admin/clients/new", filled("id", "C I")).body
	require.Contains(t, wrong, `<details class="own-id" data-id-from="field-name" open>`, "what is wrong is not folded")
}

// Every format has its card, which says where people find what it needs.
func TestEveryFormatHasACard(t *testing.T) {
	r := newTraffic(t)
	page := r.get("/admin/endpoints/new").body
	for _, f := range deliveries.Formats() {
		require.Regexp(t, `name="format" value="`+f.Name+`"`, page)
		m := regexp.MustCompile(`<p class="find-it" id="find-` + f.Name + `">(.+)</p>`).FindStringSubmatch(page)
		require.NotNil(t, m, f.Name)
		require.Greater(t, len(m[1]), 20, f.Name)
	}
	require.Contains(t, page, `At <a href="https://api.slack.com/apps" target="_blank" rel="noopener noreferrer">api.slack.com/apps</a>: open your app`)
	for _, m := range regexp.MustCompile(`class="find-it".*?<a href="(/docs/[^"#]+)(?:#([^"]+))?"`).FindAllStringSubmatch(page, -1) {
		guide := r.get(m[1])
		require.Equal(t, http.StatusOK, guide.StatusCode, m[1])
		if m[2] != "" {
			require.Contains(t, guide.body, `id="`+m[2]+`"`, m[1])
		}
	}
}

// A private address is refused with the lines that allow it.
func TestThePageSaysHowAPrivateAddressIsAllowed(t *testing.T) {
	s := newClientSite(t)
	for noFile, says := range map[bool]string{false: "add these lines to the configuration file", true: "create the configuration file"} {
		s.records.noFile = noFile
		got := s.post("/admin/clients/new", filled("id", "", "name", "Jobs", "newEndpoint", "slack", "endpointURL", "http://localhost:9000/hook"))
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
		require.Contains(t, html.UnescapeString(got.body), "egress:\n  allowPrivate: [\"127.0.0.1/32\"]")
		require.Contains(t, got.body, says)
		require.Contains(t, got.body, "<code>/etc/beckon/config.yaml</code>")
		require.Equal(t, noFile, strings.Contains(got.body, "restart Beckon"))
	}
}
