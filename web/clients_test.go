package web_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/calls"
	"beckon/calls/forms"
	"beckon/clients"
	"beckon/commands"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/units"
	"beckon/runs"
	"beckon/web"
)

const fileOfClients = `
providers: [{id: offline, type: template, template: hi}]
agents: [{id: triage, provider: offline}, {id: writer, provider: offline}]
flows: [{id: incident, root: {type: agent, agentId: triage}}]
commands: [{id: daily, prompt: "Write the <daily> report.", agentId: writer, description: For the morning}]
clients: [{id: filed, token: t0ken-of-the-file, passthrough: true, allowedAgents: [triage], webhookSecret: "whsec_c2VjcmV0LW9mLXRoZS1maWxlLW9mLTMyLWJ5dGVz"}]
`

// clientSite has the pages of clients on real services, but for the one that starts runs.
type clientSite struct {
	*browser
	editor *catalog.Editor
	calls  *calls.Service
	tried  []*calls.Request
	refuse error // what comes of the next try
	// arrivals are the last calls that proved themselves.
	arrivals map[string]calls.Arrival
	records  *records
}

func newClientSite(t *testing.T) *clientSite { return newClientSiteOf(t, fileOfClients) }

// newClientSiteOf is a site with a configuration file.
func newClientSiteOf(t *testing.T, file string) *clientSite {
	s := &clientSite{records: &records{}}
	site := newSite(t, func(c *web.Config) {
		s.editor = gatewaytest.Editor(t, c.Store, gatewaytest.Setup{File: file})
		v, err := s.editor.View(t.Context())
		require.NoError(t, err)
		inForce := calls.Catalog{Clients: &clients.Set{}, Agents: &agents.Set{}, Commands: commands.NewSet(catalog.All[commands.Command](v))}
		service := runs.New(runs.Config{Store: c.Store})
		s.calls = calls.New(calls.Config{Catalog: func() calls.Catalog { return inForce }, Runs: service, MaxBodyBytes: 1 << 20, Kept: keeping(t, c.Store)})
		c.Backend = &web.Backend{Editor: s.editor, Runs: service, Calls: s, Replays: s.calls, Refused: c.Store, Settings: s.records}
		c.PublicURL = "https://beckon.example/"
	})
	s.browser = site.signedIn()
	return s
}

func (s *clientSite) Preview(item clients.Client, r *calls.Request) (calls.Prompt, string, error) {
	return s.calls.Preview(item, r)
}

func (s *clientSite) LastArrival(id string) (calls.Arrival, bool) {
	a, ok := s.arrivals[id]
	return a, ok
}

func (s *clientSite) Try(_ context.Context, r *calls.Request) (string, error) {
	s.tried = append(s.tried, r)
	return "run_tried", s.refuse
}

func (s *clientSite) TryAgain(context.Context, *runs.Run) (string, error) {
	panic("no page of clients runs a run again")
}

func (s *clientSite) TryAgent(context.Context, string, string) (string, error) {
	panic("no page of clients tries an agent")
}

// have makes a client without the page.
func (s *clientSite) have(item clients.Client) secret.String {
	if item.AllowedAgents == nil {
		item.Passthrough, item.AllowedAgents = true, []string{"triage"}
	}
	_, token, err := catalog.Of[clients.Client](s.editor).Create(context.Background(), "test", item)
	require.NoError(s.t, err)
	return token
}

func (s *clientSite) saved(id string) catalog.Record[clients.Client] {
	record, err := catalog.Of[clients.Client](s.editor).Get(context.Background(), id)
	require.NoError(s.t, err)
	return record
}

// called puts a run of a client on record.
func (s *clientSite) called(id, client string, status runs.Status, message string) {
	require.NoError(s.t, s.store.Write(context.Background(), func(tx store.Tx) error {
		return tx.Exec(`INSERT INTO runs (id, status, client_id, workflow_id, source, input, output, error_code, error_message, total_tokens, created_at, started_at, completed_at)
			VALUES (?, ?, ?, 'triage', 'webhook', 'in', 'out', ?, ?, 10, ?, ?, ?)`, id, string(status), client, message, message, atMidnight.UnixMilli(), atMidnight.UnixMilli(), atMidnight.UnixMilli())
	}))
}

// filled is a form that can be sent as it is, with changes.
func filled(changes ...string) url.Values {
	form := url.Values{"id": {"ci"}, "kind": {"passthrough"}, "allowedAgents": {"triage"}, "default": {"triage"}, "enabled": {"true"}}
	for i := 0; i < len(changes); i += 2 {
		form[changes[i]] = []string{changes[i+1]}
		if changes[i] == "allowedAgents" {
			form[changes[i]] = strings.FieldsFunc(changes[i+1], func(r rune) bool { return r == ',' })
		}
	}
	return form
}

var (
	aToken          = regexp.MustCompile(`mgc_[0-9A-Za-z]{43}`)
	aMarker         = regexp.MustCompile(`untrusted-[a-z2-7]{26}`)
	aCallbackSecret = regexp.MustCompile(`whsec_[^<]+`) // as HTML has it
)

func TestClientPagesLookTheSame(t *testing.T) {
	s := newClientSite(t)
	for name, page := range map[string]func() answer{
		"client-callers": func() answer { return s.get("/admin/clients/new") },
		"client-new":     func() answer { return s.get("/admin/clients/new?source=generic") },
		"client-github":  func() answer { return s.get("/admin/clients/new?source=github") },
		"client-managed": func() answer { return s.get("/admin/clients/filed") },
		"client-wrong": func() answer {
			return s.post("/admin/clients/new", filled("id", "CI", "name", "<b>CI</b>", "kind", "command", "allowedAgents", "triage,gone", "syncTimeout", "soon", "rateRequests", "x", "sample", "<i>"))
		},
		"client-token": func() answer { return s.post("/admin/clients/new", filled("name", "A & B")) },
		"client": func() answer {
			s.have(clients.Client{ID: "alerts", Name: `"Alerts" <x>`, Passthrough: true, AllowedAgents: []string{"incident", "triage"}, Template: "{{.body.status}}: {{range .body.alerts}}{{.labels.name}}{{end}}",
				RateLimit: &clients.RateLimit{Requests: 60, Per: 60e9}, WebhookSecret: "whsec_c2VjcmV0LW9mLXRoZS1maWxlLW9mLTMyLWJ5dGVz"})
			s.called("run_01", "alerts", runs.Failed, "The provider said <no>.")
			return s.get("/admin/clients/alerts?done=saved")
		},
		"clients": func() answer {
			off := false
			s.have(clients.Client{ID: "off", Enabled: &off})
			s.called("run_02", "filed", runs.Completed, "")
			return s.get("/admin/clients?done=deleted")
		},
		"clients-empty": func() answer { return s.get("/admin/clients?after=zzz") },
	} {
		t.Run(name, func(t *testing.T) {
			s = newClientSite(t)
			got := page()
			require.Equal(t, "text/html; charset=UTF-8", got.Header.Get("Content-Type"))
			require.NotContains(t, got.body, "ZmlsZS1vZi0zMi1ieXRlcw", "no secret")
			body := aMarker.ReplaceAllString(strings.ReplaceAll(got.body, "/admin/assets/missing/", "/admin/assets/FINGERPRINT/"), "untrusted-MARKER")
			golden(t, name, aCallbackSecret.ReplaceAllString(aToken.ReplaceAllString(body, "mgc_TOKEN"), "whsec_SECRET"))
		})
	}
}

func TestMakeAClient(t *testing.T) {
	s := newClientSite(t)
	got := s.post("/admin/clients/new", filled("name", "CI", "kind", "template", "template", "{{.body.a}}\r\nend", "commandId", "daily", "allowedAgents", "triage,incident,writer", "default", "incident",
		"syncTimeout", "90s", "maxBodyBytes", "256KiB", "maxConcurrent", "4", "rateRequests", "60", "ratePer", "1m", "cors", "https://app.example.com\r\n\r\nhttp://localhost:5173\r\n", "cancelOnDisconnect", "true", "enabled", "true", "trusted", "false"))
	require.Equal(t, http.StatusOK, got.StatusCode, got.body)
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	token := aToken.FindString(got.body)
	require.NotEmpty(t, token)
	item := s.saved("ci").Item
	require.Equal(t, clients.Client{ID: "ci", Since: item.Since, Name: "CI", Passthrough: true, Template: "{{.body.a}}\nend", AllowedAgents: []string{"incident", "triage", "writer"}, SyncTimeout: 90e9, MaxBodyBytes: 256 << 10,
		MaxConcurrent: 4, RateLimit: &clients.RateLimit{Requests: 60, Per: 60e9}, CancelOnDisconnect: true, Trusted: new(bool),
		CORS: []string{"https://app.example.com", "http://localhost:5173"}}, item)
	require.Contains(t, s.get("/admin/clients/ci").body, "\nhttps://app.example.com\nhttp://localhost:5173</textarea>")
	require.NotContains(t, s.get("/admin/clients/ci").body+s.get("/admin/clients").body, token, "it is shown once")
	require.Equal(t, "/admin/clients/ci", s.get("/admin/clients/ci/token").Header.Get("Location"))

	again := s.post("/admin/clients/new", filled("name", "Mine"))
	require.Equal(t, http.StatusConflict, again.StatusCode)
	require.Contains(t, again.body, "There is already a client &#34;ci&#34;.")
	require.Contains(t, again.body, `<a href="#field-id">ID</a>`)
	require.Contains(t, again.body, `value="Mine"`)
}

func TestFormsThatAreWrongKeepWhatWasTyped(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci"})
	for name, row := range map[string]struct {
		changes []string
		field   string
		says    string
	}{
		"id":            {[]string{"id", "C I"}, "id", "lower-case"},
		"no agent":      {[]string{"allowedAgents", "", "default", ""}, "allowedAgents", "choose at least one"},
		"default":       {[]string{"default", "writer"}, "allowedAgents", "is to be the default"},
		"unknown agent": {[]string{"allowedAgents", "triage,gone"}, "allowedAgents", "gone"},
		"command":       {[]string{"kind", "command"}, "commandId", "choose the command"},
		"no template":   {[]string{"kind", "template"}, "template", "is empty"},
		"template":      {[]string{"kind", "template", "template", "{{.body"}, "template", "unclosed"},
		"kind":          {[]string{"kind", "magic"}, "kind", "choose where"},
		"wait":          {[]string{"syncTimeout", "soon"}, "syncTimeout", "is not a duration"},
		"long wait":     {[]string{"syncTimeout", "48h"}, "syncTimeout", "at most"},
		"size":          {[]string{"maxBodyBytes", "much"}, "maxBodyBytes", "is not a size"},
		"count":         {[]string{"maxConcurrent", "-1"}, "maxConcurrent", "must be a whole number, 0 or more"},
		"large count":   {[]string{"maxConcurrent", "99999999999999999999"}, "maxConcurrent", "is too large a number"},
		"half a rate":   {[]string{"rateRequests", "5"}, "rateLimit", "needs both: how many calls, and in which time"},
		"the other":     {[]string{"ratePer", "1m"}, "rateLimit", "needs both: how many calls, and in which time"},
		"no calls":      {[]string{"rateRequests", "0", "ratePer", "1m"}, "rateLimit", "calls must be a whole number, 1 or more"},
		"no time":       {[]string{"rateRequests", "5", "ratePer", "0s"}, "rateLimit", "the time must be longer than 0"},
		"schedule":      {[]string{"schedule", "at seven", "prompt", "work"}, "schedule", "Write five fields"},
		"no work":       {[]string{"schedule", "@daily"}, "schedule", "needs work to do"},
		"time zone":     {[]string{"timezone", "Berlin"}, "timezone", "such as Europe/Berlin"},
		"expected":      {[]string{"expectEvery", "often"}, "expectEvery", "is not a duration"},
		"secret":        {[]string{"webhookSecret", "hunter2"}, "webhookSecret", "Type them again before you save"},
		"besides":       {[]string{"webhookSecret", "whsec_c2VjcmV0LW9mLXRoZS1maWxlLW9mLTMyLWJ5dGVz", "syncTimeout", "soon"}, "syncTimeout", "Type them again before you save"},
	} {
		t.Run(name, func(t *testing.T) {
			form := filled(append([]string{"id", "fresh", "name", "Typed <here>"}, row.changes...)...)
			got := s.post("/admin/clients/new", form)
			require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, got.body)
			require.Contains(t, got.body, `href="#field-`+row.field+`"`)
			require.Contains(t, got.body, `id="field-`+row.field+`"`)
			require.Contains(t, got.body, row.says)
			require.Contains(t, got.body, "Typed &lt;here&gt;")
			require.NotContains(t, got.body, "hunter2")
			if row.field == "id" {
				return
			}
			form.Set("version", "1")
			got = s.post("/admin/clients/ci", form)
			require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
			require.Contains(t, got.body, `href="#field-`+row.field+`"`)
			require.Empty(t, s.saved("ci").Item.Name)
		})
	}
}

func TestTheDefaultMayAnswer(t *testing.T) {
	s := newClientSite(t)
	require.Equal(t, http.StatusOK, s.post("/admin/clients/new", filled("allowedAgents", "", "default", "writer")).StatusCode)
	require.Equal(t, []string{"writer"}, s.saved("ci").Item.AllowedAgents)
}

// A client without a command runs its own prompt, and its metadata is JSON.
func TestWorkOfAClient(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}})
	got := s.post("/admin/clients/ci", filled("kind", "command", "prompt", "Do\r\nit.", "metadata", `{"n": 9007199254740993}`, "version", "1"))
	require.Equal(t, "/admin/clients/ci?done=saved", got.Header.Get("Location"), got.body)
	saved := s.saved("ci").Item
	require.Equal(t, "Do\nit.", saved.Prompt)
	require.Equal(t, units.Object{"n": 9007199254740993}, saved.Metadata)
	require.False(t, saved.Passthrough)
	page := s.get("/admin/clients/ci").body
	require.Contains(t, page, "Do\nit.</textarea>")
	require.Contains(t, page, "{\n  &#34;n&#34;: 9007199254740993\n}</textarea>")
	require.Contains(t, s.get("/admin/clients").body, ">Default prompt</td>")
	got = s.post("/admin/clients/ci", filled("metadata", `[1]`, "version", "2"))
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, got.body, "must be a JSON object such as")
	require.Equal(t, http.StatusUnprocessableEntity, s.post("/admin/clients/ci", filled("kind", "command", "version", "2")).StatusCode, "there is nothing to run")
}

func TestChangeAClient(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, WebhookSecret: "whsec_c2VjcmV0LW9mLXRoZS1maWxlLW9mLTMyLWJ5dGVz"})
	got := s.post("/admin/clients/ci", filled("name", "Mine", "version", "1"))
	require.Equal(t, "/admin/clients/ci?done=saved", got.Header.Get("Location"))
	require.Equal(t, "Mine", s.saved("ci").Item.Name)
	require.NotEmpty(t, s.saved("ci").Item.WebhookSecret, "what is not typed stays")
	require.Contains(t, s.get("/admin/clients/ci?done=saved").body, "Saved. The change is active.")
	require.NotContains(t, s.get("/admin/clients/ci?done=<script>").body, "<script>")

	for _, stale := range []string{"1", "", "-7", "x"} {
		got = s.post("/admin/clients/ci", filled("name", "Theirs", "version", stale))
		require.Equal(t, http.StatusConflict, got.StatusCode, stale)
		require.Contains(t, got.body, "Someone else saved this")
		require.Contains(t, got.body, `value="Theirs"`)
		require.Contains(t, got.body, `name="version" value="2"`, "to save again is to overwrite")
		require.Equal(t, "Mine", s.saved("ci").Item.Name)
	}
	require.Equal(t, http.StatusNotFound, s.post("/admin/clients/none", filled("version", "1")).StatusCode)
	require.Equal(t, http.StatusNotFound, s.get("/admin/clients/none").StatusCode)
}

func TestPauseAndEndAClient(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci", Name: "CI"})
	got := s.post("/admin/clients/ci/enabled", url.Values{"enabled": {"false"}, "version": {"1"}})
	require.Equal(t, "/admin/clients/ci?done=disabled", got.Header.Get("Location"))
	require.False(t, s.saved("ci").Item.IsEnabled())
	require.Contains(t, s.get("/admin/clients").body, ">Disabled</span> <small>calls are refused")
	require.Equal(t, http.StatusConflict, s.post("/admin/clients/ci/enabled", url.Values{"enabled": {"true"}, "version": {"1"}}).StatusCode)
	got = s.post("/admin/clients/ci/enabled", url.Values{"enabled": {"true"}, "version": {"2"}})
	require.Equal(t, "/admin/clients/ci?done=enabled", got.Header.Get("Location"))
	require.True(t, s.saved("ci").Item.IsEnabled())
	require.Equal(t, "CI", s.saved("ci").Item.Name)

	require.Equal(t, http.StatusConflict, s.post("/admin/clients/ci/delete", deletion("ci", "2")).StatusCode)
	require.Equal(t, "/admin/clients?done=deleted", s.post("/admin/clients/ci/delete", deletion("ci", "3")).Header.Get("Location"))
	require.Equal(t, http.StatusNotFound, s.get("/admin/clients/ci").StatusCode)
	require.Equal(t, http.StatusNotFound, s.post("/admin/clients/ci/delete", deletion("ci", "3")).StatusCode)
}

// What the file declares is not changed here, whatever a browser sends.
func TestAClientOfTheFileStays(t *testing.T) {
	s := newClientSite(t)
	page := s.get("/admin/clients/filed").body
	require.Contains(t, page, "configuration file")
	require.Contains(t, page, "<fieldset disabled>")
	require.NotContains(t, page, "/admin/clients/filed/delete")
	require.NotContains(t, page, "/admin/clients/filed/token")
	for path, form := range map[string]url.Values{"": filled("name", "Mine", "version", "1"), "/delete": deletion("filed", "1"), "/enabled": {"enabled": {"false"}}, "/token": {"overlap": {"0"}}} {
		got := s.post("/admin/clients/filed"+path, form)
		require.Equal(t, http.StatusConflict, got.StatusCode, path)
		require.Contains(t, got.body, "declared in the configuration file", path)
		require.NotContains(t, got.body, "Mine")
	}
}

func TestNewTokens(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci"})
	for overlap, left := range map[string]int{"0": 1, "1h": 2, "24h": 2, "7d": 2} {
		got := s.post("/admin/clients/ci/token", url.Values{"overlap": {overlap}})
		require.Equal(t, http.StatusOK, got.StatusCode)
		token := aToken.FindString(got.body)
		require.Contains(t, got.body, `data-settle="/admin/clients/ci"`, "to load it again makes no other token")
		alive, err := clients.Credentials(s.store.Read(t.Context()))
		require.NoError(t, err)
		require.Len(t, alive["ci"], left, overlap)
		require.Equal(t, clients.HashOf(token), newest(alive["ci"]).Hash)
		if left == 2 {
			want := map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 168 * time.Hour}[overlap]
			require.WithinDuration(t, time.Now().Add(want), oldest(alive["ci"]).Expires, time.Minute)
		}
	}
	for _, wrong := range []string{"", "5m", "9999h"} {
		got := s.post("/admin/clients/ci/token", url.Values{"overlap": {wrong}})
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
		require.NotRegexp(t, aToken, got.body)
	}
	require.Equal(t, http.StatusNotFound, s.post("/admin/clients/none/token", url.Values{"overlap": {"0"}}).StatusCode)
}

// The secret for callbacks is shown once: with the token that it follows from, or when a new one is made.
func TestCallbackSecretsOfClients(t *testing.T) {
	s := newClientSite(t)
	created := s.post("/admin/clients/new", filled("id", "", "name", "Alert handler"))
	require.Equal(t, http.StatusOK, created.StatusCode, created.body)
	token := aToken.FindString(created.body)
	require.Contains(t, html.UnescapeString(created.body), clients.CallbackSecret(clients.HashOf(token)).Reveal())
	require.Contains(t, created.body, `data-copy="callback-secret"`)
	require.Contains(t, created.body, "Alert handler is ready")

	replaced := s.post("/admin/clients/alert-handler/webhook-secret", nil)
	require.Equal(t, http.StatusOK, replaced.StatusCode, replaced.body)
	kept := s.saved("alert-handler").Item.WebhookSecret
	require.NotEmpty(t, kept)
	require.Contains(t, html.UnescapeString(replaced.body), kept.Reveal())
	require.Contains(t, replaced.body, "stays valid for 24 hours")
	require.NotRegexp(t, aToken, replaced.body)
	require.NotContains(t, html.UnescapeString(s.get("/admin/clients/alert-handler").body), kept.Reveal(), "it is shown once")
	require.Equal(t, "/admin/clients/alert-handler", s.get("/admin/clients/alert-handler/webhook-secret").Header.Get("Location"))

	rotated := s.post("/admin/clients/alert-handler/token", url.Values{"overlap": {"0"}})
	require.Regexp(t, aToken, rotated.body)
	require.Contains(t, rotated.body, "The webhook secret has not changed.")
	refused := s.post("/admin/clients/filed/webhook-secret", nil)
	require.Equal(t, http.StatusConflict, refused.StatusCode)
	require.Contains(t, refused.body, "declared in the configuration file")
}

// A new key of a form is asked for twice, and ends the old one at once.
func TestANewFormKey(t *testing.T) {
	s := newClientSite(t)
	created := s.post("/admin/clients/new", filled("id", "contact", "name", "Contact", "source", "form", "form.origins", "https://acme.example"))
	require.Less(t, created.StatusCode, 400, created.body)
	key := s.saved("contact").Item.Form.Key
	page := s.get("/admin/clients/contact").body
	require.Contains(t, page, `action="/admin/clients/contact/form-key"`)
	require.Contains(t, page, key)

	refused := s.post("/admin/clients/contact/form-key", nil)
	require.Equal(t, http.StatusUnprocessableEntity, refused.StatusCode)
	require.Contains(t, refused.body, "Confirm that your pages may stop")
	require.Equal(t, key, s.saved("contact").Item.Form.Key)

	made := s.post("/admin/clients/contact/form-key", url.Values{"sure": {"true"}})
	require.Equal(t, http.StatusSeeOther, made.StatusCode, made.body)
	form := s.saved("contact").Item.Form
	require.True(t, forms.ValidKey(form.Key))
	require.NotEqual(t, key, form.Key)
	require.False(t, form.HasKey(key, time.Now()), "the old one stops at once")
	after, _, _ := strings.Cut(s.get(made.Header.Get("Location")).body, `data-panel="audit"`) // which has what was before
	require.Contains(t, after, "The form has a new address.")
	require.Contains(t, after, form.Key)
	require.NotContains(t, after, key)
	list, _, err := s.editor.AuditEntries(t.Context(), catalog.AuditQuery{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []string{"rotate-form-key", "contact"}, []string{list[0].Action, list[0].ResourceID})

	require.Equal(t, http.StatusOK, s.post("/admin/clients/new", filled("id", "ci", "name", "CI")).StatusCode)
	require.NotContains(t, s.get("/admin/clients/ci").body, "/form-key", "it has no form")
	require.Equal(t, http.StatusConflict, s.post("/admin/clients/ci/form-key", url.Values{"sure": {"true"}}).StatusCode)
}

func newest(list []clients.Credential) clients.Credential {
	for _, c := range list {
		if c.Expires.IsZero() {
			return c
		}
	}
	return clients.Credential{}
}

func oldest(list []clients.Credential) clients.Credential {
	for _, c := range list {
		if !c.Expires.IsZero() {
			return c
		}
	}
	return clients.Credential{}
}

// A form that was cut off changes nothing.
func TestAClientsFormIsBounded(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci"})
	got := s.post("/admin/clients/ci", filled("version", "1", "name", "Mine", "template", strings.Repeat("x", 2<<20)))
	require.GreaterOrEqual(t, got.StatusCode, 400)
	require.Contains(t, got.body, "The form is larger than")
	require.Empty(t, s.saved("ci").Item.Name)
}

func TestManyClients(t *testing.T) {
	s := newClientSite(t)
	for i := range 60 {
		s.have(clients.Client{ID: "c" + string(rune('a'+i/10)) + string(rune('0'+i%10))})
	}
	first := s.get("/admin/clients").body
	require.Equal(t, 50, strings.Count(first, "<tr><th scope=\"row\" class=\"first\">"))
	require.Contains(t, first, `href="/admin/clients?after=ce9"`)
	second := s.get("/admin/clients?after=ce9").body
	require.Equal(t, 11, strings.Count(second, "<tr><th scope=\"row\" class=\"first\">"))
	require.NotContains(t, second, "?after=")
	require.Contains(t, second, `href="/admin/clients"`)
}

func TestClientsAreForAdministrators(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci"})
	stranger := s.site.browser()
	for _, path := range []string{"", "/new", "/ci"} {
		require.Equal(t, http.StatusSeeOther, stranger.get("/admin/clients"+path).StatusCode)
	}
	for _, path := range []string{"/new", "/new/preview", "/ci", "/ci/preview", "/ci/try", "/ci/token", "/ci/webhook-secret", "/ci/enabled", "/ci/delete"} {
		got := stranger.post("/admin/clients"+path, filled("version", "1", "overlap", "0"))
		require.Equal(t, http.StatusUnauthorized, got.StatusCode, path)
		require.Equal(t, http.StatusForbidden, s.post("/admin/clients"+path, filled("version", "1"), "Sec-Fetch-Site", "cross-site").StatusCode, path)
	}
	require.EqualValues(t, 1, s.saved("ci").Version)
	require.Empty(t, s.tried)
}
