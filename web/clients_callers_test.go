package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/runs"
)

// A form of a new client with its hidden fields, as a browser would send it.
func filledFor(s *clientSite, source string, changes ...string) url.Values {
	page := s.get("/admin/clients/new?source=" + source).body
	form := url.Values{"allowedAgents": {"triage"}, "default": {"triage"}, "kind": {"passthrough"}}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], m[2])
	}
	for _, m := range regexp.MustCompile(`<input id="field-[^"]+" type="text" name="([^"]+)" value="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], m[2])
	}
	for _, m := range regexp.MustCompile(`(?s)<select id="field-[^"]+" name="(auth-\d+-scheme)">(.*?)</select>`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], "")
		if chosen := regexp.MustCompile(`<option value="([^"]+)"[^>]* selected>`).FindStringSubmatch(m[2]); chosen != nil {
			form.Set(m[1], chosen[1])
		}
	}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

func TestEveryCallerHasACardAndAForm(t *testing.T) {
	s := newClientSite(t)
	cards := s.get("/admin/clients/new?commandId=daily").body
	for _, source := range append(clients.Sources(), "ci", "schedule", "hmac", "header", "query") {
		address := "/admin/clients/new?source=" + source
		require.Contains(t, cards, `href="`+address+`&amp;commandId=daily"`)
		require.Contains(t, s.get(address).body, `<input type="hidden" name="caller" value="`+source+`">`)
	}
	require.Contains(t, s.get("/admin/clients/new?source=nobody").body, "the system that sends the calls")
	require.Contains(t, s.get("/admin/clients/new?source=generic&commandId=daily").body, `<option value="daily" selected>`)
	back := s.get("/admin/clients/new/callers")
	require.Equal(t, http.StatusSeeOther, back.StatusCode)
}

// Beckon makes the secret where the sender takes any, shows it once, and says where it belongs.
func TestASecretIsMadeForASenderThatTakesAny(t *testing.T) {
	for _, source := range []string{"github", "gitlab", "gitea", "bitbucket", "grafana", "jira"} {
		t.Run(source, func(t *testing.T) {
			s := newClientSite(t)
			got := s.post("/admin/clients/new", filledFor(s, source, "id", "hub"))
			require.Equal(t, http.StatusOK, got.StatusCode)
			kept := s.saved("hub").Item
			require.Len(t, kept.Secret, 1)
			require.Len(t, kept.Secret[0].Reveal(), 64)
			require.Contains(t, got.body, `<code id="secret">`+kept.Secret[0].Reveal()+`</code>`)
			require.Contains(t, got.body, `<code id="url">https://beckon.example/api/v1/webhooks/hub</code>`)
			require.Contains(t, got.body, "Waiting for the first call")
			require.NotContains(t, s.get("/admin/clients/hub").body, kept.Secret[0].Reveal())
		})
	}
	s := newClientSite(t)
	typed := s.post("/admin/clients/new", filledFor(s, "github", "id", "hub", "secret", "typed-by-me"))
	require.NotContains(t, typed.body, `id="secret"`)
	require.Equal(t, clients.Secrets{"typed-by-me"}, s.saved("hub").Item.Secret)
}

// The secret of a sender that makes it itself comes after the URL.
func TestASecretThatTheSenderMakesIsGivenAfterwards(t *testing.T) {
	for _, source := range []string{"stripe", "slack", "pagerduty", "sentry", "shopify", "linear", "twilio", "standard-webhooks"} {
		t.Run(source, func(t *testing.T) {
			s := newClientSite(t)
			got := s.post("/admin/clients/new", filledFor(s, source, "id", "pay"))
			require.Equal(t, http.StatusOK, got.StatusCode)
			require.Contains(t, got.body, `action="/admin/clients/pay/secret"`)
			const given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
			require.Equal(t, http.StatusUnprocessableEntity, s.post("/admin/clients/pay/secret", url.Values{"secret": {" "}}).StatusCode)
			saved := s.post("/admin/clients/pay/secret", url.Values{"secret": {given}})
			require.Equal(t, "/admin/clients/pay/arrival", saved.Header.Get("Location"))
			require.Equal(t, clients.Secrets{given}, s.saved("pay").Item.Secret)
			require.NotContains(t, s.get("/admin/clients/pay/arrival").body, given)
		})
	}
}

func TestAClientOfEverySourceIsMadeByItsForm(t *testing.T) {
	more := map[string][]string{"sns": {"auth-0-topicArn", "arn:aws:sns:eu-west-1:123456789012:alarms"}, "ci": {"auth-0-claims", "repository=acme/shop\nref=refs/heads/*"},
		"hmac": {"auth-0-header", "X-Sum"}, "schedule": {"kind", "command", "prompt", "Report.", "schedule", "0 7 * * *"},
		"form": {"form.origins", "https://acme.example"}}
	for _, source := range append(clients.Sources(), "ci", "schedule", "hmac", "header", "query") {
		t.Run(source, func(t *testing.T) {
			s := newClientSite(t)
			got := s.post("/admin/clients/new", filledFor(s, source, append(more[source], "id", "one")...))
			require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
			kept := s.saved("one")
			require.Empty(t, kept.Warnings)
			if kept.Item.NeedsToken() && source != "schedule" {
				require.Regexp(t, aToken, got.body)
			}
			switch source {
			case "alertmanager":
				require.Equal(t, []clients.Auth{{Scheme: "basic"}}, kept.Item.Auth)
			case "eventgrid":
				require.Regexp(t, `<code id="url">https://beckon.example/api/v1/webhooks/one\?key=mgc_`, got.body)
			case "form":
				require.Regexp(t, `<code id="url">https://beckon.example/f/pk_`, got.body)
			case "hmac":
				require.Contains(t, got.body, `<code id="secret">`+kept.Item.Auth[0].Secret[0].Reveal()+`</code>`)
			case "ci":
				require.Equal(t, map[string]string{"repository": "acme/shop", "ref": "refs/heads/*"}, kept.Item.Auth[0].Claims)
			}
		})
	}
}

// What auth has stays when the form is saved, and each secret stays with its proof, also when another one is removed.
func TestProofsInTheForm(t *testing.T) {
	s := newClientSite(t)
	all := []clients.Auth{
		{Scheme: "hmac", Secret: clients.Secrets{"first-secret"}, Header: "X-One", Content: "{{ .timestamp }}\n{{ .body }}", TimestampHeader: "X-Time", Tolerance: 60e9},
		{Scheme: "hmac", Secret: clients.Secrets{"second-secret", "older-secret"}, Header: "X-Two", Algorithm: "sha512", Encoding: "base64", Prefix: "v1=", IDHeader: "X-Id"},
		{Scheme: "oidc", Issuer: "https://gitlab.example", Audience: "beckon", Claims: map[string]string{"project_path": "acme/shop"}},
		{Scheme: "header", Name: "X-Token"},
	}
	s.have(clients.Client{ID: "ci", Auth: all})
	page := s.get("/admin/clients/ci").body
	for _, a := range all {
		for _, one := range a.Secret {
			require.NotContains(t, page, one.Reveal())
		}
	}
	form := filled("version", "1", "respond", "async")
	for i, a := range all {
		path := "auth-" + string(rune('0'+i)) + "-"
		form.Set(path+"place", string(rune('1'+i)))
		for name, value := range map[string]string{"scheme": a.Scheme, "name": a.Name, "header": a.Header, "prefix": a.Prefix, "algorithm": a.Algorithm, "encoding": a.Encoding, "content": strings.ReplaceAll(a.Content, "\n", "\r\n"),
			"timestampHeader": a.TimestampHeader, "idHeader": a.IDHeader, "issuer": a.Issuer, "audience": a.Audience} {
			form.Set(path+name, value)
		}
	}
	form.Set("auth-0-tolerance", "1m")
	form.Set("auth-2-claims", "project_path=acme/shop\r\n")
	require.Equal(t, http.StatusSeeOther, s.post("/admin/clients/ci", form).StatusCode)
	require.Equal(t, all, s.saved("ci").Item.Auth)
	require.Equal(t, "async", s.saved("ci").Item.Respond)

	form.Set("version", "2")
	form.Set("auth-0-scheme", "")
	form.Set("auth-2-claims", "nonsense")
	wrong := s.post("/admin/clients/ci", form)
	require.Equal(t, http.StatusUnprocessableEntity, wrong.StatusCode)
	require.Contains(t, wrong.body, "is not name=value")
	require.Regexp(t, `<input type="hidden" name="auth-0-place" value="2">`, wrong.body, "the first is gone, and the second knows where it came from")
	form.Set("auth-2-claims", "project_path=acme/*")
	require.Equal(t, http.StatusSeeOther, s.post("/admin/clients/ci", form).StatusCode)
	kept := s.saved("ci").Item.Auth
	require.Equal(t, clients.Secrets{"second-secret", "older-secret"}, kept[0].Secret)
	require.Len(t, kept, 3)

	form = filled("version", "3", "auth-0-scheme", "github", "auth-0-place", "1", "auth-0-header", "X-Two")
	require.Contains(t, s.post("/admin/clients/ci", form).body, "needs the secret", "another scheme does not get the secret of the one before")
	form.Set("auth-0-secret", "a-new-secret")
	require.Equal(t, http.StatusSeeOther, s.post("/admin/clients/ci", form).StatusCode)
	require.Equal(t, clients.Secrets{"a-new-secret"}, s.saved("ci").Item.Auth[0].Secret)
	require.Equal(t, http.StatusSeeOther, s.post("/admin/clients/ci", filled("version", "4")).StatusCode)
	require.Len(t, s.saved("ci").Item.Auth, 1, "a form without proofs leaves them alone")
}

func TestWhatArrivedIsShown(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "hub", Source: "github", Secret: clients.Secrets{"x"}})
	since := s.saved("hub").Item.Since
	arrival := func() string { return s.get("/admin/clients/hub/arrival").body }
	require.Contains(t, arrival(), "Waiting for the first call")
	require.Contains(t, arrival(), `data-refresh="2" hx-get="/admin/clients/hub/arrival"`)

	refuse := func(at time.Time) {
		require.NoError(t, s.store.Write(context.Background(), func(tx store.Tx) error {
			return store.Refuse(tx, []store.RefusedCall{{At: at, Status: 401, Code: "unauthorized", ClientID: "hub", Reason: "The signature does not match: the secret is another one."}})
		}))
	}
	refuse(since.Add(-time.Hour))
	require.Contains(t, arrival(), "Waiting for the first call", "a refused call of another client that had the id")
	refuse(since.Add(time.Second))
	require.NotContains(t, arrival(), "Waiting for the first call")
	require.Contains(t, arrival(), "A call was refused: Wrong signature.")
	require.Contains(t, arrival(), "The signature does not match")

	s.arrivals = map[string]calls.Arrival{"hub": {At: since.Add(-time.Minute), Scheme: "github", Handshake: true}}
	require.NotContains(t, arrival(), "signature of GitHub", "it was of another client that had the id")
	s.arrivals["hub"] = calls.Arrival{At: since.Add(2 * time.Second), Scheme: "github", Handshake: true}
	require.Contains(t, arrival(), "authenticated by the signature of GitHub")
	require.Contains(t, arrival(), "only tested the connection")
	require.NotContains(t, arrival(), "A call was refused")
	require.Contains(t, arrival(), "data-refresh")

	s.called("run_a", "hub", runs.Completed, "")
	require.NoError(t, s.store.Write(context.Background(), func(tx store.Tx) error {
		return tx.Exec("UPDATE runs SET created_at = ? WHERE id = 'run_a'", since.Add(3*time.Second).UnixMilli())
	}))
	s.arrivals["hub"] = calls.Arrival{At: since.Add(3 * time.Second), Scheme: "github", RunID: "run_a", Event: &calls.ArrivedEvent{Type: "pull_request", Action: "opened", Title: "A <title>", Severity: "high"}}
	for _, page := range []string{arrival(), s.get("/admin/clients/hub").body} {
		for _, part := range []string{"<code>pull_request</code> <code>opened</code>", "A &lt;title&gt;", "high", `href="/admin/runs/run_a"`, "COMPLETED", ">in</pre>"} {
			require.Contains(t, page, part)
		}
		require.NotContains(t, page, "data-refresh", "nothing more is to come")
	}
	first := s.arrivals["hub"]
	added := first
	added.At, added.Event = since.Add(4*time.Second), &calls.ArrivedEvent{Type: "alert", State: "resolved"}
	s.arrivals["hub"] = added
	require.Contains(t, arrival(), "It was added to the run of an earlier call")
	require.Contains(t, arrival(), "<dd>resolved</dd>")
	require.NotContains(t, arrival(), ">in</pre>", "the prompt of the earlier call")
	s.arrivals["hub"] = first
	require.NotContains(t, arrival(), "It was added")
	refuse(since.Add(4 * time.Second))
	require.Contains(t, arrival(), "A call was refused")
	require.Contains(t, arrival(), "An earlier call arrived")
	require.Contains(t, arrival(), "data-refresh")
	require.Equal(t, http.StatusNotFound, s.get("/admin/clients/nobody/arrival").StatusCode)
}

// Another gateway on the database took the call: its run is known all the same.
func TestWhatArrivedElsewhereIsShownByItsRun(t *testing.T) {
	s := newClientSite(t)
	token := s.have(clients.Client{ID: "hub"})
	require.NotEqual(t, secret.String(""), token)
	require.NoError(t, s.store.Write(context.Background(), func(tx store.Tx) error {
		at := s.saved("hub").Item.Since.Add(time.Second).UnixMilli()
		return tx.Exec(`INSERT INTO runs (id, status, client_id, workflow_id, source, input, output, total_tokens, created_at, started_at) VALUES ('run_b', 'RUNNING', 'hub', 'triage', 'webhook', 'What is new?', '', 0, ?, ?)`, at, at)
	}))
	page := s.get("/admin/clients/hub/arrival").body
	require.Contains(t, page, "<strong>A call arrived</strong>.")
	require.Contains(t, page, "What is new?")
	require.Contains(t, page, "data-refresh", "the run goes on")
}
