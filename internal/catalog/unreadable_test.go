package catalog_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// damage replaces what documents have, and has everybody see it.
func (b *editorBench) damage(ctx context.Context, section, id, old, now string) {
	require.NoError(b.t, b.Store.Write(ctx, func(tx store.Tx) error {
		err := tx.Exec("UPDATE resources SET spec = REPLACE(spec, ?, ?) WHERE kind = ? AND id = ?", old, now, section, id)
		require.NoError(b.t, err)
		return catalog.Touch(tx)
	}))
	require.NoError(b.t, b.Refresh(ctx))
}

// A document that an older gateway has written beside this one is read like one of the file.
func TestFormerKeysOfADocument(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		b.damage(ctx, "agents", "a", `"model":"m"`, `"model":"m","tools":false`)
		v, err := b.View(ctx)
		require.NoError(t, err)
		require.Empty(t, v.Warnings())
		require.Len(t, v.Cautions(), 1)
		require.Equal(t, "a", v.Cautions()[0].ID)
		require.Contains(t, v.Cautions()[0].Fields.Err().Error(), "flowTools")
		a, ok := catalog.Find[agents.Agent](v, "a")
		require.True(t, ok)
		require.False(t, a.TakesFlowTools())
		require.Empty(t, a.Tools)
	})
}

// A document of which a member cannot be read, as another version may have written it, is not in force. It says why, and
// nothing else suffers.
func TestADocumentThatCannotBeReadStopsNothing(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		_, _, err := b.agents().Create(ctx, "mia", agents.Agent{ID: "other", Provider: "p", Model: "m", SystemPrompt: "Be brief."})
		require.NoError(t, err)
		b.damage(ctx, "agents", "other", `"model":"m"`, `"model":{"of":"another kind"}`)

		v, err := b.View(ctx)
		require.NoError(t, err)
		require.Equal(t, []problem.Finding{{Section: "agents", ID: "other", Fields: problem.Fields{{Path: "model", Message: "cannot be read as it is stored; give it again"}}}}, v.Warnings())
		require.Equal(t, []string{"a", "f", "filed"}, invocable(v))
		list, err := b.agents().List(ctx)
		require.NoError(t, err)
		require.Len(t, list, 3)
		require.Equal(t, agents.Agent{ID: "other", Provider: "p", SystemPrompt: "Be brief."}, list[2].Item, "the rest of it is there")
		require.Equal(t, v.Warnings()[0].Fields, list[2].Warnings)

		// It does not stand in the way of other changes, and to save it again mends it.
		_, err = b.agents().Update(ctx, "mia", agents.Agent{ID: "a", Provider: "p", Model: "m2"}, 0)
		require.NoError(t, err)
		mended := list[2].Item
		mended.Model = "m3"
		_, err = b.agents().Update(ctx, "mia", mended, list[2].Version)
		require.NoError(t, err)
		v, err = b.View(ctx)
		require.NoError(t, err)
		require.Empty(t, v.Warnings())
		require.Equal(t, []string{"a", "f", "filed", "other"}, invocable(v))
	})
}

func TestDocumentsThatCannotBeRead(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		for name, test := range map[string]struct{ section, id, old, now, path, unread string }{
			"a value of another kind":  {"clients", "c", `"passthrough":true`, `"passthrough":"yes"`, "passthrough", "passthrough"},
			"a value within":           {"clients", "c", `"passthrough":true`, `"passthrough":true,"rateLimit":{"requests":1,"per":7}`, "rateLimit.per", "rateLimit"},
			"a value in a list":        {"flows", "f", `"root":{`, `"root":{"steps":[{"type":"agent"},{"type":7}],`, "root.steps[1].type", "root"},
			"a text that is no length": {"clients", "c", `"syncTimeout":"0s"`, `"syncTimeout":"soon"`, "syncTimeout", "syncTimeout"},
			"a secret that is no text": {"providers", "p", `"headers":{`, `"headers":{"X-Number":7,`, "headers.X-Number", "headers"},
			"a list instead":           {"clients", "c", `{"id"`, `[{"id"`, "", ""},
			"no JSON":                  {"commands", "daily", `{"id"`, `{{"id"`, "", ""},
		} {
			b.damage(ctx, test.section, test.id, test.old, test.now)
			v, err := b.View(ctx)
			require.NoError(t, err)
			var found *catalog.Record[catalog.Resource]
			for _, r := range v.RecordsOf(test.section) {
				if r.Item.Key() == test.id {
					found = &r
				}
			}
			require.NotNil(t, found, name)
			require.Len(t, found.Warnings, 1, name)
			require.Equal(t, test.path, found.Warnings[0].Path, name)
			require.Equal(t, []string{test.unread}, found.Unread, name)
			b.damage(ctx, test.section, test.id, test.now, test.old)
			v, err = b.View(ctx)
			require.NoError(t, err)
			require.Empty(t, v.Warnings(), name)
		}
	})
}

// What can be read of it counts: secrets stay, callers hear that their client is unusable, and events wait, unless it
// cannot be told which.
func TestWhatIsLeftOfADocument(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		token := b.fill(ctx)
		b.damage(ctx, "providers", "p", `"type":"openai"`, `"type":"openai","maxRetries":"two"`)
		_, err := b.providers().Update(ctx, "mia", agents.Provider{ID: "p", Type: "openai", URL: "https://example.com", APIKey: secret.Mask}, 0)
		require.NoError(t, err)
		kept, err := b.providers().Get(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, "sk-s3cret", kept.Item.APIKey.Reveal())

		b.damage(ctx, "clients", "c", `"passthrough":true`, `"passthrough":"yes"`)
		v, err := b.View(ctx)
		require.NoError(t, err)
		credentials, err := clients.Credentials(b.Store.Read(ctx))
		require.NoError(t, err)
		set, _ := clients.SetOf(v, credentials, clients.NewLimits())
		require.True(t, set.Authenticate("c", token.Reveal()).Unusable)
		_, err = clients.RotateToken(ctx, b.clients(), "mia", "c", 0)
		require.NoError(t, err, "a token is no part of it")
		b.damage(ctx, "clients", "c", `"passthrough":"yes"`, `"passthrough":true`)

		for member, waits := range map[string]bool{`"name":7`: true, `"agents":"all"`: false, `"events":{}`: false} {
			b.damage(ctx, "endpoints", "e", `"url"`, member+`,"url"`)
			v, err := b.View(ctx)
			require.NoError(t, err)
			list := deliveries.InForce(v)
			require.Equal(t, waits, len(list) == 1, member)
			if waits {
				require.False(t, list[0].IsEnabled())
				require.Equal(t, []string{"c"}, list[0].Clients)
			}
			_, err = deliveries.RotateSecret(ctx, b.endpoints(), "mia", "e", "")
			require.Equal(t, "unreadable", codeOf(err))
			b.damage(ctx, "endpoints", "e", member+`,"url"`, `"url"`)
		}
		b.damage(ctx, "endpoints", "e", `{"id"`, `[{"id"`)
		require.NoError(t, b.endpoints().Delete(ctx, "mia", "e", 0))
	})
}
