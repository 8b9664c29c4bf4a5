package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const fileOfEditor = `
admin: {variables: [GOOD_API_KEY, NO_API_KEY]}
egress: {allowPrivate: [127.0.0.1/32]}
providers: [{id: filed, type: template, template: hi}]
agents: [{id: filed, provider: filed}]
clients: [{id: filed, token: t0ken-of-file, passthrough: true, allowedAgents: [filed]}]
`

// editorBench is an editor on a database of its own.
type editorBench struct {
	*catalog.Editor
	t     *testing.T
	times int // that a view was put in force
}

func newEditorBench(t *testing.T, s *store.Store, file string) *editorBench {
	b := &editorBench{t: t}
	how := factories()
	b.Editor = gatewaytest.Editor(t, s, gatewaytest.Setup{File: file, How: &how, Env: environment{"GOOD_API_KEY": "sk-from-environment", "HIDDEN_API_KEY": "sk-hidden"}.get,
		Apply: func(context.Context, *catalog.View) error { b.times++; return nil }})
	b.times = 0
	return b
}

func (b *editorBench) providers() catalog.Section[agents.Provider] {
	return catalog.Of[agents.Provider](b.Editor)
}
func (b *editorBench) agents() catalog.Section[agents.Agent] {
	return catalog.Of[agents.Agent](b.Editor)
}
func (b *editorBench) flows() catalog.Section[agents.Flow] { return catalog.Of[agents.Flow](b.Editor) }
func (b *editorBench) commands() catalog.Section[commands.Command] {
	return catalog.Of[commands.Command](b.Editor)
}
func (b *editorBench) clients() catalog.Section[clients.Client] {
	return catalog.Of[clients.Client](b.Editor)
}
func (b *editorBench) endpoints() catalog.Section[deliveries.Endpoint] {
	return catalog.Of[deliveries.Endpoint](b.Editor)
}

func editing(t *testing.T, test func(t *testing.T, b *editorBench, ctx context.Context)) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) { test(t, newEditorBench(t, s, fileOfEditor), context.Background()) })
}

// fill makes a provider, an agent, a flow, a command, a client and an endpoint that need each other.
func (b *editorBench) fill(ctx context.Context) (token secret.String) {
	_, _, err := b.providers().Create(ctx, "mia", agents.Provider{ID: "p", Type: "openai", URL: "https://example.com", APIKey: "sk-s3cret", Headers: map[string]secret.String{"X-Key": "h3ader"}})
	require.NoError(b.t, err)
	_, _, err = b.agents().Create(ctx, "mia", agents.Agent{ID: "a", Provider: "p", Model: "m"})
	require.NoError(b.t, err)
	_, _, err = b.flows().Create(ctx, "mia", agents.Flow{ID: "f", Root: agents.Step{Type: "agent", AgentID: "a"}})
	require.NoError(b.t, err)
	_, _, err = b.commands().Create(ctx, "mia", commands.Command{ID: "daily", Prompt: "Go", AgentID: "a"})
	require.NoError(b.t, err)
	_, token, err = b.clients().Create(ctx, "mia", clients.Client{ID: "c", Passthrough: true, AllowedAgents: []string{"a", "f"}})
	require.NoError(b.t, err)
	_, _, err = b.endpoints().Create(ctx, "mia", deliveries.Endpoint{ID: "e", URL: "https://example.com/hook", Clients: []string{"c"}})
	require.NoError(b.t, err)
	return token
}

func codeOf(err error) string {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p.Code
	}
	return fmt.Sprint(err)
}

func fieldsIn(err error) (paths []string) {
	for _, f := range problem.Of(err).Fields {
		paths = append(paths, f.Path)
	}
	return paths
}

func TestEditorCreatesChangesAndDeletes(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		token := b.fill(ctx)
		require.Regexp(t, `^mgc_\w{43}$`, token.Reveal())
		require.Equal(t, 6, b.times)

		list, err := b.clients().List(ctx)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, []string{catalog.FromConfig, catalog.FromDatabase}, []string{list[0].Origin, list[1].Origin})
		require.Empty(t, list[1].Warnings)

		have, err := b.clients().Get(ctx, "c")
		require.NoError(t, err)
		require.EqualValues(t, 1, have.Version)
		have.Item.Name = "Called"
		changed, err := b.clients().Update(ctx, "mia", have.Item, have.Version)
		require.NoError(t, err)
		require.EqualValues(t, 2, changed.Version)
		_, err = b.clients().Update(ctx, "ben", have.Item, have.Version)
		require.True(t, problem.Is(err, problem.Outdated), "%v", err)
		require.Equal(t, "changed_since", codeOf(err))
		require.Equal(t, "changed_since", codeOf(b.clients().Delete(ctx, "ben", "c", 1)))

		require.NoError(t, b.endpoints().Delete(ctx, "mia", "e", 0))
		require.NoError(t, b.clients().Delete(ctx, "mia", "c", 2))
		credentials, err := clients.Credentials(b.Store.Read(ctx))
		require.NoError(t, err)
		require.Empty(t, credentials, "a client takes its tokens along")
		_, err = b.clients().Get(ctx, "c")
		require.Equal(t, "client_not_found", codeOf(err))
	})
}

func TestEditorRefuses(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		before, err := catalog.Revision(ctx, b.Store)
		require.NoError(t, err)
		provider := func(p agents.Provider) error { _, _, err := b.providers().Create(ctx, "mia", p); return err }
		agent := func(a agents.Agent) error { _, _, err := b.agents().Create(ctx, "mia", a); return err }
		client := func(c clients.Client) error { _, _, err := b.clients().Create(ctx, "mia", c); return err }
		endpoint := func(e deliveries.Endpoint) error { _, _, err := b.endpoints().Create(ctx, "mia", e); return err }
		_, errOfFile := b.agents().Update(ctx, "mia", agents.Agent{ID: "filed", Provider: "p", Model: "m"}, 0)
		_, errOfNone := b.agents().Update(ctx, "mia", agents.Agent{ID: "none", Provider: "p", Model: "m"}, 0)
		_, errBreaks := b.clients().Update(ctx, "mia", clients.Client{ID: "c", Passthrough: false, CommandID: "daily", AllowedAgents: []string{"f"}}, 0)
		_, errOthers := b.commands().Update(ctx, "mia", commands.Command{ID: "daily", Prompt: " "}, 0)
		for name, test := range map[string]struct {
			err    error
			kind   problem.Kind
			code   string
			fields []string
		}{
			"an id that is taken":           {client(clients.Client{ID: "c", Passthrough: true, AllowedAgents: []string{"a"}}), problem.Conflict, "already_exists", nil},
			"an id of the file":             {client(clients.Client{ID: "filed", Passthrough: true, AllowedAgents: []string{"a"}}), problem.Conflict, "managed_by_config", nil},
			"change what the file has":      {errOfFile, problem.Conflict, "managed_by_config", nil},
			"delete what the file has":      {b.agents().Delete(ctx, "mia", "filed", 0), problem.Conflict, "managed_by_config", nil},
			"change what is not there":      {errOfNone, problem.NotFound, "agent_not_found", nil},
			"delete what is not there":      {b.flows().Delete(ctx, "mia", "none", 0), problem.NotFound, "flow_not_found", nil},
			"no slug":                       {agent(agents.Agent{ID: "No Slug", Provider: "p", Model: "m"}), problem.Invalid, "invalid_resource", []string{"id"}},
			"several fields":                {agent(agents.Agent{ID: "x", MaxTokens: -1}), problem.Invalid, "invalid_resource", []string{"maxTokens", "provider"}},
			"no such agent":                 {client(clients.Client{ID: "x", Passthrough: true, AllowedAgents: []string{"a", "nobody"}}), problem.Invalid, "invalid_resource", []string{"allowedAgents[1]"}},
			"a template that is none":       {client(clients.Client{ID: "x", Passthrough: true, Template: "{{", AllowedAgents: []string{"a"}}), problem.Invalid, "invalid_resource", []string{"template"}},
			"a command's agent not allowed": {errBreaks, problem.Invalid, "invalid_resource", []string{"allowedAgents"}},
			"an empty prompt":               {errOthers, problem.Invalid, "invalid_resource", []string{"prompt"}},
			"the id of a flow":              {agent(agents.Agent{ID: "f", Provider: "p", Model: "m"}), problem.Invalid, "invalid_resource", []string{"id"}},
			"a variable that is not listed": {provider(agents.Provider{ID: "x", Type: "openai", APIKey: "${PATH}"}), problem.Invalid, "invalid_resource", []string{"apiKey"}},
			"a variable that is not set":    {provider(agents.Provider{ID: "x", Type: "openai", APIKey: "${NO_API_KEY}"}), problem.Invalid, "invalid_resource", []string{"apiKey"}},
			"the mask for a secret":         {provider(agents.Provider{ID: "x", Type: "openai", APIKey: secret.Mask}), problem.Invalid, "invalid_resource", []string{"apiKey"}},
			"a template with no agent yet":  {provider(agents.Provider{ID: "x", Type: "template"}), problem.Invalid, "invalid_resource", []string{"template"}},
			"no such type":                  {provider(agents.Provider{ID: "x", Type: "telepathy"}), problem.Invalid, "invalid_resource", []string{"type"}},
			"a private address":             {endpoint(deliveries.Endpoint{ID: "x", URL: "http://10.0.0.1/hook"}), problem.Invalid, "invalid_resource", []string{"url"}},
			"an event that nobody has":      {endpoint(deliveries.Endpoint{ID: "x", URL: "https://example.com", Events: []string{"run.broken"}}), problem.Invalid, "invalid_resource", []string{"events[0]"}},
			"a provider in use":             {b.providers().Delete(ctx, "mia", "p", 0), problem.Conflict, "in_use", nil},
		} {
			t.Run(name, func(t *testing.T) {
				require.Error(t, test.err)
				require.Equal(t, test.code, codeOf(test.err), "%v", test.err)
				require.True(t, problem.Is(test.err, test.kind), "%v", test.err)
				if test.fields != nil {
					require.ElementsMatch(t, test.fields, fieldsIn(test.err), "%v", test.err)
				}
			})
		}
		after, err := catalog.Revision(ctx, b.Store)
		require.NoError(t, err)
		require.Equal(t, before, after, "nothing was changed")
		entries, _, err := b.AuditEntries(ctx, catalog.AuditQuery{Limit: 100})
		require.NoError(t, err)
		require.Len(t, entries, 6)
	})
}

func TestEditorNamesWhatWouldBreak(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		err := b.agents().Delete(ctx, "mia", "a", 0)
		require.Equal(t, "in_use", codeOf(err))
		require.Contains(t, err.Error(), `client "c"`)
		require.Contains(t, err.Error(), `flow "f"`)
		require.Contains(t, err.Error(), `command "daily"`)
		require.Contains(t, fieldsIn(err), "clients/c.allowedAgents[0]")
		err = b.providers().Delete(ctx, "mia", "p", 0)
		require.Contains(t, err.Error(), `is used by agent "a". Change that first.`, "the others need it only through the agent")

		_, _, err = b.providers().Create(ctx, "mia", agents.Provider{ID: "q", Type: "template", Template: "Hi."})
		require.NoError(t, err)
		_, _, err = b.agents().Create(ctx, "mia", agents.Agent{ID: "falls", Provider: "p", Model: "m", Fallbacks: []agents.Fallback{{Provider: "q"}}})
		require.NoError(t, err)
		_, _, err = b.clients().Create(ctx, "mia", clients.Client{ID: "through", Passthrough: true, AllowedAgents: []string{"falls"}})
		require.NoError(t, err)
		err = b.providers().Delete(ctx, "mia", "q", 0)
		require.Contains(t, err.Error(), `is used by agent "falls". Change that first.`)
		require.Equal(t, []string{"agents/falls.fallbacks[0].provider"}, fieldsIn(err))

		_, _, err = b.clients().Create(ctx, "mia", clients.Client{ID: "nightly", CommandID: "daily", AllowedAgents: []string{"a"}})
		require.NoError(t, err)
		_, err = b.commands().Update(ctx, "mia", commands.Command{ID: "daily", Prompt: "Go", AgentID: "f"}, 0)
		require.Equal(t, "breaks_others", codeOf(err))
		require.Equal(t, []string{"clients/nightly.allowedAgents"}, fieldsIn(err))
	})
}

func TestEditorLeavesTheFileWhole(t *testing.T) {
	// The file may refer to what the database has.
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		first := newEditorBench(t, s, "{}")
		_, _, err := first.providers().Create(ctx, "mia", agents.Provider{ID: "p", Type: "openai"})
		require.NoError(t, err)
		_, _, err = first.agents().Create(ctx, "mia", agents.Agent{ID: "a", Provider: "p", Model: "m"})
		require.NoError(t, err)
		b := newEditorBench(t, s, "clients: [{id: ci, token: t0ken-of-file, passthrough: true, allowedAgents: [a]}]")
		err = b.agents().Delete(ctx, "mia", "a", 0)
		require.Equal(t, "in_use", codeOf(err))
		require.Contains(t, err.Error(), `client "ci"`)
	})
}

func TestEditorMendsWhatIsBroken(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		require.NoError(t, b.Store.Write(ctx, func(tx store.Tx) error {
			if err := tx.Exec("UPDATE resources SET spec = REPLACE(spec, '\"model\":\"m\"', '\"model\":\"\"') WHERE kind = 'agents'"); err != nil {
				return err
			}
			return catalog.Touch(tx)
		}))
		broken, err := b.agents().Get(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, "model", broken.Warnings[0].Path)
		// Others that were broken before don't stand in the way of a change.
		_, err = b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Name: "P", Type: "openai", URL: "https://example.com"}, 0)
		require.NoError(t, err)
		_, err = b.agents().Update(ctx, "mia", agents.Agent{ID: "a", Provider: "p", Model: "m2"}, 0)
		require.NoError(t, err)
		mended, err := b.agents().Get(ctx, "a")
		require.NoError(t, err)
		require.Empty(t, mended.Warnings)
	})
}

func TestEditorKeepsSecrets(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		for name, given := range map[string]secret.String{"absent": "", "masked": secret.Mask} {
			_, err := b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Name: name, Type: "openai", URL: "https://Example.com:443/v2", APIKey: given, Headers: map[string]secret.String{"X-Key": secret.Mask, "X-New": "n3w"}}, 0)
			require.NoError(t, err)
			have, err := b.providers().Get(ctx, "p")
			require.NoError(t, err)
			require.Equal(t, name, have.Item.Name)
			require.Equal(t, "sk-s3cret", have.Item.APIKey.Reveal())
			require.Equal(t, map[string]secret.String{"X-Key": "h3ader", "X-New": "n3w"}, have.Item.Headers)
		}
		_, err := b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Type: "openai", APIKey: "${GOOD_API_KEY}"}, 0)
		require.NoError(t, err)
		have, err := b.providers().Get(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, "${GOOD_API_KEY}", have.Item.APIKey.Reveal(), "not its value")
		require.Empty(t, have.Item.Headers)

		before, err := b.endpoints().Get(ctx, "e")
		require.NoError(t, err)
		require.Regexp(t, "^whsec_", before.Item.Secret.Reveal())
		_, err = b.endpoints().Update(ctx, "mia", deliveries.Endpoint{ID: "e", URL: "https://example.com/other"}, 0)
		require.NoError(t, err)
		shown, err := deliveries.RotateSecret(ctx, b.endpoints(), "mia", "e", "")
		require.NoError(t, err)
		after, err := b.endpoints().Get(ctx, "e")
		require.NoError(t, err)
		require.Equal(t, shown, after.Item.Secret)
		require.Equal(t, before.Item.Secret, after.Item.Retired[0].Secret)
	})
}

func TestEditorSendsKeptSecretsNowhereElse(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		_, err := b.endpoints().Update(ctx, "mia", deliveries.Endpoint{ID: "e", URL: "https://example.com/hook", Headers: map[string]secret.String{"Authorization": "Bearer s3cret"}}, 0)
		require.NoError(t, err)
		for _, url := range []string{"https://evil.example/v1", "http://example.com", "https://example.com:444", "https://example.com.evil.example", ""} {
			wanted := agents.Provider{ID: "p", Type: "openai", URL: url, Headers: map[string]secret.String{"X-Key": secret.Mask}}
			_, err := b.providers().Update(ctx, "mia", wanted, 0)
			require.Equal(t, []string{"apiKey", "headers.X-Key"}, fieldsIn(err), url)
			if url == "" {
				continue
			}
			_, err = b.endpoints().Update(ctx, "mia", deliveries.Endpoint{ID: "e", URL: url, Headers: map[string]secret.String{"Authorization": secret.Mask}}, 0)
			require.Contains(t, fieldsIn(err), "headers.Authorization", url)
		}
		_, err = b.endpoints().Update(ctx, "mia", deliveries.Endpoint{ID: "e", URL: "https://other.example"}, 0)
		require.NoError(t, err, "the secret that signs is never sent")
		_, err = b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Type: "openai", URL: "https://other.example", APIKey: "sk-of-other"}, 0)
		require.NoError(t, err)
		_, err = b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Type: "openai", URL: "https://third.example", APIKey: "${GOOD_API_KEY}"}, 0)
		require.NoError(t, err)
		_, err = b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Type: "openai", URL: "https://fourth.example"}, 0)
		require.Equal(t, []string{"apiKey"}, fieldsIn(err), "that of a variable, neither")
	})
}

func TestEditorRemovesSecrets(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		_, err := b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Type: "openai", URL: "https://other.example", APIKey: secret.Removed}, 0)
		require.NoError(t, err)
		provider, err := b.providers().Get(ctx, "p")
		require.NoError(t, err)
		require.Empty(t, provider.Item.APIKey)

		client := clients.Client{ID: "new", Passthrough: true, AllowedAgents: []string{"a"}, WebhookSecret: secret.Removed}
		_, _, err = b.clients().Create(ctx, "mia", client)
		require.NoError(t, err)
		client.WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		_, err = b.clients().Update(ctx, "mia", client, 0)
		require.NoError(t, err)
		client.WebhookSecret = secret.Removed
		_, err = b.clients().Update(ctx, "mia", client, 0)
		require.NoError(t, err)
		made, err := b.clients().Get(ctx, "new")
		require.NoError(t, err)
		require.Empty(t, made.Item.WebhookSecret)
	})
}

func TestEditorRotatesTokens(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		old := b.fill(ctx)
		fresh, err := clients.RotateToken(ctx, b.clients(), "mia", "c", time.Hour)
		require.NoError(t, err)
		require.NotEqual(t, old, fresh)
		credentials, err := clients.Credentials(b.Store.Read(ctx))
		require.NoError(t, err)
		require.Len(t, credentials["c"], 2)
		for _, overlap := range []time.Duration{clients.MaxOverlap + 1, -1} {
			_, err = clients.RotateToken(ctx, b.clients(), "mia", "c", overlap)
			require.ErrorContains(t, err, "overlap: must be from 0s to 720h")
		}
		_, err = clients.RotateToken(ctx, b.clients(), "mia", "filed", 0)
		require.Equal(t, "managed_by_config", codeOf(err))
		_, err = clients.RotateToken(ctx, b.clients(), "mia", "none", 0)
		require.Equal(t, "client_not_found", codeOf(err))
		_, err = deliveries.RotateSecret(ctx, b.endpoints(), "mia", "none", "")
		require.Equal(t, "endpoint_not_found", codeOf(err))
		require.Equal(t, 7, b.times)
	})
}

func TestEditorWritesTheAuditList(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		_, err := b.providers().Update(ctx, "ben", agents.Provider{ID: "p", Type: "openai", URL: "https://example.com", APIKey: "sk-an0ther", Headers: map[string]secret.String{"X-Key": secret.Mask}}, 0)
		require.NoError(t, err)
		require.NoError(t, b.Note(ctx, "ben", "resend", "deliveries", "dlv_1", nil))
		entries, _, err := b.AuditEntries(ctx, catalog.AuditQuery{Section: "providers", Limit: 10})
		require.NoError(t, err)
		require.Len(t, entries, 2)
		require.Equal(t, []string{"ben", "update", "p"}, []string{entries[0].Who, entries[0].Action, entries[0].ResourceID})
		require.Contains(t, string(entries[0].Before), `"apiKey":"•••"`)
		require.Contains(t, string(entries[0].After), `"apiKey":"••• (new)"`)
		require.Contains(t, string(entries[0].After), `"X-Key":"•••"`)
		require.Nil(t, entries[1].Before)
		all, _, err := b.AuditEntries(ctx, catalog.AuditQuery{Limit: 100})
		require.NoError(t, err)
		require.Len(t, all, 8)
		for _, e := range all {
			for _, hidden := range []string{"sk-s3cret", "sk-an0ther", "h3ader", "whsec_", "mgc_"} {
				require.NotContains(t, string(e.Before)+string(e.After), hidden)
			}
		}
	})
}

func TestEditorsAtTheSameTime(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		// One deletes the agent, the other one gives it to a client: one of them is too late, whoever that is.
		_, _, err := b.agents().Create(ctx, "mia", agents.Agent{ID: "wanted", Provider: "p", Model: "m"})
		require.NoError(t, err)
		var both sync.WaitGroup
		var deleted, created error
		both.Go(func() { deleted = b.agents().Delete(ctx, "mia", "wanted", 0) })
		both.Go(func() {
			_, _, created = b.clients().Create(ctx, "ben", clients.Client{ID: "late", Passthrough: true, AllowedAgents: []string{"wanted"}})
		})
		both.Wait()
		require.True(t, (deleted == nil) != (created == nil), "%v, %v", deleted, created)

		// Of changes that were made for the same version, one wins.
		var all sync.WaitGroup
		won := make(chan int, 5)
		for i := range 5 {
			all.Go(func() {
				if _, err := b.commands().Update(ctx, "mia", commands.Command{ID: "daily", Prompt: fmt.Sprint(i), AgentID: "a"}, 1); err == nil {
					won <- i
				}
			})
		}
		all.Wait()
		require.Len(t, won, 1)
	})
}

// CheckNew says what Create would say, and creates nothing.
func TestEditorChecksWithoutCreating(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		require.NoError(t, b.commands().CheckNew(ctx, commands.Command{Name: "Daily", Prompt: "x"}))
		_, err := b.commands().Get(ctx, "daily")
		require.True(t, problem.Is(err, problem.NotFound))
		_, _, err = b.commands().Create(ctx, "mia", commands.Command{ID: "taken", Prompt: "x"})
		require.NoError(t, err)
		for _, item := range []commands.Command{{Name: "Daily"}, {ID: "taken", Prompt: "x"}, {Prompt: "x"}, {ID: "x", Prompt: "x", AgentID: "gone"}} {
			_, _, want := b.commands().Create(ctx, "mia", item)
			require.Error(t, want, item)
			require.EqualError(t, b.commands().CheckNew(ctx, item), want.Error())
		}
	})
}
