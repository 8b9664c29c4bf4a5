package config

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/secret"
	"beckon/internal/units"
)

func export(t *testing.T, content string, env vars, database ...catalog.Resource) string {
	t.Helper()
	c := load(t, content, env)
	var out bytes.Buffer
	require.NoError(t, Export(&out, c, view(t, c, env, database...)))
	return out.String()
}

func TestExportRoundTrip(t *testing.T) {
	env := vars{"BECKON_LOG_LEVEL": "error", "BECKON_SERVER_MAXBODYBYTES": "3MiB", "STORED_API_KEY": "sk-stored", "BECKON_ADMIN_VARIABLES": "STORED_API_KEY"}
	for name, value := range fullVars {
		env[name] = value
	}
	zero, off := 0.0, false
	stored := []catalog.Resource{
		agents.Provider{ID: "byref", Type: "openai", APIKey: "${STORED_API_KEY}", Headers: map[string]secret.String{"X-A": "stored-header", "x_a": "other-header"}},
		agents.Provider{ID: "literal", Type: "openai", APIKey: "sk-literal", Timeout: units.Duration(time.Second)},
		agents.Agent{ID: "stored", Provider: "byref", Model: "m", SystemPrompt: "run ${HOME}\nand $${x} \"quoted\": #1", Temperature: &zero, RetryOnCrash: new(false), Events: map[string]string{"run.completed": "stored.done"}},
		commands.Command{ID: "stored", Prompt: "true", AgentID: "stored"},
		clients.Client{ID: "stored", Enabled: &off, CommandID: "stored", AllowedAgents: []string{"stored"}},
		deliveries.Endpoint{ID: "stored", URL: "https://e", Secret: "whsec_c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVk", Events: []string{"stored.done", "logs.failed"},
			Retry: deliveries.Retry{Waits: []units.Duration{units.Duration(time.Second)}}},
	}
	before := load(t, full, env)
	v := view(t, before, env, stored...)
	require.Empty(t, v.Warnings())
	var out bytes.Buffer
	require.NoError(t, Export(&out, before, v))

	text := out.String()
	for _, value := range []string{"hunter22", "literal-", "_literal", "-literal", "stored-header", "other-header", "c3RvcmVk", "bDF0ZXJhb", "k3y", "0ld-secret", "adm1n", "12345678", "abcdefgh", secret.Mask} {
		require.NotContains(t, text, value)
	}
	asked := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^#   (\S+)   (.*)$`).FindAllStringSubmatch(text, -1) {
		asked[m[1]] = m[2]
	}
	require.Equal(t, map[string]string{
		"BECKON_ADMIN_PASSWORD":                    "admin.password",
		"BECKON_PROVIDER_OPENAI_HEADERS_X_LITERAL": "headers.X-Literal of provider openai",
		"BECKON_PROVIDER_BYREF_HEADERS_X_A":        "headers.X-A of provider byref",
		"BECKON_PROVIDER_BYREF_HEADERS_X_A_2":      "headers.x_a of provider byref",
		"BECKON_PROVIDER_LITERAL_API_KEY":          "apiKey of provider literal",
		"BECKON_CLIENT_NIGHTLY_TOKEN":              "token of client nightly: the one that the sender has, or another for it",
		"BECKON_CLIENT_STORED_TOKEN":               "token of client stored: the one that the sender has, or another for it",
		"BECKON_CLIENT_CI_WEBHOOK_SECRET":          "webhookSecret of client ci",
		"BECKON_ENDPOINT_OPS_SECRET":               "secret of endpoint ops",
		"BECKON_ENDPOINT_STORED_SECRET":            "secret of endpoint stored",
	}, asked)
	for _, kept := range []string{"${SECRETS_KEY}", "${DATA:-/tmp}", "${OPENAI_API_KEY}", "Bearer ${GATEWAY}", "${CI_TOKEN}", "${OPS_AUTH}", "${OLD_SECRET}", "${STORED_API_KEY}"} {
		require.Contains(t, text, kept)
	}

	_, referred, _ := strings.Cut(text, "# And these, which the configuration refers to:\n")
	referred, _, _ = strings.Cut(referred, "server:\n")
	for _, name := range []string{"SECRETS_KEY", "OPENAI_API_KEY", "GATEWAY", "CI_TOKEN", "OPS_AUTH", "OLD_SECRET", "STORED_API_KEY"} {
		require.Contains(t, referred, "#   "+name+"\n")
	}
	for _, name := range []string{"DATA", "HOME", "x", "BECKON_ADMIN_PASSWORD"} {
		require.NotContains(t, referred, "#   "+name+"\n")
	}

	elsewhere := vars{"BECKON_ADMIN_PASSWORD": "hunter22", "BECKON_PROVIDER_OPENAI_HEADERS_X_LITERAL": "literal-secret",
		"BECKON_PROVIDER_BYREF_HEADERS_X_A": "stored-header", "BECKON_PROVIDER_BYREF_HEADERS_X_A_2": "other-header",
		"BECKON_PROVIDER_LITERAL_API_KEY": "sk-literal", "BECKON_CLIENT_NIGHTLY_TOKEN": "literal-token", "BECKON_CLIENT_STORED_TOKEN": "s",
		"BECKON_CLIENT_CI_WEBHOOK_SECRET": "whsec_bDF0ZXJhbGwxdGVyYWxsMXRlcmFsbDF0ZXJhbA==",
		"BECKON_ENDPOINT_OPS_SECRET":      "whsec_literal-for-hmac", "BECKON_ENDPOINT_STORED_SECRET": "whsec_c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVk", "STORED_API_KEY": "sk-stored"}
	for name, value := range fullVars {
		elsewhere[name] = value
	}
	after := load(t, text, elsewhere)
	again := view(t, after, elsewhere)
	require.Equal(t, catalog.All[agents.Provider](v), catalog.All[agents.Provider](again))
	require.Equal(t, catalog.All[agents.Agent](v), catalog.All[agents.Agent](again))
	require.Equal(t, catalog.All[agents.Flow](v), catalog.All[agents.Flow](again))
	require.Equal(t, catalog.All[commands.Command](v), catalog.All[commands.Command](again))
	want := catalog.All[clients.Client](v)
	want[2].Token = "s"
	require.Equal(t, want, catalog.All[clients.Client](again))
	require.Equal(t, catalog.All[deliveries.Endpoint](v), catalog.All[deliveries.Endpoint](again))
	apply, restart := Changes(before, after)
	require.Empty(t, apply)
	require.Empty(t, restart)
}

func TestExportKeepsNoPartOfASecret(t *testing.T) {
	env := vars{"A": "variable", "BECKON_DATABASE_URL": "postgres://u:s3cret@h/d", "BECKON_ADMIN_TOKEN": "s3cret"}
	text := export(t, `
# s3cret in a comment
admin: {password: "${MISSING:-s3cret}"}  # s3cret too
server: {secretsKey: "s3cret-${A}"}
providers:
  - &p {id: p, type: openai, apiKey: "$${s3cret}", headers: {A: "${A}-s3cret", B: "Bearer ${A}", C: "${A:-}"}}
  - {<<: *p, id: q}
`, env)
	require.NotContains(t, text, "s3cret")
	require.Contains(t, text, `"Bearer ${A}"`)
	require.Contains(t, text, `"${A:-}"`)
	require.Contains(t, text, "#   BECKON_DATABASE_URL   database.url\n")
	require.Contains(t, text, "#   BECKON_PROVIDER_Q_API_KEY   apiKey of provider q\n")
}

func TestExportOfNothing(t *testing.T) {
	require.Equal(t, "# Written by beckon config export.\n{}\n", export(t, "", nil))
	c, err := Load("", vars{}.get, nouns(nil))
	require.NoError(t, err)
	made := view(t, c, nil, commands.Command{ID: "x", Prompt: "hello"})
	var out bytes.Buffer
	require.NoError(t, Export(&out, c, made))
	require.Contains(t, out.String(), "commands:\n  - id: x\n    prompt: hello\n")
}

func TestExportNamesWhatItLeavesOut(t *testing.T) {
	text := export(t, "", nil, commands.Command{ID: "broken"})
	require.Contains(t, text, "# Left out of the database's commands: \"broken\": prompt: is required\n")
	require.Empty(t, complaints(t, text, nil))
}

func TestExportDoesNotTakeANameThatMeansSomethingElse(t *testing.T) {
	text := export(t, `
providers: [{id: p, type: template, template: "${BECKON_CLIENT_C_TOKEN}"}]
agents: [{id: a, provider: p}]
clients: [{id: c, token: literal, passthrough: true, allowedAgents: [a]}]
`, vars{"BECKON_CLIENT_C_TOKEN": "x"})
	require.Equal(t, 1, strings.Count(text, `token: "${BECKON_CLIENT_C_TOKEN_2}"`))
}

// A query is where some receivers and providers want their key.
func TestExportKeepsNoKeyOfAURL(t *testing.T) {
	env := vars{"KEY": "k3y", "HOST": "e.com"}
	text := export(t, `
providers:
  - {id: p, type: openai, url: "https://${HOST}/v1?api-version=s3cret-1&key=${KEY}&x=${KEY}s3cret&v="}
agents: [{id: a, provider: p, model: m}]
endpoints:
  - {id: e, url: "https://${HOST:-h}/hook?s3cret", secret: "${SECRET:-whsec_c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVk}"}
  - {id: d, url: "${MISSING:-https://e.com/hook?t=s3cret}", secret: "${SECRET:-whsec_c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVk}"}
`, env, deliveries.Endpoint{ID: "stored", URL: "https://e.com/hook?t=s3cret&t=${s3cret}", Secret: "whsec_c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVk"})
	require.NotContains(t, text, "s3cret")
	require.NotContains(t, text, "k3y")
	for _, url := range []string{`"https://${HOST}/v1?api-version=${BECKON_PROVIDER_P_URL_API_VERSION}&key=${KEY}&x=${BECKON_PROVIDER_P_URL_X}&${BECKON_PROVIDER_P_URL_QUERY}"`,
		`"https://${HOST:-h}/hook?${BECKON_ENDPOINT_E_URL_QUERY}"`, `"${BECKON_ENDPOINT_D_URL}"`, `"https://e.com/hook?t=${BECKON_ENDPOINT_STORED_URL_T}&t=${BECKON_ENDPOINT_STORED_URL_T_2}"`} {
		require.Contains(t, text, "url: "+url)
	}
	require.Contains(t, text, "#   BECKON_PROVIDER_P_URL_API_VERSION   url.api-version of provider p\n")
}

// All of a destination's URL may be a key.
func TestExportHidesTheURLsOfDestinations(t *testing.T) {
	const file = `
smtp: {url: "smtps://u:s3cret-mail@mail.example.com", from: "a@example.com"}
endpoints:
  - {id: chat, format: slack, url: "https://hooks.slack.com/services/s3cret-path"}
  - {id: other, format: slack, url: "${HOOK}"}
  - {id: plain, url: "https://example.com/path", secret: "${PLAIN}"}
`
	text := export(t, file, vars{"HOOK": "https://hooks.slack.com/services/x", "PLAIN": "whsec_c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVk"},
		deliveries.Endpoint{ID: "stored", Format: "discord", URL: "https://discord.com/api/webhooks/1/s3cret-stored"})
	require.NotContains(t, text, "s3cret")
	for _, kept := range []string{"${BECKON_ENDPOINT_CHAT_URL}", "${BECKON_ENDPOINT_STORED_URL}", "${HOOK}", "https://example.com/path", "${BECKON_SMTP_URL}"} {
		require.Contains(t, text, kept)
	}
}
