package server_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/calls"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/store/storetest"
	"beckon/runs"
	"beckon/server"
)

const (
	adminToken = "adm1n-t0ken"
	adminFile  = `
egress: {allowPrivate: [127.0.0.1/32]}
admin: {variables: [SOME_API_KEY]}
providers: [{id: filed, type: template, template: "from the file: {{.prompt}}"}]
agents: [{id: filed, provider: filed}]
clients: [{id: filed, token: t0ken-of-file, passthrough: true, allowedAgents: [filed]}]
`
)

// adminGateway is a gateway whose configuration can be changed, with its administrator.
type adminGateway struct {
	*gateway
	editor *catalog.Editor
	said   []string // all that it has answered
}

func newAdminGateway(t *testing.T, s setting) *adminGateway {
	g := &adminGateway{}
	if s.store == nil {
		s.store = storetest.Open(t, storetest.Default(t))
	}
	var current atomic.Pointer[calls.Catalog]
	limits := clients.NewLimits()
	g.editor = gatewaytest.Editor(t, s.store, gatewaytest.Setup{File: adminFile + s.file, Nouns: s.nouns, Apply: func(ctx context.Context, v *catalog.View) error {
		credentials, err := clients.Credentials(s.store.Read(ctx))
		require.NoError(t, err)
		set, findings := clients.SetOf(v, credentials, limits)
		require.Empty(t, findings)
		current.Store(&calls.Catalog{Clients: set, Commands: commands.NewSet(catalog.All[commands.Command](v)), Agents: agents.SetOf(v)})
		if g.gateway == nil {
			return nil
		}
		return g.out.Use(ctx, deliveries.InForce(v))
	}})
	s.runs = func(c *runs.Config) {
		c.Entry = func(id string) *agents.Entry { return current.Load().Agents.Get(id) }
		c.Limit = func(id string) (int, func() func()) {
			m := current.Load().Clients.Get(id)
			if m == nil { // deleted: a run of it may still be about to look for the next one
				return 0, func() func() { return func() {} }
			}
			return m.MaxConcurrent, func() func() { m.StartQueuedRun(); return m.EndRun }
		}
	}
	more := s.server
	s.server = func(c *server.Config) {
		c.Calls.Catalog = func() calls.Catalog { return *current.Load() }
		c.Admin = server.Admin{Token: adminToken, Editor: g.editor}
		if more != nil {
			more(c)
		}
	}
	g.gateway = newGateway(t, s)
	return g
}

// admin makes a request with the admin token; headers are as of request.
func (g *adminGateway) admin(method, path, body string, headers ...string) answer {
	r := g.request("/api/v1/admin"+path, body, append([]string{"Authorization: Bearer " + adminToken}, headers...)...)
	if r.Method = method; body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	a := g.do(r)
	g.said = append(g.said, a.body)
	return a
}

// has makes something with POST.
func (g *adminGateway) has(path, body string) answer {
	a := g.admin(http.MethodPost, path, body)
	require.Equal(g.t, http.StatusCreated, a.StatusCode, a.body)
	return a
}

// fill makes one of each noun, and returns the token of the client.
func (g *adminGateway) fill() (token string) {
	g.has("/providers", `{"id":"p","type":"openai","url":"`+g.model.URL+`/v1","apiKey":"sk-s3cret","headers":{"X-Key":"h3ader"}}`)
	g.has("/agents", `{"id":"a","provider":"p","model":"m"}`)
	g.has("/agents", `{"id":"b","provider":"p","model":"m"}`)
	g.has("/flows", `{"id":"f","root":{"type":"sequential","steps":[{"type":"agent","agentId":"a"},{"type":"agent","agentId":"b"}]}}`)
	g.has("/commands", `{"id":"daily","prompt":"Report.","agentId":"a"}`)
	return g.has("/clients", `{"id":"web","passthrough":true,"allowedAgents":["a","f"]}`).json(g.t)["token"].(string)
}

// problemOf returns code and fields of a refusal.
func problemOf(t *testing.T, a answer) (code string, fields []string) {
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), a.body)
	d := a.json(t)
	require.Equal(t, false, d["ok"])
	require.Equal(t, d["detail"], d["error"])
	require.EqualValues(t, a.StatusCode, d["status"])
	list, _ := d["errors"].([]any)
	for _, f := range list {
		fields = append(fields, f.(map[string]any)["field"].(string))
	}
	return d["code"].(string), fields
}

func hasNone(t *testing.T, texts []string, secrets ...string) {
	for _, text := range texts {
		for _, s := range secrets {
			require.False(t, strings.Contains(text, s), "%q is in %s", s, text)
		}
	}
}
