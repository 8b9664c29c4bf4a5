package calls_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/render"
)

// promptTemplate makes prompts as the template of a client does.
type promptTemplate struct{ parsed *render.Template }

func (p promptTemplate) Prompt(c clients.Client, r *calls.Request, maxBytes int) (calls.Prompt, error) {
	return calls.PromptOf(&clients.Member{Client: c, PromptTemplate: p.parsed}, nil, r, maxBytes)
}

func parseTemplate(t testing.TB, text string) promptTemplate {
	t.Helper()
	template, err := render.Parse(text)
	require.NoError(t, err)
	return promptTemplate{template}
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(data)
}

// TestTemplatesOverRealEvents renders NAME.tmpl over NAME.json and compares with NAME.prompt.
func TestTemplatesOverRealEvents(t *testing.T) {
	for name, header := range map[string]http.Header{
		"alertmanager": {"Content-Type": {"application/json"}, "User-Agent": {"Alertmanager/0.28.0"}},
		"github":       {"Content-Type": {"application/json"}, "X-Github-Event": {"issues"}},
	} {
		t.Run(name, func(t *testing.T) {
			template := parseTemplate(t, readFile(t, name+".tmpl"))
			body := readFile(t, name+".json")
			got, err := template.Prompt(clients.Client{ID: name}, &calls.Request{Header: header, Body: []byte(body)}, 1<<20)
			require.NoError(t, err)
			require.Equal(t, readFile(t, name+".prompt"), got.Text)
			require.Empty(t, got.Agent)
		})
	}
}

func TestTemplatePrompt(t *testing.T) {
	for _, c := range []struct{ name, template, contentType, query, body, want string }{
		{"JSON", "{{.body.a}} {{.text}}", jsonType, "", `{"a":1}`, `1 {"a":1}`},
		{"JSON list", "{{index .body 1}}", jsonType, "", `[1,2]`, "2"},
		{"JSON with BOM", "{{.body.a}} {{.text}}", jsonType, "", "\xEF\xBB\xBF{\"a\":1}", `1 {"a":1}`},
		{"promptMembers are the template's", "{{.body.agent}}", jsonType, "", `{"agent":7,"metadata":[],"prompt":1}`, "7"},
		{"JSON in a text", "{{.body.a}}", "text/plain", "", `{"a":1}`, "1"},
		{"JSON without a type", "{{.body.a}}", "", "", `{"a":1}`, "1"},
		{"JSON from curl -d", "{{.body.a}}", formType, "", `{"a":1}`, "1"},
		{"no JSON", "{{.text}}{{if .body}}x{{end}}{{.body.a | default 1}}", "text/plain", "", "Hi", "Hi1"},
		{"no body", "{{.text}}{{if .body}}x{{end}}{{.client.id}}", jsonType, "", "", "ci"},
		{"blank body", "{{if .body}}x{{end}}-", jsonType, "", " ", "-"},
		{"form", "{{.body.a}} {{.body.b | join `+`}} {{.text}}", formType, "", "a=1+2&b=x&b=y&b=z", "1 2 x+y+z a=1+2&b=x&b=y&b=z"},
		{"multipart", "{{.body.a}} {{.body.f}}", partType, "", parts("name=a\n\n1", "name=f; filename=x\n\n\xff"), "1 x (application/octet-stream, 1 bytes)"},
		{"multipart as text", "{{.text | truncate 3}}{{.text | len}}", partType, "", parts("name=a; filename=f\n\n\xff"), "--b71"},
		{"multipart text file", "{{.body.f}}", partType, "", parts("name=f; filename=a.txt\nContent-Type: text/plain\n\nHi"), "Hi"},
		{"JSON in Latin-1", "{{.body.a}} {{.text}}", jsonType + "; charset=latin1", "", "{\"a\":\"\xe4\"}", `ä {"a":"ä"}`},
		{"digits", "{{.body.a}} {{json .body}}", jsonType, "", `{"a":1.10,"b":12345678901234567890}`, `1.10 {"a":1.10,"b":12345678901234567890}`},
		{"equation from curl -d", "{{.text}}", formType, "", "Is 2+2=4?", "Is 2+2=4?"},
		{"query", "{{.query.a}} {{.query.b | join `,`}} {{.query.c | default `-`}}", "", "a=1&b=2&b=3&agent=x", "Hi", "1 2,3 -"},
		{"query that is not UTF-8", "{{.query.a}}", "", "a=%ff", "Hi", "\uFFFD"},
		{"client", "{{.client.id}} {{.client.name}}", "", "", "Hi", "ci ci"},
		{"receivedAt", "{{.receivedAt}} {{.receivedAt | date `15:04`}} {{json .receivedAt}}", "", "", "Hi", `2026-02-18T11:00:00.007Z 11:00 "2026-02-18T11:00:00.007Z"`},
		{"headers", "{{index .headers `content-type`}} {{index .headers `x-none`}}|", "text/plain", "", "Hi", "text/plain |"},
		{"data as a whole", "{{len .}} {{range $k, $v := .}}{{$k}} {{end}}", "", "", "Hi", "6 body client headers query receivedAt text "},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := requestOf(c.contentType, c.query, c.body)
			r.ReceivedAt = time.Date(2026, 2, 18, 12, 0, 0, 7_654_321, time.FixedZone("", 3600))
			got, err := parseTemplate(t, c.template).Prompt(clients.Client{ID: "ci"}, r, 1<<20)
			require.NoError(t, err)
			require.Equal(t, c.want, got.Text)
			require.Equal(t, r.Query.Get("agent"), got.Agent)
		})
	}
	got, err := parseTemplate(t, "{{.client.name}}").Prompt(clients.Client{ID: "ci", Name: "CI"}, &calls.Request{}, 100)
	require.NoError(t, err)
	require.Equal(t, "CI", got.Text)
}

func TestTemplatePromptRefuses(t *testing.T) {
	for _, c := range []struct {
		name, template, contentType, query, body string
		kind                                     problem.Kind
		code, detail                             string
	}{
		{"missing key", "a\n{{.body.a.b}}", jsonType, "", `{"a":{"c":"secret"}}`, problem.Unprocessable, "template_failed", `with this request: line 2, column 8: there is no "b"`},
		{"no body", "{{.body.a}}", jsonType, "", ``, problem.Unprocessable, "template_failed", `there is no "a"`},
		{"text as body", "{{.body.a}}", "text/plain", "", `Hi`, problem.Unprocessable, "template_failed", `there is no "a"`},
		{"missing header", "{{.headers.nope}}", "", "", `Hi`, problem.Unprocessable, "template_failed", `there is no "nope"`},
		{"too large", "{{.text}}{{.text}}", "", "", strings.Repeat("x", 51), problem.Unprocessable, "template_failed", "larger than the 100 bytes"},
		{"too slow", "{{range 1000000000}}{{end}}", "", "", "Hi", problem.Unprocessable, "template_failed", "longer than the 100ms"},
		{"empty", "{{if .body.a}}x{{end}}\n", jsonType, "", `{"a":null}`, problem.Invalid, "empty_prompt", "empty"},
		{"NUL", "{{.body.a}}", jsonType, "", `{"a":"\u0000"}`, problem.Invalid, "invalid_text", "NUL"},
		{"malformed JSON", "{{.body.a}}", jsonType, "", `{"a":1`, problem.Invalid, "invalid_json", "cut off"},
		{"malformed JSON that is not looked at", "Hi", jsonType, "", `{"a":1`, problem.Invalid, "invalid_json", "cut off"},
		{"malformed form", "Hi", formType, "", `a=%`, problem.Invalid, "invalid_form", "percent"},
		{"not UTF-8", "Hi", "", "", "\xff", problem.Invalid, "invalid_utf8", "UTF-8"},
		{"agent", "Hi", "", "agent=A", "Hi", problem.Invalid, "invalid_parameter", "agent must be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseTemplate(t, c.template).Prompt(clients.Client{}, requestOf(c.contentType, c.query, c.body), 100)
			found := problem.Of(err)
			require.Equal(t, c.code, found.Code, err)
			require.Equal(t, c.kind, found.Kind)
			require.Contains(t, found.Detail, c.detail)
			require.NotContains(t, found.Detail, "secret")
		})
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	_, err := render.Parse("Hi\n{{.body | html}}")
	require.ErrorContains(t, err, `line 2, column 11: there is no function "html"`)
	_, findings := clients.NewSet([]clients.Declared{{Client: clients.Client{ID: "a", Passthrough: true, AllowedAgents: []string{"x"}, Template: "{{"}}}, clients.NewLimits())
	require.Len(t, findings, 1)
	require.Equal(t, "template", findings[0].Fields[0].Path)
}

// TestHeadersOfATemplate: what proves who the caller is never gets into a prompt.
func TestHeadersOfATemplate(t *testing.T) {
	header := http.Header{"Accept": {"a/b", "c/d"}, "X-Github-Event": {"push"}, "X-Event-Key": {"repo:push"}, "User-Agent": {"caf\xe9"}, "Idempotency-Key": {"k"}}
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Auth-Key", "X-Gitlab-Token", "X-Client-Secret", "X-Api-Key", "Apikey", "X_api_key",
		"X-Access-Key", "X-Password", "X-Session-Id", "X-Credential", "X-Amz-Security-Token", "X-Goog-Iap-Jwt-Assertion", "X-Forwarded-Authorization", "x-lower-token", "X-ToKeN-MiXed",
		"X-Hub-Signature-256", "X-Vault-Wrap", "X-Forwarded-Client-Cert", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "X-Shopify-Hmac-Sha256"} {
		header[name] = []string{"leaked"}
	}
	got, err := parseTemplate(t, "{{json .headers}}").Prompt(clients.Client{}, &calls.Request{Header: header}, 10_000)
	require.NoError(t, err)
	require.JSONEq(t, `{"accept":"a/b, c/d","x-github-event":"push","x-event-key":"repo:push","user-agent":"caf\ufffd","idempotency-key":"k"}`, got.Text)
}

func BenchmarkTemplatePrompt(b *testing.B) {
	template, body := parseTemplate(b, readFile(b, "alertmanager.tmpl")), []byte(readFile(b, "alertmanager.json"))
	r := &calls.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := template.Prompt(clients.Client{ID: "ops"}, r, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadPrompt(b *testing.B) {
	r := requestOf(jsonType, "", `{"prompt":"What is wrong with `+strings.Repeat("this disk ", 50)+`?","sessionId":"s","metadata":{"orderId":"o"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := calls.ReadPrompt(r); err != nil {
			b.Fatal(err)
		}
	}
}
