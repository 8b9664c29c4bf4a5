package deliveries_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/deliveries"
	"beckon/internal/secret"
	"beckon/internal/units"
)

const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestRetryIsANameOrAList(t *testing.T) {
	for text, want := range map[string]deliveries.Retry{
		`"fast"`:       {Policy: "fast"},
		`["5s","30m"]`: {Waits: []units.Duration{units.Duration(5 * time.Second), units.Duration(30 * time.Minute)}},
	} {
		var fromYAML, fromJSON deliveries.Retry
		require.NoError(t, yaml.Unmarshal([]byte(text), &fromYAML))
		require.NoError(t, json.Unmarshal([]byte(text), &fromJSON))
		require.Equal(t, want, fromYAML)
		require.Equal(t, want, fromJSON)
		written, err := json.Marshal(want)
		require.NoError(t, err)
		require.JSONEq(t, text, string(written))
	}
}

// valid is an endpoint with every option.
func valid() deliveries.Endpoint {
	return deliveries.Endpoint{ID: "ops", URL: "https://example.com/hook?key=1", Secret: key, PreviousSecret: key, Events: []string{"run.failed", "lead.completed-2", deliveries.EndpointDisabled},
		Format: `{"text": {{json .data.output}}}`, Signature: "standard", Vendor: "Acme-2", Retry: deliveries.Retry{Policy: "fast"},
		Headers: map[string]secret.String{"Authorization": "Bearer abc", "X-Env": "prod ü", "X-Beckon-Event": "ours only for the vendor Beckon"},
		Timeout: units.Duration(100 * time.Millisecond), RateLimit: 10_000}
}

func TestCheckTakesEveryOption(t *testing.T) {
	require.Empty(t, valid().Check())
	require.Empty(t, deliveries.Endpoint{URL: "https://example.com/hook", Secret: key}.Check())
	require.Empty(t, deliveries.Endpoint{URL: "http://10.0.0.1:8080/", Signature: "standard-ed25519"}.Check(), "the gateway's own key signs")
	require.Empty(t, deliveries.Endpoint{URL: "https://example.com/hook", Signature: "hmac-sha256-hex", Secret: "a-shared-secret-of-theirs"}.Check())
}

// What only some events have, and what callers choose, may be missing in others.
func TestATemplateNeedNotFitEveryEvent(t *testing.T) {
	for _, text := range []string{
		`{"text": {{json .error}}}`, `{"text": {{json .data.errorCode}}}`, `{"text": {{json .data.reason}}}`, `{"text": {{json .data.attempts}}}`, `{"text": {{json .data.message}}}`,
		`{"node": {{json .data.nodeId}}}`, `{"text": {{json .metadata.orderId}}}`, `{{with .metadata}}{"text": {{json .orderId}}}{{end}}`,
		`{"result": {{.data.output}}}`, `{"text": "{{.data.output}}"}`, `{{.data.output}}`,
		`{{if eq .workflowId "other"}}{"text": "x"}{{end}}`, `{"text": {{if eq .workflowId "writer"}}1{{end}}}`, `{{if eq .type "lead.won"}}{"won": true}{{else}}none{{end}}`,
		`{{define "a"}}{"text": {{json .type}}}{{end}}{{template "a" .}}`, `{"percent": {{.data.percent}}}`,
	} {
		e := deliveries.Endpoint{ID: "ops", URL: "https://example.com", Secret: key, Format: text, Events: []string{"lead.won"}, Agents: []string{"writer"}}
		require.Empty(t, e.Check(), text)
	}
}

// leadTemplate is the payload of another product, by configuration alone.
const leadTemplate = `{
  "event": {{ json .type }},
  "timestamp": {{ .timestamp }},
  "organization_id": {{ json .run.client.metadata.organization_id }},
  "project_id": {{ json .metadata.project_id }},
  "lead_id": {{ json .runId }},
  "input_data": {{ json .run.input }},
  "research_results": {{ .run.outputs.research | fromJson | json }},
  "generated_content": {
    "subject": {{ json (.run.outputs.writer | fromJson).subject }},
    "contentLength": {{ len (.run.outputs.writer | fromJson).body }}
  },
  "viewer_ip": {{ json (.data.viewerIp | default nil) }}
}`

// A misspelt name is found also where the template reads what callers choose.
func TestAMisspeltNameIsRefused(t *testing.T) {
	e := deliveries.Endpoint{ID: "ops", URL: "https://example.com", Secret: key, Format: leadTemplate, Events: []string{"run.completed", "run.viewed"}}
	require.Empty(t, e.Check())
	for right, wrong := range map[string][2]string{
		".runId }}":             {".runID }}", "runID"},
		".timestamp":            {".timestmap", "timestmap"},
		".run.client.metadata":  {".run.clients.metadata", "clients"},
		"client.metadata.":      {"client.meta.", "meta"},
		".metadata.project_id":  {".metadat.project_id", "metadat"},
		"json .run.input":       {"json .run.inputs", "inputs"},
		".run.outputs.research": {".run.output.research", "research"},
		".run.outputs.writer |": {".run.outpts.writer |", "outpts"},
	} {
		e.Format = strings.Replace(leadTemplate, right, wrong[0], 1)
		require.NotEqual(t, leadTemplate, e.Format)
		found := e.Check()
		require.Len(t, found, 1, wrong[0])
		require.Contains(t, found[0].Message, wrong[1])
	}
	for _, text := range []string{`{"a": {{json .metadata.order.id}}, "b": {{json .data.outptu}}}`, `{{with .metadata}}{"a": {{json .orderId}}, "b": {{json $.tpye}}}{{end}}`,
		`{"a": {{json .metadata.a}}, "text": {{.type}}}`, `{"a": [{{range .run.nodes}}{{json .nodeid}},{{end}}0], "m": {{json .metadata}}}`,
		`{"a": [{{range .run.input.items}}{{json $.data.nope}}{{end}}]}`, `{"a": {{json (.data.output | fromJson).title}}, "b": {{json .data.titel}}}`} {
		e.Format = text
		require.Len(t, e.Check(), 1, text)
	}
	for _, text := range []string{`{"a": {{json .metadata.order.id}}, "b": {{.metadata.count}}}`, `{"a": [{{range .run.input.items}}{{json .name}}{{end}}]}`,
		`{"a": {{range $k, $v := .metadata}}{{json $k}}{{else}}null{{end}}}`, `{"a": {{json (.data.output | fromJson).title}}}`, `{"a": {{json (index .metadata "order id")}}}`,
		`{"a": {{if eq .metadata.kind "vip"}}1{{else}}2{{end}}}`, `{"files": [{{range .run.artifacts}}{{json .url}}{{end}}], "page": {{json .run.links.run}}, "share": {{json .run.links.share}}}`} {
		e.Format = text
		require.Empty(t, e.Check(), text)
	}
}

// A template that never ends is cut off, at the check and at every event.
func TestATemplateThatLoopsIsBounded(t *testing.T) {
	loops := `{{define "l"}}{{range 1000000}}{{range 1000000}}{{range 1000000}}{{end}}{{end}}{{end}}{{end}}{"a": {{json .metadata.x}}{{template "l"}}}`
	e := deliveries.Endpoint{ID: "ops", URL: "https://example.com", Secret: key, Format: loops}
	begun := time.Now()
	require.Empty(t, e.Check(), "a busy machine looks the same")
	require.Less(t, time.Since(begun), 10*time.Second)
	e.Format = `{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}{{json .metadata}}`
	require.Len(t, e.Check(), 1)
}

func TestCheckRefuses(t *testing.T) {
	many := func(n int, name string) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf(name, i))
		}
		return names
	}
	format := func(text string) func(*deliveries.Endpoint) {
		return func(e *deliveries.Endpoint) { e.Format = text }
	}
	headers := func(name, value string) func(*deliveries.Endpoint) {
		return func(e *deliveries.Endpoint) { e.Headers = map[string]secret.String{name: secret.String(value)} }
	}
	for name, tt := range map[string]struct {
		change func(e *deliveries.Endpoint)
		path   string
		says   string
	}{
		"no URL":            {func(e *deliveries.Endpoint) { e.URL = "" }, "url", "is required"},
		"not HTTP":          {func(e *deliveries.Endpoint) { e.URL = "ftp://example.com/hunter22" }, "url", "http"},
		"password in URL":   {func(e *deliveries.Endpoint) { e.URL = "https://user:hunter22@example.com/" }, "url", ""},
		"unknown signature": {func(e *deliveries.Endpoint) { e.Signature = "rot13" }, "signature", "standard-ed25519"},
		"no secret":         {func(e *deliveries.Endpoint) { e.Secret = "" }, "secret", "is required"},
		"no secret for hex": {func(e *deliveries.Endpoint) { e.Secret, e.Signature = "", "hmac-sha256-hex" }, "secret", "is required"},
		"bad secret":        {func(e *deliveries.Endpoint) { e.Secret = "hunter22" }, "secret", "whsec_"},
		"bad old secret":    {func(e *deliveries.Endpoint) { e.PreviousSecret = "hunter22" }, "previousSecret", "whsec_"},
		"bad format":        {func(e *deliveries.Endpoint) { e.Format = "xml" }, "format", "cloudevents"},
		"bad template":      {func(e *deliveries.Endpoint) { e.Format = "{\n{{nope .x}}}" }, "format", "line 2"},
		"no brace":          {format(`{"text": {{json .type}}`), "format", `of the event run.completed it makes {"text": "run.completed", which ends too early`},
		"no JSON":           {format("{\n\"text\": {{.type}}}"), "format", "which is not JSON from line 2, column 9 on"},
		"no such member":    {format(`{"text": {{json .data.outptu}}}`), "format", `cannot be made of any event: line 1, column 22: there is no "outptu"`},
		"long nonsense":     {format(strings.Repeat("x", 500) + "{{.type}}"), "format", strings.Repeat("x", 120) + "…, which"},
		"bad event":         {func(e *deliveries.Endpoint) { e.Events = []string{"run.failed", "Run.Failed"} }, "events[1]", "lower-case"},
		"long event":        {func(e *deliveries.Endpoint) { e.Events = []string{strings.Repeat("a", 129)} }, "events[0]", "128"},
		"event twice":       {func(e *deliveries.Endpoint) { e.Events = []string{"a.b", "c", "a.b"} }, "events[2]", "twice"},
		"many events":       {func(e *deliveries.Endpoint) { e.Events = many(101, "a%d") }, "events", "100"},
		"bad retry":         {func(e *deliveries.Endpoint) { e.Retry.Policy = "never" }, "retry", "svix"},
		"bad wait":          {func(e *deliveries.Endpoint) { e.Retry = deliveries.Retry{Waits: []units.Duration{0}} }, "retry[0]", "more than 0"},
		"bad vendor":        {func(e *deliveries.Endpoint) { e.Vendor = "Ac me" }, "vendor", "letters"},
		"long vendor":       {func(e *deliveries.Endpoint) { e.Vendor = strings.Repeat("a", 41) }, "vendor", "40"},
		"short timeout":     {func(e *deliveries.Endpoint) { e.Timeout = units.Duration(99 * time.Millisecond) }, "timeout", "100ms"},
		"long timeout":      {func(e *deliveries.Endpoint) { e.Timeout = units.Duration(30*time.Second + 1) }, "timeout", "30s"},
		"negative rate":     {func(e *deliveries.Endpoint) { e.RateLimit = -1 }, "rateLimit", "10000"},
		"high rate":         {func(e *deliveries.Endpoint) { e.RateLimit = 10_001 }, "rateLimit", "10000"},
		"header name":       {headers("X Env", "hunter22"), "headers", `"X Env"`},
		"no header name":    {headers("", "hunter22"), "headers", "not the name"},
		"header with break": {headers("X-Env", "hunter22\r\nX-Other: 1"), "headers.X-Env", "line breaks"},
		"header with bell":  {headers("X-Env", "hunter22\a"), "headers.X-Env", "control"},
		"large headers":     {headers("X-Env", strings.Repeat("a", 8<<10)), "headers", "8192"},
		"header in two cases": {func(e *deliveries.Endpoint) {
			e.Headers = map[string]secret.String{"X-Env": "hunter22", "x-env": "hunter23"}
		}, "headers.x-env", "twice"},
		"many headers": {func(e *deliveries.Endpoint) {
			for _, name := range many(33, "X-%d") {
				e.Headers[name] = "hunter22"
			}
		}, "headers", "32"},
	} {
		t.Run(name, func(t *testing.T) {
			e := valid()
			tt.change(&e)
			found := e.Check()
			require.Len(t, found, 1)
			require.Equal(t, tt.path, found[0].Path)
			require.Contains(t, found[0].Message, tt.says)
			require.NotContains(t, found[0].Message, "hunter2")
		})
	}
}

func TestAnEndpointIsEnabledUnlessItSaysSo(t *testing.T) {
	yes, no := true, false
	require.True(t, deliveries.Endpoint{}.IsEnabled())
	require.True(t, deliveries.Endpoint{Enabled: &yes}.IsEnabled())
	require.False(t, deliveries.Endpoint{Enabled: &no}.IsEnabled())
}

func TestFiltersMayNameEveryEvent(t *testing.T) {
	e := valid()
	e.Events = deliveries.EventNames()
	require.Empty(t, e.Check())
	require.Contains(t, e.Events, "run.viewed")
	require.Contains(t, e.Events, "delivery.exhausted")
	require.NotContains(t, e.Events, "message.delta", "it never goes out")
}
