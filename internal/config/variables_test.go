package config

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

func TestKeyOfAProvider(t *testing.T) {
	env := vars{"GOOD": "sk-good", "low_er": "sk-lower", "EMPTY": "", "HOME": "/root", "OTHER_API_KEY": "sk-other"}.get
	c := load(t, "admin: {variables: [GOOD, low_er, EMPTY, UNSET]}\nproviders: [{id: filed, type: openai, apiKey: '$${GOOD}'}]", nil)
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
		got, err := c.WithKey(p, env)
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
		create := func(p agents.Provider) error { _, _, err := b.Providers.Create(ctx, "mia", p); return err }
		update := func(p agents.Provider) error { _, err := b.Providers.Update(ctx, "mia", p, 0); return err }
		endpoint := func(e deliveries.Endpoint) error { _, _, err := b.Endpoints.Create(ctx, "mia", e); return err }
		_, _, ofClient := b.Clients.Create(ctx, "mia", clients.Client{ID: "x", Passthrough: true, AllowedAgents: []string{"a"}, WebhookSecret: hidden})
		_, rotated := b.RotateSecret(ctx, "mia", "e", hidden)
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
			require.NoError(t, b.store.Write(ctx, func(tx *gorm.DB) error { return b.made.Providers.Create(tx, have) }))
			record, err := b.Providers.Get(ctx, have.ID)
			require.NoError(t, err)
			require.Empty(t, record.Warnings)
			require.Len(t, record.Cautions, i, "what Beckon made itself needs no caution")

			for _, key := range []secret.String{"", secret.Mask, "${HIDDEN_API_KEY}"} {
				record, err := b.Providers.Update(ctx, "mia", agents.Provider{ID: exempt, Name: "Renamed", Type: "openai", URL: have.URL, APIKey: key}, 0)
				require.NoError(t, err)
				require.Equal(t, exempt, record.Item.Exempt)
				require.Equal(t, have.APIKey, record.Item.APIKey)
				for _, url := range []string{"https://evil.example/v1", "http://api.example.com/v1", "https://api.example.com/v2", ""} {
					_, err := b.Providers.Update(ctx, "mia", agents.Provider{ID: exempt, Type: "openai", URL: url, APIKey: key}, 0)
					require.Equal(t, []string{"apiKey"}, fieldsIn(err), "%q %q", url, key.Reveal())
				}
			}
			record, err = b.Providers.Update(ctx, "mia", agents.Provider{ID: exempt, Type: "openai", URL: "https://elsewhere.example", APIKey: "sk-given"}, 0)
			require.NoError(t, err)
			require.Empty(t, record.Item.Exempt)
			_, err = b.Providers.Update(ctx, "mia", agents.Provider{ID: exempt, Type: "openai", URL: have.URL, APIKey: have.APIKey}, 0)
			require.Equal(t, []string{"apiKey"}, fieldsIn(err), "it does not come back")
		}
	})
}

func TestVariablesThatPageAndAPIMayName(t *testing.T) {
	for _, bad := range []string{"${HOME}", "A B", "1A", "sk-12"} {
		require.Len(t, complaints(t, "admin: {variables: [GOOD, '"+bad+"']}", vars{"HOME": "/root"}, Resources{}), 1, bad)
	}
	require.Equal(t, []string{"config.yaml:1: admin.variables[1]: must be the name of an environment variable such as OPENAI_API_KEY, without ${ }"},
		complaints(t, "admin: {variables: [GOOD, '${KEY}']}", vars{"KEY": "sk-s3cret"}, Resources{}))
	c := load(t, "", vars{"BECKON_ADMIN_VARIABLES": "A, B"})
	require.Equal(t, []string{"A", "B"}, c.Admin.Variables)
	apply, restart := Changes(load(t, "", nil), c)
	require.Equal(t, []string{"admin.variables"}, apply)
	require.Empty(t, restart)
}
