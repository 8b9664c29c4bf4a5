package web_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
)

// endpointForm is a form that can be sent as it is, with changes.
func endpointForm(changes ...string) url.Values {
	form := url.Values{"id": {"ops"}, "name": {""}, "url": {"https://203.0.113.7/hook"}, "enabled": {"true"}, "format": {"run"}, "signature": {"standard"}, "retry": {"svix"}}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			form.Del(changes[i])
			continue
		}
		form[changes[i]] = strings.Split(changes[i+1], "|")
	}
	return form
}

func (r *traffic) kept(id string) (deliveries.Endpoint, int64) {
	record, err := catalog.Of[deliveries.Endpoint](r.editor).Get(context.Background(), id)
	require.NoError(r.t, err)
	return record.Item, record.Version
}

func TestEndpointPagesLookTheSame(t *testing.T) {
	r := newTraffic(t)
	key := regexp.MustCompile(`whpk_[A-Za-z0-9+/=]+|whsec_[A-Za-z0-9+/=]+|\d{4}-\d\d-\d\dT\d\d:\d\d"`)
	same := func(name, page string) {
		golden(t, name, key.ReplaceAllString(strings.ReplaceAll(page, "&#43;", "+"), "VARIES"))
	}
	same("endpoints", r.get("/admin/endpoints").body)
	same("endpoint-new", r.get("/admin/endpoints/new").body)
	same("endpoint-managed", r.get("/admin/endpoints/filed").body)
	same("endpoint-secret", r.post("/admin/endpoints/new", endpointForm("name", "A <b>", "headerName", "X-Key", "headerValue", "h3ader", "events", "run.failed|run.completed", "otherEvents", "lead.won",
		"format", "template", "template", `{"text": {{json .type}}}`, "retry", "list", "waits", "10s 1m", "agents", "triage", "clients", "ci")).body)
	same("endpoint-wrong", r.post("/admin/endpoints/new", endpointForm("id", "O P S", "url", "http://127.0.0.1:1/<b>", "agents", "gone, triage", "timeout", "soon", "headerName", "Webhook-Id|X-Key", "headerValue", "x|",
		"secret", "s3cret-typed", "events", "run.failed|run.failed", "retry", "list")).body)
	r.insert("deliveries", map[string]any{"id": deliveryID(1), "lane": "endpoint:ops", "endpoint_id": "ops", "event_id": "evt_1", "type": "run.failed", "status": "PENDING", "reason": "first",
		"first_at": 0, "due_at": inAges.UnixMilli(), "created_at": atMidnight.UnixMilli()}, nil)
	r.insert("endpoint_states", map[string]any{"endpoint_id": "ops", "failing_since": atMidnight.UnixMilli(), "disabled_at": atMidnight.UnixMilli(), "disabled_reason": "gone"}, nil)
	require.NoError(t, r.store.Write(t.Context(), catalog.Touch))
	require.NoError(t, r.editor.Refresh(t.Context()))
	same("endpoints-troubled", r.get("/admin/endpoints").body)
	same("endpoint-disabled", r.get("/admin/endpoints/ops").body)
}

func TestNoEndpoints(t *testing.T) {
	r := newTraffic(t)
	require.Contains(t, r.get("/admin/endpoints?after=zz").body, "There are no more.", r.site.log.String())
	for i := range 60 {
		r.endpoint(deliveries.Endpoint{ID: fmt.Sprintf("e%02d", i), URL: "https://203.0.113.7/hook"})
	}
	first := r.get("/admin/endpoints")
	require.Equal(t, 50, strings.Count(first.body, `<th scope="row" class="first">`))
	require.Contains(t, first.body, `href="/admin/endpoints?after=e49"`)
	second := r.get("/admin/endpoints?after=e49")
	require.Equal(t, 11, strings.Count(second.body, `<th scope="row" class="first">`))
	require.Contains(t, second.body, "/admin/endpoints/filed")
}

var aWhsec = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`)

// The secret is shown once, and it is the one that signs.
func TestTheSecretOfAnEndpointIsShownOnce(t *testing.T) {
	r := newTraffic(t)
	to := newReceiver(t, http.StatusNoContent)
	made := r.post("/admin/endpoints/new", endpointForm("url", to.URL, "headerName", "X-Key", "headerValue", "h3ader"))
	require.Equal(t, http.StatusOK, made.StatusCode)
	require.Equal(t, "no-store", made.Header.Get("Cache-Control"))
	first := aWhsec.FindString(html.UnescapeString(made.body))
	require.NotEmpty(t, first)
	require.Contains(t, made.body, `data-settle="/admin/endpoints/ops"`)

	verified := func(with string) bool {
		got := r.post("/admin/endpoints/ops/test", nil)
		require.Equal(t, http.StatusSeeOther, got.StatusCode)
		require.Contains(t, got.Header.Get("Location"), "?done=tested")
		page := r.get(got.Header.Get("Location")).body
		require.Contains(t, page, "The receiver accepted it.")
		require.Contains(t, page, "endpoint.test")
		require.NotContains(t, page, "h3ader")
		header, body, _ := to.got()
		require.Equal(t, "h3ader", header.Get("X-Key"))
		require.Equal(t, "endpoint.test", object(t, body)["type"])
		_, err := signature.Verify(header, body, secret.String(with), "", time.Now())
		return err == nil
	}
	require.True(t, verified(first))

	rotated := r.post("/admin/endpoints/ops/secret", nil)
	second := aWhsec.FindString(html.UnescapeString(rotated.body))
	require.NotEmpty(t, second)
	require.NotEqual(t, first, second)
	require.Contains(t, rotated.body, "The previous one stays valid until")
	require.True(t, verified(second))
	require.True(t, verified(first), "for a day")

	everything := html.UnescapeString(r.get("/admin/endpoints/ops").body+r.get("/admin/endpoints").body+r.get("/admin/deliveries").body) + r.log.String()
	entries := storetest.Rows[string](t, r.store, "SELECT COALESCE(before, '') || COALESCE(after, '') FROM audit")
	require.NotEmpty(t, entries)
	everything += strings.Join(entries, "")
	for _, hidden := range []string{first, second, "h3ader"} {
		require.NotContains(t, everything, hidden)
	}
	require.Equal(t, []string{"test endpoints/ops", "test endpoints/ops", "rotate endpoints/ops", "test endpoints/ops", "create endpoints/ops"}, r.audited())
	require.Equal(t, "/admin/endpoints/ops", r.get("/admin/endpoints/ops/secret").Header.Get("Location"))
}

// The names that agents and flows give to events are boxes like the others, and each can be tested with.
func TestEventsOfYourOwnAreOffered(t *testing.T) {
	r := newTraffic(t)
	to := newReceiver(t, http.StatusNoContent)
	page := r.get("/admin/endpoints/new").body
	require.Contains(t, page, `<input type="checkbox" name="events" value="lead.completed">`)
	_, _, err := catalog.Of[agents.Provider](r.editor).Create(t.Context(), "test", agents.Provider{ID: "own", Type: "template", Template: "x"})
	require.NoError(t, err)
	_, _, err = catalog.Of[agents.Agent](r.editor).Create(t.Context(), "test", agents.Agent{ID: "lead", Provider: "own", Events: map[string]string{"run.completed": "lead.completed"}})
	require.NoError(t, err)
	made := r.post("/admin/endpoints/new", endpointForm("url", to.URL, "events", "lead.completed"))
	require.Equal(t, http.StatusOK, made.StatusCode, made.body)
	page = r.get("/admin/endpoints/ops").body
	require.Contains(t, page, `<input type="checkbox" name="events" value="lead.completed" checked>`)
	require.Contains(t, page, `name="otherEvents" value=""`)
	require.Contains(t, page, "<option>lead.completed</option>")
	got := r.post("/admin/endpoints/ops/test", url.Values{"event": {"lead.completed"}})
	require.Equal(t, http.StatusSeeOther, got.StatusCode, got.body)
	_, body, _ := to.got()
	require.Equal(t, "lead.completed", object(t, body)["type"])
	got = r.post("/admin/endpoints/ops/test", url.Values{"event": {"run.exploded"}})
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, html.UnescapeString(got.body), `there is no event "run.exploded"`)
}

func TestAnEndpointWithAKeyPair(t *testing.T) {
	r := newTraffic(t)
	to := newReceiver(t, http.StatusNoContent)
	aKey := regexp.MustCompile(`whpk_[A-Za-z0-9+/=]+`)
	made := r.post("/admin/endpoints/new", endpointForm("url", to.URL, "signature", "standard-ed25519"))
	gateway := aKey.FindString(html.UnescapeString(made.body))
	require.NotEmpty(t, gateway)
	require.Contains(t, made.body, "It is not secret and stays on this page.")
	require.Contains(t, made.body, "http://localhost:8080/.well-known/webhook-keys.json")
	require.Contains(t, html.UnescapeString(r.get("/admin/endpoints/ops").body), gateway)
	own := aKey.FindString(html.UnescapeString(r.post("/admin/endpoints/ops/secret", nil).body))
	require.NotEmpty(t, own)
	require.NotEqual(t, gateway, own)
	r.post("/admin/endpoints/ops/test", nil)
	header, body, _ := to.got()
	for _, key := range []string{own, gateway} {
		_, err := signature.Verify(header, body, secret.String(key), "", time.Now())
		require.NoError(t, err)
	}
	require.NotContains(t, r.get("/admin/endpoints/ops").body, "whsk_")

	// Another endpoint with the same key shows it, too.
	e, _ := r.kept("ops")
	r.endpoint(deliveries.Endpoint{ID: "second", URL: to.URL, Signature: "standard-ed25519", Secret: e.Secret})
	require.Contains(t, html.UnescapeString(r.get("/admin/endpoints/second").body), own)
}

func TestWhatTheFormKeeps(t *testing.T) {
	r := newTraffic(t)
	got := r.post("/admin/endpoints/new", endpointForm("name", "Ops", "events", "run.failed|run.completed", "otherEvents", "lead.won, lead.lost", "agents", "triage incident", "clients", "ci", "format", "template",
		"template", "{\"text\":\r\n {{json .type}}}", "signature", "hmac-sha256-hex", "vendor", "Acme", "retry", "list", "waits", "10s, 1m", "timeout", "5s", "rateLimit", "7", "headerName", "X-Env||X-Key", "headerValue", "prod-value||s3cret-key"))
	require.Equal(t, http.StatusOK, got.StatusCode, got.body)
	e, _ := r.kept("ops")
	require.NotEmpty(t, e.Secret)
	e.Secret = ""
	require.Equal(t, deliveries.Endpoint{ID: "ops", Name: "Ops", URL: "https://203.0.113.7/hook", Events: []string{"run.failed", "run.completed", "lead.won", "lead.lost"}, Agents: []string{"triage", "incident"},
		Clients: []string{"ci"}, Format: "{\"text\":\n {{json .type}}}", Signature: "hmac-sha256-hex", Vendor: "Acme", Retry: deliveries.Retry{Waits: []units.Duration{units.Duration(10 * time.Second), units.Duration(time.Minute)}},
		Timeout: units.Duration(5 * time.Second), RateLimit: 7, Headers: map[string]secret.String{"X-Env": "prod-value", "X-Key": "s3cret-key"}}, e)
	page := r.get("/admin/endpoints/ops").body
	require.Contains(t, page, `value="X-Env"`)
	require.NotContains(t, page, "prod-value")
	require.NotContains(t, page, "s3cret-key")

	// What is as it is by default is left out, headers keep their values however they are spelled, and what is left empty is taken away.
	r.post("/admin/endpoints/ops", endpointForm("version", "1", "vendor", "Beckon", "timeout", "30s", "headerName", "x-env|X-New", "headerValue", "|new", "signature", "hmac-sha256-hex"))
	e, version := r.kept("ops")
	require.Equal(t, int64(2), version)
	require.NotEmpty(t, e.Secret)
	e.Secret = ""
	require.Equal(t, deliveries.Endpoint{ID: "ops", URL: "https://203.0.113.7/hook", Signature: "hmac-sha256-hex", Headers: map[string]secret.String{"x-env": "prod-value", "X-New": "new"}}, e)
}

// Each of the secrets before the newest signs for a time of its own.
func TestTheSecretsBeforeThisOne(t *testing.T) {
	r := newTraffic(t)
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: "https://203.0.113.7/hook"})
	require.NotContains(t, r.get("/admin/endpoints/ops").body, "before this one")
	require.Contains(t, r.post("/admin/endpoints/ops/secret", nil).body, "<dt>Previous secret</dt><dd>valid until <time")
	page := r.post("/admin/endpoints/ops/secret", nil).body
	require.Regexp(t, `<dt>Previous secrets</dt><dd>valid until <time[^\n]*<br>valid until <time`, page)
	e, _ := r.kept("ops")
	require.Len(t, e.Retired, 2)
	for _, old := range e.Retired {
		require.Contains(t, page, old.Until.UTC().Format("2006-01-02 15:04:05 UTC"))
		require.NotContains(t, html.UnescapeString(page), old.Secret.Reveal())
	}
}

func TestAnEndpointsFormSaysWhatIsWrong(t *testing.T) {
	r := newTraffic(t)
	r.endpoint(deliveries.Endpoint{ID: "taken", URL: "https://203.0.113.7/hook"})
	for name, row := range map[string]struct {
		changes     []string
		field, says string
	}{
		"an id that is none":  {[]string{"id", "O PS"}, "id", "must be 1 to 63 lower-case letters"},
		"a taken id":          {[]string{"id", "taken"}, "id", "There is already"},
		"no URL":              {[]string{"url", ""}, "url", "is required"},
		"a variable":          {[]string{"headerName", "X-Key", "headerValue", "${KEY}"}, "headers", "that is for the configuration file"},
		"a URL that is none":  {[]string{"url", "ftp://x"}, "url", ""},
		"a private URL":       {[]string{"url", "http://10.0.0.1/"}, "url", ""},
		"an unknown agent":    {[]string{"agents", "triage, gone"}, "agents", "gone"},
		"an unknown client":   {[]string{"clients", "gone"}, "clients", "gone"},
		"an event's bad name": {[]string{"otherEvents", "A B!"}, "otherEvents", "number 1: "},
		"one of two":          {[]string{"events", "run.failed|node.failed", "otherEvents", "run.queued, B!"}, "otherEvents", "number 2: "},
		"an unknown format":   {[]string{"format", "xml"}, "format", "must be run, payload"},
		"an empty template":   {[]string{"format", "template"}, "template", "has no {{…}}"},
		"a broken template":   {[]string{"format", "template", "template", "{{.x"}, "template", ""},
		"no JSON at all":      {[]string{"format", "template", "template", `{"text": {{json .type}}`}, "template", "which ends too early"},
		"not chosen":          {[]string{"template", `{"text": {{json .type}}}`}, "template", "is filled in but not selected"},
		"waits not chosen":    {[]string{"waits", "1s, 2s"}, "waits", "are filled in but not selected"},
		"a bad signature":     {[]string{"signature", "md5"}, "signature", "must be standard"},
		"a bad vendor":        {[]string{"vendor", "A B"}, "vendor", "letters, digits and hyphens"},
		"a bad policy":        {[]string{"retry", "never"}, "retry", "must be svix"},
		"no waits":            {[]string{"retry", "list"}, "waits", "write how long to wait"},
		"a wait that is none": {[]string{"retry", "list", "waits", "soon"}, "waits", "soon"},
		"a wait of nothing":   {[]string{"retry", "list", "waits", "1m, 0s"}, "waits", "number 2: must be more than 0"},
		"a bad timeout":       {[]string{"timeout", "1h"}, "timeout", "must be between"},
		"no duration":         {[]string{"timeout", "x"}, "timeout", ""},
		"a bad limit":         {[]string{"rateLimit", "many"}, "rateLimit", ""},
		"our own header":      {[]string{"headerName", "Webhook-Id", "headerValue", "x"}, "headers", "Webhook-Id: cannot be set"},
		"a mask":              {[]string{"headerName", "X-A", "headerValue", "•••"}, "headers", "X-A: has no value"},
		"no value":            {[]string{"headerName", "X-A", "headerValue", ""}, "headers", "X-A: has no value"},
		"no name":             {[]string{"headerName", "|X", "headerValue", "typed-value|x"}, "headers", "a value has no name"},
		"a header twice":      {[]string{"headerName", "X-A|X-A", "headerValue", "x|y"}, "headers", "X-A: is there twice"},
		"a short secret":      {[]string{"secret", "whsec_c2hvcnQ="}, "secret", ""},
	} {
		t.Run(name, func(t *testing.T) {
			form := endpointForm(append([]string{"name", "Kept & shown"}, row.changes...)...)
			got := r.post("/admin/endpoints/new", form)
			require.GreaterOrEqual(t, got.StatusCode, 409)
			require.Less(t, got.StatusCode, 423)
			require.Contains(t, got.body, "This could not be saved.")
			require.Contains(t, got.body, strings.NewReplacer("{{", "{{", "&", "&amp;").Replace(row.says))
			require.Contains(t, got.body, `value="Kept &amp; shown"`)
			require.NotContains(t, got.body, "typed-value")
			require.NotContains(t, got.body, "whsec_c2hvcnQ=")
			if row.field != "" {
				require.Contains(t, got.body, `<a href="#field-`+row.field+`">`)
				require.Contains(t, got.body, ` id="field-`+row.field+`"`, "the summary leads to the field")
			}
			if strings.Contains(strings.Join(row.changes, " "), "secret") {
				require.Contains(t, got.body, "Type them again before you save")
			}
		})
	}
	list, err := catalog.Of[deliveries.Endpoint](r.editor).List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 2, "nothing was made")
}

func TestSomebodyElseChangedTheEndpoint(t *testing.T) {
	r := newTraffic(t)
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: "https://203.0.113.7/hook"})
	e, version := r.kept("ops")
	e.Name = "Theirs"
	_, err := catalog.Of[deliveries.Endpoint](r.editor).Update(t.Context(), "mia", e, version)
	require.NoError(t, err)
	for _, stale := range []string{"1", "", "x", "-5"} {
		got := r.post("/admin/endpoints/ops", endpointForm("name", "Mine", "version", stale))
		require.Equal(t, http.StatusConflict, got.StatusCode, stale)
		require.Contains(t, got.body, "Someone else saved this")
		require.Contains(t, got.body, `value="Mine"`)
		require.Contains(t, got.body, `name="version" value="2"`, "who has read that may go on")
	}
	require.Equal(t, http.StatusConflict, r.post("/admin/endpoints/ops/delete", deletion("ops", "1")).StatusCode)
	now, _ := r.kept("ops")
	require.Equal(t, "Theirs", now.Name)
	got := r.post("/admin/endpoints/ops", endpointForm("name", "Mine", "version", "2"))
	require.Equal(t, "/admin/endpoints/ops?done=saved", got.Header.Get("Location"))
	require.Contains(t, r.get("/admin/endpoints/ops?done=saved").body, "Saved. The change is active.")
	got = r.post("/admin/endpoints/ops", endpointForm("version", "3", "signature", "hmac-sha256-hex"))
	require.Equal(t, "/admin/endpoints/ops?done=signature", got.Header.Get("Location"))
	require.Contains(t, r.get("/admin/endpoints/ops?done=signature").body, "The new signature has a new secret")
	got = r.post("/admin/endpoints/ops/delete", deletion("ops", "4"))
	require.Equal(t, "/admin/endpoints?done=deleted", got.Header.Get("Location"))
	require.Equal(t, http.StatusNotFound, r.get("/admin/endpoints/ops").StatusCode)
}

func TestAnEndpointOfTheFile(t *testing.T) {
	r := newTraffic(t)
	page := r.get("/admin/endpoints/filed").body
	require.Contains(t, page, "This is defined in the configuration file")
	require.NotContains(t, page, "/admin/endpoints/filed/delete")
	require.NotContains(t, page, "/admin/endpoints/filed/secret")
	require.NotContains(t, r.get("/admin/endpoints").body, "s3cret", "a list shows hosts alone")
	for path, form := range map[string]url.Values{"": endpointForm("version", "1"), "/delete": deletion("filed", "1"), "/secret": {}} {
		got := r.post("/admin/endpoints/filed"+path, form)
		require.Equal(t, http.StatusConflict, got.StatusCode, path)
		require.Contains(t, got.body, "is declared in the configuration file: change it there.")
	}
	e, _ := r.kept("filed")
	require.Equal(t, "https://hooks.example/services/T0/s3cret?key=s3cret", e.URL)
	require.Equal(t, http.StatusSeeOther, r.post("/admin/endpoints/filed/disable", nil).StatusCode, "to disable it is no change of the file")
	require.Contains(t, r.get("/admin/endpoints/filed").body, "Somebody disabled it.")
}

func TestEnableDisableAndRecover(t *testing.T) {
	r := newTraffic(t)
	to := newReceiver(t, http.StatusNoContent)
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: to.URL})
	require.Equal(t, "/admin/endpoints/ops?done=disabled", r.post("/admin/endpoints/ops/disable", nil).Header.Get("Location"))
	page := r.get("/admin/endpoints/ops?done=disabled").body
	require.Contains(t, page, "The endpoint is disabled.")
	require.Contains(t, page, "/admin/endpoints/ops/enable")
	refused := r.post("/admin/endpoints/ops/recover", url.Values{"since": {"2026-02-17T00:00"}})
	require.Equal(t, http.StatusConflict, refused.StatusCode)
	require.Contains(t, refused.body, "is disabled. Enable it first.")
	require.Equal(t, "/admin/endpoints/ops?done=enabled", r.post("/admin/endpoints/ops/enable", nil).Header.Get("Location"))

	for i, created := range []time.Time{atMidnight.Add(-time.Hour), atMidnight, atMidnight.Add(time.Hour)} {
		r.delivery(deliveryID(i), map[string]any{"lane": "endpoint:ops", "endpoint_id": "ops", "status": "FAILED", "payload": `{"type":"run.failed","createdAt":"2026-02-18T00:00:00.000Z"}`,
			"created_at": created.UnixMilli(), "completed_at": created.UnixMilli()})
	}
	for _, since := range []string{"", "soon", "2026-13-01T00:00", "<b>"} {
		got := r.post("/admin/endpoints/ops/recover", url.Values{"since": {since}})
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, since)
		require.Contains(t, got.body, `<a href="#field-since">`)
		require.Contains(t, got.body, `<details id="recover" open>`)
	}
	got := r.post("/admin/endpoints/ops/recover", url.Values{"since": {"2026-02-18T00:00"}})
	require.Equal(t, "/admin/endpoints/ops?done=recovered&n=2", got.Header.Get("Location"))
	require.Contains(t, r.get("/admin/endpoints/ops?done=recovered&n=2").body, "2 deliveries are sent again.")
	require.Eventually(t, func() bool { _, _, count := to.got(); return count == 2 }, patience, 5*time.Millisecond)
	require.Equal(t, []string{"recover endpoints/ops", "enable endpoints/ops", "disable endpoints/ops"}, r.audited())
	for query, says := range map[string]string{"n=0": "No delivery has failed since then", "n=1": "1 delivery is sent again", "n=1234": "1,234 deliveries", "n=%3Cb%3E": "", "n=-1": ""} {
		page := r.get("/admin/endpoints/ops?done=recovered&" + query).body
		require.Contains(t, page, says)
		require.NotContains(t, page, "<b>")
	}

	off := false
	r.endpoint(deliveries.Endpoint{ID: "off", URL: to.URL, Enabled: &off})
	page = r.get("/admin/endpoints/off").body
	require.Contains(t, page, "It is disabled in its settings.")
	require.NotContains(t, page, "/admin/endpoints/off/enable")
	require.Equal(t, http.StatusConflict, r.post("/admin/endpoints/off/enable", nil).StatusCode)
}

// What is kept and not in force says why, and can be put right.
func TestAnEndpointThatIsNotInForce(t *testing.T) {
	r := newTraffic(t)
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: "https://203.0.113.7/hook", Agents: []string{"triage"}})
	require.NoError(t, r.store.Write(t.Context(), func(tx store.Tx) error {
		if err := tx.Exec("UPDATE resources SET spec = REPLACE(spec, 'triage', 'gone') WHERE kind = 'endpoints'"); err != nil {
			return err
		}
		return catalog.Touch(tx)
	}))
	require.Contains(t, r.get("/admin/endpoints").body, "Not active")
	page := r.get("/admin/endpoints/ops").body
	require.Contains(t, page, "This is saved but not active:")
	require.NotContains(t, page, "/admin/endpoints/ops/test")
	require.NotContains(t, page, "/admin/endpoints/ops/recover")
	require.Equal(t, http.StatusSeeOther, r.post("/admin/endpoints/ops", endpointForm("version", "1", "agents", "triage")).StatusCode)
	require.NotContains(t, r.get("/admin/endpoints").body, "Not active")
}

func TestAnEndpointCalledNew(t *testing.T) {
	r := newTraffic(t)
	r.post("/admin/endpoints/new", endpointForm("id", "new"))
	require.Contains(t, r.get("/admin/endpoints").body, `href="/admin/endpoints/-new"`)
	require.Contains(t, r.get("/admin/endpoints/-new").body, "<h1>new")
	got := r.post("/admin/endpoints/-new", endpointForm("version", "1", "name", "New"))
	require.Equal(t, "/admin/endpoints/-new?done=saved", got.Header.Get("Location"))
}

func TestActionsOnWhatIsNotThere(t *testing.T) {
	r := newTraffic(t)
	for _, action := range []string{"", "/delete", "/secret", "/test", "/enable", "/disable"} {
		require.Equal(t, http.StatusNotFound, r.post("/admin/endpoints/none"+action, url.Values{"version": {"1"}}).StatusCode, action)
	}
	require.Empty(t, r.audited())
	require.True(t, problem.Is(r.deliveries.Enable(t.Context(), "none"), problem.NotFound))
}
