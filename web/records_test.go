package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/web"
)

// records are what the pages of what was done show; those of a test.
type records struct {
	clients   []string
	calls     []store.RefusedCall
	changes   []catalog.AuditEntry
	settings  []web.Setting
	trouble   string
	noFile    bool // Beckon has started without a configuration file
	exportErr error
}

func (r *records) RefusedCalls(context.Context, store.RefusedQuery) ([]store.RefusedCall, string, error) {
	return r.calls, "", nil
}

func (r *records) RefusedCall(_ context.Context, id string) (store.RefusedCall, error) {
	for _, call := range r.calls {
		if call.ID == id {
			return call, nil
		}
	}
	return store.RefusedCall{}, problem.New(problem.NotFound, "refused_call_not_found", "There is no such refused call.")
}

func (r *records) Settings() []web.Setting { return r.settings }
func (r *records) Trouble() string         { return r.trouble }
func (r *records) ConfigFile() (string, bool) {
	return "/etc/beckon/config.yaml", !r.noFile
}

func (r *records) Export(_ context.Context, w io.Writer) error {
	_, _ = io.WriteString(w, "# half of it\nclients: []\n")
	return r.exportErr
}

// newRecords is a browser that is signed in at a site that shows r.
func newRecords(t *testing.T, r *records) *browser {
	s := siteOn(t, storetest.Open(t, storetest.Default(t)))
	s.files["records.css"] = &fstest.MapFile{Data: []byte("this is records.css")}
	s.serve(func(c *web.Config) {
		c.Backend = &web.Backend{Refused: r, Settings: r, Editor: gatewaytest.Editor(t, s.store, gatewaytest.Setup{
			File: "providers: [{id: p, type: template, template: x}]\nagents: [{id: triage, provider: p}]"})}
	})
	b := s.signedIn()
	b.keep(r)
	return b
}

// keep puts clients and changes of r in the place of those that are in the store.
func (b *browser) keep(r *records) {
	require.NoError(b.t, b.store.Write(context.Background(), func(tx store.Tx) error {
		for _, table := range []string{"audit", "resources"} {
			require.NoError(b.t, tx.Exec("DELETE FROM "+table))
		}
		for _, id := range r.clients {
			allowed := "triage"
			if strings.HasPrefix(id, "broken") {
				allowed = hostile
			}
			spec, err := json.Marshal(clients.Client{ID: id, Passthrough: true, AllowedAgents: []string{allowed}})
			require.NoError(b.t, err)
			require.NoError(b.t, tx.Exec("INSERT INTO resources (kind, id, spec, version, created_at, updated_at) VALUES ('clients', ?, ?, 1, 0, 0)", id, string(spec)))
		}
		for i, e := range r.changes {
			id := fmt.Sprintf("aud_%026d", len(r.changes)-i)
			require.NoError(b.t, tx.Exec("INSERT INTO audit (id, at, who, action, section, resource_id, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				id, e.At.UnixMilli(), e.Who, e.Action, e.Section, e.ResourceID, textOrNull(e.Before), textOrNull(e.After)))
		}
		return catalog.Touch(tx)
	}))
}

func textOrNull(document json.RawMessage) any {
	if document == nil {
		return nil
	}
	return string(document)
}

// newKept is one that shows what is in its store.
func newKept(t *testing.T) *browser {
	s := siteOn(t, storetest.Open(t, storetest.Default(t)))
	s.serve(func(c *web.Config) { c.Backend = &web.Backend{Refused: s.store} })
	return s.signedIn()
}

const hostile = `<script>alert("x")</script>`

func someRecords() *records {
	at := atMidnight.Add(3*time.Hour + 7*time.Minute)
	return &records{
		clients: []string{"ci"},
		calls: []store.RefusedCall{
			{ID: "ref_3", At: at, Status: 401, Code: "unauthorized", Reason: "The call needs the token of this client.", Method: "POST", Path: "/api/v1/webhooks/ci?agent=…", RequestID: "req_3", ClientID: "ci",
				Address: "192.0.2.7", Headers: map[string]string{"Authorization": "Bearer •••", "User-Agent": "curl/8"}},
			{ID: "ref_2", At: at.Add(-time.Minute), Status: 404, Code: "route_not_found", Reason: "There is nothing at this address.", Method: "GET", Path: "/api/v1/" + hostile, Address: "2001:db8::1"},
			{ID: "ref_1", At: at.Add(-time.Hour), Status: 418, Code: hostile, Reason: hostile, Method: hostile, Path: hostile, ClientID: hostile, RequestID: hostile, Address: hostile,
				Headers: map[string]string{hostile: hostile}},
		},
		changes: []catalog.AuditEntry{
			{ID: "aud_4", At: at, Who: "admin", Action: "update", Section: "agents", ResourceID: "triage",
				Before: json.RawMessage(`{"id":"triage","systemPrompt":"Be brief.\nBe kind.\nBe correct.","temperature":0.20,"tools":["a","b"]}`),
				After:  json.RawMessage(`{"id":"triage","systemPrompt":"Be brief.\nBe polite.\nBe correct.","timeout":"5m","tools":["a"]}`)},
			{ID: "aud_3", At: at, Who: "admin token", Action: "rotate", Section: "clients", ResourceID: "ci", After: json.RawMessage(`{"overlap":"24h"}`)},
			{ID: "aud_2", At: at, Who: "admin", Action: "delete", Section: "clients", ResourceID: "old", Before: json.RawMessage(`{"id":"old","passthrough":true}`)},
			{ID: "aud_1", At: at, Who: hostile, Action: hostile, Section: hostile, ResourceID: hostile, Before: json.RawMessage(`{"a":"` + `<script>alert(1)</script>` + `"}`), After: json.RawMessage(`{"<b>":1}`)},
			{ID: "aud_0", At: at, Who: "command line", Action: "test", Section: "endpoints", ResourceID: "ops"},
		},
		settings: []web.Setting{{Key: "server.address", Value: "localhost:8080", Origin: "default", Description: "Where to listen; \":8080\": on all interfaces."}, {Key: "server.secretsKey", Value: "•••", Origin: "BECKON_SERVER_SECRETS_KEY"},
			{Key: "log.level", Value: hostile, Origin: "/etc/beckon.yaml:12"}, {Key: "egress.allowPrivate", Origin: "default"}},
	}
}

func TestRecordsLookTheSame(t *testing.T) {
	full, empty := newRecords(t, someRecords()), newRecords(t, &records{})
	for name, page := range map[string]answer{
		"refused": full.get("/admin/refused"), "refused-empty": empty.get("/admin/refused"), "refused-none-of": empty.get("/admin/refused?client=ci"),
		"refusedcall": full.get("/admin/refused/ref_3"), "refusedcall-hostile": full.get("/admin/refused/ref_1"),
		"audit": full.get("/admin/audit"), "audit-empty": empty.get("/admin/audit"), "audit-none-of": empty.get("/admin/audit?section=flows&id=x"),
		"settings": full.get("/admin/settings"),
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, http.StatusOK, page.StatusCode)
			require.NotContains(t, page.body, "<script>alert")
			golden(t, name, page.body)
		})
	}
}

func TestARefusedCallThatIsGone(t *testing.T) {
	b := newRecords(t, someRecords())
	got := b.get("/admin/refused/ref_none")
	require.Equal(t, http.StatusNotFound, got.StatusCode)
	require.Contains(t, got.body, "no such refused call")
}

// What an operator needs to know at three in the morning.
func TestAdviceOnRefusedCalls(t *testing.T) {
	for name, row := range map[string]struct {
		call   store.RefusedCall
		client *clients.Client
		want   string
		not    string
	}{
		"no header":      {call: store.RefusedCall{Status: 401, Code: "unauthorized", ClientID: "ci"}, client: &clients.Client{}, want: "had no Authorization header", not: "No client has"},
		"no scheme":      {call: store.RefusedCall{Status: 401, Code: "unauthorized", Headers: map[string]string{"Authorization": "•••"}}, want: "the word Bearer"},
		"basic":          {call: store.RefusedCall{Status: 401, Code: "unauthorized", Headers: map[string]string{"Authorization": "Basic •••"}}, want: "with Basic"},
		"empty token":    {call: store.RefusedCall{Status: 401, Code: "unauthorized", Headers: map[string]string{"Authorization": "Bearer"}}, want: "variable"},
		"two":            {call: store.RefusedCall{Status: 401, Code: "unauthorized", Headers: map[string]string{"Authorization": "Bearer •••, Bearer •••"}}, want: "more than one"},
		"wrong":          {call: store.RefusedCall{Status: 401, Code: "unauthorized", ClientID: "ci", Headers: map[string]string{"Authorization": "Bearer •••"}}, client: &clients.Client{}, want: "does not belong to this client"},
		"nobody's":       {call: store.RefusedCall{Status: 401, Code: "unauthorized", Headers: map[string]string{"Authorization": "Bearer •••"}}, want: "belongs to no client"},
		"no such client": {not: "does not belong", call: store.RefusedCall{Status: 401, Code: "unauthorized", ClientID: "cj", Headers: map[string]string{"Authorization": "Bearer •••"}}, want: `No client has the ID "cj"`},
		"unknown code":   {call: store.RefusedCall{Status: 422, Code: "something_new"}, want: "cannot be carried out"},
		"unknown status": {call: store.RefusedCall{Status: 499, Code: "something_new"}, want: "refused before a run"},
		"too often":      {call: store.RefusedCall{Status: 429, Code: "rate_limit_exceeded"}, want: "Retry-After"},
	} {
		t.Run(name, func(t *testing.T) {
			means, advice := web.ExplainRefusal(row.call, row.client)
			require.NotEmpty(t, means)
			require.NotEmpty(t, advice)
			require.Contains(t, means+strings.Join(advice, " "), row.want)
			if row.not != "" {
				require.NotContains(t, strings.Join(advice, " "), row.not)
			}
		})
	}
}

// Callers of clients that exist and that don't get one answer; the operator is told what was wrong.
func TestTheListTellsUnauthorizedCallsApart(t *testing.T) {
	for name, row := range map[string]struct {
		client, header string
		want           string
	}{
		"no such client": {"cj", "Bearer •••", "No such client."},
		"no token":       {"ci", "", "No token."},
		"wrong token":    {"ci", "Bearer •••", "Wrong token."},
		"empty token":    {"ci", "Bearer", "Empty token."},
		"basic":          {"ci", "Basic •••", "Not a Bearer token."},
		"two":            {"ci", "Bearer •••, Bearer •••", "Not a Bearer token."},
		"nobody's":       {"", "Bearer •••", "Wrong token."},
	} {
		t.Run(name, func(t *testing.T) {
			call := store.RefusedCall{ID: "ref_1", Status: 401, Code: "unauthorized", Reason: "As the caller was told.", ClientID: row.client}
			if row.header != "" {
				call.Headers = map[string]string{"Authorization": row.header}
			}
			b := newRecords(t, &records{clients: []string{"ci"}, calls: []store.RefusedCall{call}})
			require.Contains(t, b.get("/admin/refused").body, ">"+row.want+"</a>")
			require.Contains(t, b.get("/admin/refused/ref_1").body, "<strong>"+row.want+" As the caller was told.</strong>")
		})
	}
}

// What a signature or another proof was refused for is said in place of advice on tokens.
func TestTheListSaysWhyAProofWasRefused(t *testing.T) {
	for reason, want := range map[string]string{
		"The signature does not match: the secret is another one, or the body was changed on its way.": "Wrong signature.",
		"The signature is more than 5m0s old: the call was repeated, or a clock is wrong.":             "Wrong signature.",
		"The call has no proof; this client takes github.":                                             "Authentication not accepted.",
		"The call proves itself with bearer; this client takes basic.":                                 "Authentication not accepted.",
		"The call has no proof; this client takes bearer.":                                             "No token.",
		"The token is not this client's.":                                                              "Wrong token.",
		"The X-Gitlab-Token is not this client's.":                                                     "Wrong token.",
	} {
		call := store.RefusedCall{ID: "ref_1", Status: 401, Code: "unauthorized", Reason: reason, ClientID: "ci"}
		b := newRecords(t, &records{clients: []string{"ci"}, calls: []store.RefusedCall{call}})
		require.Contains(t, b.get("/admin/refused").body, ">"+want+"</a>", reason)
		if want != "No token." {
			require.NotContains(t, b.get("/admin/refused/ref_1").body, "Authorization: Bearer", reason)
		}
	}
}

func TestTheListOfRefusedCalls(t *testing.T) {
	b := newKept(t)
	var calls []store.RefusedCall
	for i := range 60 {
		calls = append(calls, store.RefusedCall{At: time.Unix(int64(i), 0), Status: 401, Code: "unauthorized", Path: fmt.Sprintf("/call-%d.", i), ClientID: []string{"ci", "c&d"}[i%2]})
	}
	require.NoError(t, b.store.Write(context.Background(), func(tx store.Tx) error { return store.Refuse(tx, calls) }))

	first := b.get("/admin/refused")
	require.Contains(t, first.body, "/call-59.")
	require.NotContains(t, first.body, "/call-9.")
	require.Contains(t, first.body, `hx-get="/admin/refused"`, "the first page is live")
	second := b.get(next(t, first))
	require.Contains(t, second.body, "/call-9.")
	require.NotContains(t, second.body, "/call-10.")
	require.NotContains(t, second.body, `rel="next"`)
	require.NotContains(t, second.body, "data-refresh")

	filtered := b.get("/admin/refused?client=c%26d&code=unauthorized")
	require.Contains(t, filtered.body, "/call-1.")
	require.NotContains(t, filtered.body, "/call-2.")
	require.Contains(t, filtered.body, `value="c&amp;d"`)
	require.Contains(t, filtered.body, `hx-get="/admin/refused?client=c%26d&amp;code=unauthorized"`)
	require.Contains(t, b.get("/admin/refused?code=route_not_found").body, "No calls match")
	require.Contains(t, b.get("/admin/refused?code=other_code").body, `<option value="other_code" selected>Other code</option>`)
	require.Contains(t, filtered.body, `<option value="unauthorized" selected>Unauthorized</option>`)
	require.Contains(t, filtered.body, `<option value="invalid_utf8">Invalid UTF8</option>`)
	require.Contains(t, filtered.body, `Reason: <b>Unauthorized</b>`)
	require.Contains(t, b.get("/admin/refused?cursor=nonsense").body, "Start without one")
}

// next is where a page's link to the next one leads.
func next(t *testing.T, a answer) string {
	_, rest, ok := strings.Cut(a.body, `aria-label="Pages"><a href="`)
	require.True(t, ok, "there is a next page")
	address, _, _ := strings.Cut(rest, `"`)
	return strings.ReplaceAll(address, "&amp;", "&")
}

func TestTheListOfChanges(t *testing.T) {
	b := newKept(t)
	require.NoError(t, b.store.Write(context.Background(), func(tx store.Tx) error {
		for i := range 60 {
			e := catalog.AuditEntry{Who: "admin", Action: "update", Section: []string{"clients", "agents"}[i%2], ResourceID: "r" + strconv.Itoa(i), Before: json.RawMessage(`{"a":1}`), After: json.RawMessage(`{"a":2}`)}
			if err := catalog.Audit(tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	first := b.get("/admin/audit")
	require.Contains(t, first.body, ">r59</a>")
	require.NotContains(t, first.body, ">r9</a>")
	require.Contains(t, b.get(next(t, first)).body, ">r9</a>")
	agents := b.get("/admin/audit?section=agents")
	require.Contains(t, agents.body, ">r59</a>")
	require.NotContains(t, agents.body, ">r58</a>")
	one := b.get("/admin/audit?section=agents&id=r7")
	require.Contains(t, one.body, `href="/admin/agents/r7"`)
	require.NotContains(t, one.body, ">r9</a>")
	require.Contains(t, b.get("/admin/audit?id=r8&section=agents").body, "No changes match")
}

// What the list of changes says, in words.
func TestChangesInWords(t *testing.T) {
	on, off := json.RawMessage(`{"id":"ci","enabled":true}`), json.RawMessage(`{"id":"ci","enabled":false}`)
	for want, e := range map[string]catalog.AuditEntry{
		"replaced the token of clients/":          {Action: "rotate", Section: "clients", ResourceID: "ci"},
		"replaced the webhook secret of clients/": {Action: "rotate-secret", Section: "clients", ResourceID: "ci"},
		"replaced the form key of clients/":       {Action: "rotate-form-key", Section: "clients", ResourceID: "contact"},
		"replaced the secret of endpoints/":       {Action: "rotate", Section: "endpoints", ResourceID: "ci"},
		"ran again runs/":                         {Action: "repeat", Section: "runs", ResourceID: "run_1"},
		"logged in from 192.0.2.7":                {Action: "login", Section: "sessions", ResourceID: "192.0.2.7"},
		"logged out everywhere from 192.0.2.7":    {Action: "logout-everywhere", Section: "sessions", ResourceID: "192.0.2.7"},
		"too many wrong passwords from":           {Action: "lockout", Section: "sessions", ResourceID: "192.0.2.7"},
		"<summary>disabled</summary>":             {Action: "update", Section: "clients", ResourceID: "ci", Before: json.RawMessage(`{"id":"ci"}`), After: off},
		"<summary>enabled</summary>":              {Action: "update", Section: "clients", ResourceID: "ci", Before: off, After: json.RawMessage(`{"id":"ci"}`)},
		"<summary>disabled, and other changes</":  {Action: "update", Section: "clients", ResourceID: "ci", Before: on, After: json.RawMessage(`{"id":"ci","enabled":false,"name":"x"}`)},
		"<summary>name</summary>":                 {Action: "update", Section: "clients", ResourceID: "ci", Before: on, After: json.RawMessage(`{"id":"ci","enabled":true,"name":"x"}`)},
	} {
		t.Run(want, func(t *testing.T) {
			require.Contains(t, newRecords(t, &records{changes: []catalog.AuditEntry{e}}).get("/admin/audit").body, want)
		})
	}
}

func TestDifferences(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, row := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":       {`{"a":1,"b":{"c":[1,2]}}`, `{"b":{"c":[1,2]},"a":1}`, nil},
		"numbers":       {`{"a":1.50,"b":12345678901234567890}`, `{"a":1.5,"b":12345678901234567890}`, []string{"a: 1.50 -> 1.5"}},
		"made":          {``, `{"id":"a","on":true,"none":null}`, []string{"id: - -> a", "on: - -> true"}},
		"gone":          {`{"id":"a"}`, `null`, []string{"id: a -> -"}},
		"list":          {`{"l":["a","b"]}`, `{"l":["b"]}`, []string{"l: a, b -> b"}},
		"emptied":       {`{"l":["a"]}`, `{"l":[]}`, []string{"l: a -> "}},
		"nested":        {`{"r":{"steps":[{"id":"a"},{"id":"b"}]}}`, `{"r":{"steps":[{"id":"a"},{"id":"c"}]}}`, []string{"r.steps[1].id: b -> c"}},
		"lines":         {`{"p":"1\n2\n3\n4"}`, `{"p":"1\n2\nthree\n4"}`, []string{"p: (line 3)\n3 -> (line 3)\nthree"}},
		"a line more":   {`{"p":"1\n1"}`, `{"p":"1\n1\n1"}`, []string{"p: (line 3) -> (line 3)\n1"}},
		"long":          {`{"p":""}`, `{"p":"` + long + `"}`, []string{"p:  -> " + long[:300] + "…"}},
		"many lines":    {``, `{"p":"` + strings.Repeat(`l\n`, 40) + `"}`, []string{"p: - -> " + strings.Repeat("l\n", 12) + "(and 29 lines more)"}},
		"secret":        {`{"k":"•••"}`, `{"k":"••• (new)"}`, []string{"k: ••• -> ••• (new)"}},
		"no document":   {`{`, `[1`, nil},
		"no object":     {`1`, `2`, []string{": 1 -> 2"}},
		"other kind":    {`{"a":"1"}`, `{"a":{"b":1}}`, []string{"a: 1 -> -", "a.b: - -> 1"}},
		"mixed and odd": {`{"":1}`, `{"":2}`, []string{": 1 -> 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, left := web.Compare(json.RawMessage(row.before), json.RawMessage(row.after))
			require.Zero(t, left)
			require.Equal(t, row.want, got)
		})
	}
	wide := map[string]int{}
	for i := range 100 {
		wide["f"+strconv.Itoa(i)] = i
	}
	document, err := json.Marshal(wide)
	require.NoError(t, err)
	got, left := web.Compare(nil, document)
	require.Len(t, got, 40)
	require.Equal(t, 60, left)
}

func TestTheExport(t *testing.T) {
	r := someRecords()
	b := newRecords(t, r)
	got := b.get("/admin/settings/export.yaml")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Equal(t, "application/yaml", got.Header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="beckon.yaml"`, got.Header.Get("Content-Disposition"))
	require.Equal(t, web.Policy, got.Header.Get("Content-Security-Policy"))
	require.Equal(t, "# half of it\nclients: []\n", got.body)

	r.exportErr = errors.New("no")
	got = b.get("/admin/settings/export.yaml")
	require.Equal(t, http.StatusInternalServerError, got.StatusCode)
	require.NotContains(t, got.body, "half of it")
}

func TestRecordsNeedALogin(t *testing.T) {
	b := newRecords(t, someRecords())
	b.cookie = nil
	for _, path := range []string{"/admin/refused", "/admin/refused/ref_3", "/admin/audit", "/admin/settings", "/admin/settings/export.yaml"} {
		got := b.get(path)
		require.Equal(t, http.StatusSeeOther, got.StatusCode, path)
		require.Contains(t, got.Header.Get("Location"), "/admin/login?next=", path)
		require.Empty(t, got.body)
	}
}

// From the settings one logs out everywhere.
func TestLogoutEverywhereFromTheSettings(t *testing.T) {
	b := newRecords(t, someRecords())
	require.Contains(t, b.get("/admin/settings").body, `action="/admin/logout/everywhere"`)
}

// A full page of the largest entries stays within what a page may weigh.
func TestRecordsAreSmall(t *testing.T) {
	r := &records{}
	for i := range store.DefaultRefusedPage {
		r.calls = append(r.calls, store.RefusedCall{ID: fmt.Sprintf("ref_%026d", i*7919), At: atMidnight.Add(time.Duration(i*7919) * time.Second), Status: 401, Code: "unauthorized",
			Reason: "The call needs the token of this client: Authorization: Bearer mgc_… . Either the client does not exist or the token is not its own.", Method: "POST",
			Path: fmt.Sprintf("/api/v1/webhooks/client-%d", i), ClientID: fmt.Sprintf("client-%d", i), Address: fmt.Sprintf("192.0.2.%d", i)})
		before, after := fmt.Sprintf(`{"name":"%d","prompt":"%s"}`, i, strings.Repeat("Be brief. ", 30)), fmt.Sprintf(`{"name":"%d","prompt":"%s"}`, i+1, strings.Repeat("Be polite. ", 30))
		r.changes = append(r.changes, catalog.AuditEntry{At: atMidnight, Who: "admin", Action: "update", Section: "clients", ResourceID: fmt.Sprint("c", i), Before: json.RawMessage(before), After: json.RawMessage(after)})
	}
	r.settings = someRecords().settings
	b := newRecords(t, r)
	for _, path := range []string{"/admin/refused", "/admin/audit", "/admin/settings"} {
		got := b.get(path, "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", got.Header.Get("Content-Encoding"))
		require.Less(t, len(got.body), 20_000, path)
	}
}

func TestOverviewShowsWhatIsNotInForce(t *testing.T) {
	r := &records{clients: []string{"ci", "broken"}, trouble: "config.yaml:3: there is no key clientz"}
	b := newRecords(t, r)
	page := b.get("/admin").body
	require.Contains(t, page, `The client “broken” is not active`)
	require.Contains(t, page, "Allowed agents and flows: there is no usable agent or flow &#34;&lt;script&gt;")
	require.Contains(t, page, "The previous version stays active: config.yaml:3: there is no key clientz")
	require.NotContains(t, page, "/admin/clients/ci")
	r.clients, r.trouble = nil, ""
	for i := range 25 {
		r.clients = append(r.clients, fmt.Sprintf("broken-%d", i))
	}
	b.keep(r)
	page = b.get("/admin").body
	require.Equal(t, 20, strings.Count(page, "<strong>The client “broken-"))
	require.Contains(t, page, "And 5 more.")
	b.keep(&records{})
	require.NotContains(t, b.get("/admin").body, "not active")
}
