package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// robot is a noun that nobody here has heard of.
type robot struct {
	ID    string                   `json:"id" yaml:"id"`
	Agent string                   `json:"agent" yaml:"agent"`
	Arms  int                      `json:"arms,omitempty" yaml:"arms,omitempty"`
	URL   string                   `json:"url,omitempty" yaml:"url,omitempty"`
	Keys  map[string]secret.String `json:"headers,omitempty" yaml:"headers,omitempty"`
}

func (r robot) Key() string { return r.ID }

func (r robot) Check() (found problem.Fields) {
	if r.Arms > 2 {
		found.Add("arms", "must be 2 at most")
	}
	return found
}

func robots() catalog.Noun[robot] {
	return catalog.Noun[robot]{
		Kind:    catalog.Kind{Section: "robots", One: "robot"},
		Secrets: func(r *robot) catalog.Secrets { return catalog.Secrets{URL: &r.URL, Headers: &r.Keys} },
		References: func(r robot) []catalog.Reference {
			return []catalog.Reference{{Path: "agent", To: "agents", ID: r.Agent}}
		},
	}
}

// A noun needs no more than its declaration to have its routes, to be checked, to keep its secrets, and to be noted.
func TestANounThatNobodyKnows(t *testing.T) {
	g := newAdminGateway(t, setting{nouns: []catalog.Declaration{robots()}, file: "robots: [{id: filed, agent: filed}]\n"})
	g.fill()
	made := g.has("/robots", `{"id":"r","agent":"a","arms":2,"url":"https://r.example/x?key=v4lue","headers":{"X-Key":"h3ader"}}`)
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "/api/v1/admin/robots/r", made.Header.Get("Location"))
	require.JSONEq(t, `{"id":"r","agent":"a","arms":2,"url":"https://r.example/x?key=•••","headers":{"X-Key":"•••"},"managedBy":"database","inForce":true,"version":1,"warnings":[]}`, made.body)
	list := g.admin(http.MethodGet, "/robots", "").json(t)["items"].([]any)
	require.Equal(t, "filed", list[0].(map[string]any)["id"])
	require.Equal(t, "config", list[0].(map[string]any)["managedBy"])
	for body, want := range map[string][]string{
		`{"id":"s","agent":"nobody","arms":3}`: {"arms", "agent"},
		`{"id":"s","agent":"a","legs":2}`:      {"legs"},
		`{"id":"s","agent":"a","arms":"two"}`:  {"arms"},
		`{"id":"S","agent":"a"}`:               {"id"},
	} {
		_, fields := problemOf(t, g.admin(http.MethodPost, "/robots", body))
		require.ElementsMatch(t, want, fields, body)
	}
	a := g.admin(http.MethodPut, "/robots/r", made.body) // as it was read
	require.Equal(t, 200, a.StatusCode, a.body)
	require.EqualValues(t, 2, a.json(t)["version"])
	_, fields := problemOf(t, g.admin(http.MethodPut, "/robots/r", `{"agent":"a","url":"https://evil.example","headers":{"X-Key":"•••"}}`))
	require.Equal(t, []string{"headers.X-Key"}, fields)
	code, _ := problemOf(t, g.admin(http.MethodDelete, "/agents/b", ""))
	require.Equal(t, "in_use", code)
	require.Equal(t, 204, g.admin(http.MethodDelete, "/robots/r", "").StatusCode)
	audit := g.admin(http.MethodGet, "/audit?section=robots", "").json(t)["items"].([]any)
	require.Len(t, audit, 3)
	require.Contains(t, document(t, g.gateway)["paths"], "/api/v1/admin/robots/{id}")
	hasNone(t, g.said, "h3ader")
}

// A document of another form stops neither the gateway nor the calls of others.
func TestAdminShowsWhatCannotBeRead(t *testing.T) {
	g := newAdminGateway(t, setting{store: storetest.Open(t, storetest.Default(t))})
	token := g.fill()
	require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
		require.NoError(t, tx.Exec(`UPDATE resources SET spec = REPLACE(spec, '"maxConcurrent":0', '"maxConcurrent":"many"') WHERE kind = 'clients'`))
		require.NoError(t, tx.Exec(`UPDATE resources SET spec = '[]' WHERE kind = 'commands'`))
		return catalog.Touch(tx)
	}))
	require.NoError(t, g.editor.Refresh(t.Context()))
	web := g.admin(http.MethodGet, "/clients/web", "").json(t)
	require.Equal(t, false, web["inForce"])
	require.Equal(t, []any{map[string]any{"field": "maxConcurrent", "message": "cannot be read as it is stored; give it again"}}, web["warnings"])
	require.Equal(t, []any{"a", "f"}, web["allowedAgents"])
	daily := g.admin(http.MethodGet, "/commands/daily", "").json(t)
	require.Equal(t, "daily", daily["id"])
	require.Len(t, daily["warnings"], 1)

	call := func(client, token string) int {
		return g.do(g.request("/api/v1/webhooks/"+client, "hi", "Authorization: Bearer "+token, "Content-Type: text/plain")).StatusCode
	}
	require.Equal(t, 200, call("filed", "t0ken-of-file"))
	require.Equal(t, 503, call("web", token), "who proves to be it is not told to get another token")
	require.Equal(t, 200, g.admin(http.MethodPut, "/clients/web", `{"passthrough":true,"allowedAgents":["a"]}`).StatusCode)
	require.Equal(t, 200, call("web", token))
	require.Equal(t, 204, g.admin(http.MethodDelete, "/commands/daily", "").StatusCode)
}
