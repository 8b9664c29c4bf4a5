package catalog_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// What a provider's key is when it is used.
func TestKeyOfAProvider(t *testing.T) {
	env := environment{"GOOD": "sk-good", "low_er": "sk-lower", "EMPTY": "", "HOME": "/root", "OTHER_API_KEY": "sk-other"}
	e := gatewaytest.Editor(t, storetest.Open(t, storetest.SQLite(t)), gatewaytest.Setup{Env: env.get, File: "admin: {variables: [GOOD, low_er, EMPTY, UNSET]}\nproviders: [{id: filed, type: openai, apiKey: '$${GOOD}'}]"})
	for _, test := range []struct {
		id, exempt  string
		given, want secret.String
		says        string
	}{
		{given: "", want: ""},
		{given: "sk-plain", want: "sk-plain"},
		{given: "x${GOOD}", want: "x${GOOD}"},
		{given: "${GOOD}", want: "sk-good"},
		{given: "${low_er}", want: "sk-lower"},
		{given: "${EMPTY}", says: "the variable EMPTY is not set"},
		{given: "${UNSET}", says: "the variable UNSET is not set"},
		{given: "${HOME}", says: "admin.variables does not list the variable HOME"},
		{given: "${NOT_THERE}", says: "admin.variables does not list the variable NOT_THERE"},
		{given: "${OTHER_API_KEY}", says: "admin.variables does not list the variable OTHER_API_KEY"},
		{given: "${OTHER_API_KEY}", exempt: agents.ExemptFirstStart, want: "sk-other"},
		{given: "${OTHER_API_KEY}", exempt: agents.ExemptEarlier, want: "sk-other"},
		{id: "filed", given: "${GOOD}", want: "${GOOD}"}, // the file has been expanded already
	} {
		p := agents.Provider{ID: test.id, APIKey: test.given, Exempt: test.exempt}
		got, err := catalog.Of[agents.Provider](e).Used(p)
		if test.says != "" {
			require.True(t, problem.Is(err, problem.Invalid), "%q", test.given.Reveal())
			require.Contains(t, problem.Of(err).Detail, test.says)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, test.want.Reveal(), got.APIKey.Reveal())
	}
}

// Nothing that page and API may write makes Beckon look up a variable that admin.variables does not list.
func TestEditorRefersToListedVariablesOnly(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		const hidden, hook = "${HIDDEN_API_KEY}", "https://example.com/hook"
		headers := map[string]secret.String{"X-Key": hidden}
		create := func(p agents.Provider) error { _, _, err := b.providers().Create(ctx, "mia", p); return err }
		update := func(p agents.Provider) error { _, err := b.providers().Update(ctx, "mia", p, 0); return err }
		endpoint := func(e deliveries.Endpoint) error { _, _, err := b.endpoints().Create(ctx, "mia", e); return err }
		_, _, ofClient := b.clients().Create(ctx, "mia", clients.Client{ID: "x", Passthrough: true, AllowedAgents: []string{"a"}, WebhookSecret: hidden})
		_, rotated := deliveries.RotateSecret(ctx, b.endpoints(), "mia", "e", hidden)
		for name, test := range map[string]struct {
			err   error
			field string
		}{
			"a new provider's key":             {create(agents.Provider{ID: "x", Type: "openai", APIKey: hidden}), "apiKey"},
			"the key of a provider":            {update(agents.Provider{ID: "p", Type: "openai", URL: "https://example.com", APIKey: hidden}), "apiKey"},
			"the exemption cannot be given":    {create(agents.Provider{ID: "x", Type: "openai", APIKey: hidden, Exempt: agents.ExemptEarlier}), "apiKey"},
			"nor kept with another key":        {update(agents.Provider{ID: "p", Type: "openai", APIKey: hidden, Exempt: agents.ExemptEarlier}), "apiKey"},
			"a provider's header":              {create(agents.Provider{ID: "x", Type: "openai", Headers: headers}), "headers.X-Key"},
			"an endpoint's header":             {endpoint(deliveries.Endpoint{ID: "x", URL: hook, Headers: headers}), "headers.X-Key"},
			"an endpoint's secret":             {endpoint(deliveries.Endpoint{ID: "x", URL: hook, Secret: hidden}), "secret"},
			"an endpoint's secret for an HMAC": {endpoint(deliveries.Endpoint{ID: "x", URL: hook, Signature: "hmac-sha256-hex", Secret: "${HIDDEN_API_KEY_THAT_IS_LONG_ENOUGH}"}), "secret"},
			"a rotated secret":                 {rotated, "secret"},
			"a client's secret":                {ofClient, "webhookSecret"},
		} {
			require.Equal(t, []string{test.field}, fieldsIn(test.err), "%s: %v", name, test.err)
			require.NotContains(t, test.err.Error(), "is not set", "%s: whether a variable is set is not told", name)
		}
		require.NoError(t, create(agents.Provider{ID: "x", Type: "openai", APIKey: "${GOOD_API_KEY}"}))
	})
}

// A provider that may name a variable that is not listed does so at its URL only.
func TestExemptProvidersKeepTheirURL(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		for i, exempt := range []string{agents.ExemptFirstStart, agents.ExemptEarlier} {
			have := agents.Provider{ID: exempt, Type: "openai", URL: "https://api.example.com/v1", APIKey: "${HIDDEN_API_KEY}", Exempt: exempt}
			require.NoError(t, b.Store.Write(ctx, func(tx store.Tx) error {
				_, err := b.providers().Insert(tx, have)
				return err
			}))
			record, err := b.providers().Get(ctx, have.ID)
			require.NoError(t, err)
			require.Empty(t, record.Warnings)
			require.Len(t, record.Cautions, i, "what Beckon made itself needs no caution")

			for _, key := range []secret.String{"", secret.Mask, "${HIDDEN_API_KEY}"} {
				record, err := b.providers().Update(ctx, "mia", agents.Provider{ID: exempt, Name: "Renamed", Type: "openai", URL: have.URL, APIKey: key}, 0)
				require.NoError(t, err)
				require.Equal(t, exempt, record.Item.Exempt)
				require.Equal(t, have.APIKey, record.Item.APIKey)
				for _, url := range []string{"https://evil.example/v1", "http://api.example.com/v1", "https://api.example.com/v2", ""} {
					_, err := b.providers().Update(ctx, "mia", agents.Provider{ID: exempt, Type: "openai", URL: url, APIKey: key}, 0)
					require.Equal(t, []string{"apiKey"}, fieldsIn(err), "%q %q", url, key.Reveal())
				}
			}
			record, err = b.providers().Update(ctx, "mia", agents.Provider{ID: exempt, Type: "openai", URL: "https://elsewhere.example", APIKey: "sk-given"}, 0)
			require.NoError(t, err)
			require.Empty(t, record.Item.Exempt)
			_, err = b.providers().Update(ctx, "mia", agents.Provider{ID: exempt, Type: "openai", URL: have.URL, APIKey: have.APIKey}, 0)
			require.Equal(t, []string{"apiKey"}, fieldsIn(err), "it does not come back")
		}
	})
}
