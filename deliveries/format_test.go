package deliveries

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
)

var update = flag.Bool("update", false, "write the golden files anew")

// completed is an event of a flow's run, as runs writes it.
func completed() message {
	return message{ID: "evt_01JM000000000000000000000A", Type: "lead.completed", RunID: "run_01JM0000000000000000000000", Source: "https://beckon.example.com",
		Payload: json.RawMessage(`{"success":true,"type":"run.completed","runId":"run_01JM0000000000000000000000","workflowId":"incident",` +
			`"data":{"status":"COMPLETED","completedNodes":5,"failedNodes":0,"output":"Rollback <b>done</b> & „quoted“ \"text\"\n2"},` +
			`"metadata":{"z":12345678901234567890,"orderId":"order_456"},"error":null,"createdAt":"2026-02-18T12:00:00.120Z"}`)}
}

// failed has an error, and metadata that the callback of its call replaces.
func failedNode() message {
	return message{ID: "evt_01JM000000000000000000000B", Type: "node.failed", RunID: "run_01JM0000000000000000000000", Source: "https://beckon.example.com",
		Metadata: json.RawMessage(`{"orderId":"order_456"}`),
		Payload: json.RawMessage(`{"success":false,"type":"node.failed","runId":"run_01JM0000000000000000000000","workflowId":"incident",` +
			`"data":{"nodeId":"logs#2","nodeType":"logs","status":"FAILED","output":null},"metadata":{"own":1},` +
			`"error":{"code":"agent_timeout","message":"It did not answer within 2m."},"createdAt":"2026-02-18T12:00:00.000Z"}`)}
}

// operational is about no run.
func operational() message {
	return message{ID: "evt_01JM000000000000000000000C", Type: EndpointDisabled, Source: "https://beckon.example.com",
		Payload: json.RawMessage(`{"success":false,"type":"endpoint.disabled","runId":null,"workflowId":null,"data":{"endpointId":"ops","reason":"gone"},` +
			`"metadata":null,"error":null,"createdAt":"2026-02-18T12:00:00.000Z"}`)}
}

const chatTemplate = `{{- /* what a chat takes */ -}}
{"text": {{json (.data.output | default .error.message | default .data.reason | upper)}}, "of": {{json .type}},
 "at": [{{.timestamp}}, "{{.createdAt}}", {{json (date "15:04" .createdAt)}}], "order": {{json (.metadata.orderId | default "none")}},
 "ids": {{json (list .id .runId .workflowId)}}, "ok": {{.success}}{{if .error}}, "error": {{json .error}}{{end}}}
`

func TestFormats(t *testing.T) {
	for event, m := range map[string]message{"completed": completed(), "node-failed": failedNode(), "operational": operational()} {
		for name, spec := range map[string]string{"run": "run", "payload": "payload", "event": "event", "cloudevents": "cloudevents", "template": chatTemplate} {
			t.Run(event+"-"+name, func(t *testing.T) {
				f, err := parseFormat(spec)
				require.NoError(t, err)
				body, contentType, err := f.render(m)
				require.NoError(t, err)
				require.Equal(t, map[bool]string{false: "application/json", true: "application/cloudevents+json"}[name == "cloudevents"], contentType)
				require.True(t, json.Valid(body))

				golden := filepath.Join("testdata", event+"-"+name+".json")
				if *update {
					require.NoError(t, os.WriteFile(golden, body, 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err, "write it with -update")
				require.Equal(t, string(want), string(body))
			})
		}
	}
}

// Byte for byte, so that what the log has and what goes out can be compared.
func TestTheDefaultFormatChangesTypeAndMetadataAlone(t *testing.T) {
	m := completed()
	for _, spec := range []string{"", "run"} {
		f, err := parseFormat(spec)
		require.NoError(t, err)
		m.Type = "run.completed"
		body, _, err := f.render(m)
		require.NoError(t, err)
		require.Equal(t, string(m.Payload), string(body))

		renamed := m
		renamed.Type, renamed.Metadata = "lead.completed", json.RawMessage(`{"orderId":"mine"}`)
		body, _, err = f.render(renamed)
		require.NoError(t, err)
		want := strings.Replace(string(m.Payload), "run.completed", "lead.completed", 1)
		want = strings.Replace(want, `{"z":12345678901234567890,"orderId":"order_456"}`, `{"orderId":"mine","z":12345678901234567890}`, 1)
		require.Equal(t, want, string(body))
	}
}

func TestStatusesOfTheFormatPayload(t *testing.T) {
	for kind, want := range map[string]string{"run.created": "queued", "run.queued": "queued", "run.started": "rendering", "run.waiting": "rendering", "run.completed": "complete",
		"run.failed": "error", "run.canceled": "canceled", "node.started": "rendering", "node.completed": "complete", "node.failed": "error", "node.canceled": "canceled"} {
		m := samplesOf(kind, "video.changed", "triage", sampleTime)[0]
		body, _, err := formats[1].render(m)
		require.NoError(t, err)
		var sent struct {
			Type    string
			Payload struct {
				ID, Status string
				Downloads  []map[string]string
			}
		}
		require.NoError(t, json.Unmarshal(body, &sent))
		require.Equal(t, want, sent.Payload.Status, kind)
		require.Equal(t, "video.changed", sent.Type)
		require.Equal(t, sampleRunID, sent.Payload.ID)
		require.NotNil(t, sent.Payload.Downloads, "a list, also an empty one")
		if strings.HasSuffix(kind, ".completed") {
			require.Equal(t, []map[string]string{{"url": "https://beckon.example.com/a/art_01JZX5B7Q0000000000000000", "expires_at": sampleTime}}, sent.Payload.Downloads)
		}
	}
	stopped := failedNode()
	stopped.Payload = json.RawMessage(strings.Replace(string(stopped.Payload), "FAILED", "CANCELED", 1))
	body, _, err := formats[1].render(stopped)
	require.NoError(t, err)
	require.Contains(t, string(body), `"status":"canceled"`, "a node that was stopped")
}

// A format that someone adds is known wherever formats are named.
func TestEveryFormatIsKnownByItsName(t *testing.T) {
	for _, f := range Formats() {
		require.NotEmpty(t, f.Help, f.Name)
		require.NotEmpty(t, f.Events, f.Name)
		require.Contains(t, FormatNames(), f.Name)
		if f.Destination != nil {
			continue // each needs something of its own: see package all
		}
		e := Endpoint{ID: "ops", URL: "https://example.com", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Format: f.Name}
		require.Empty(t, e.Check())
		require.Equal(t, f.Events, e.eventsByDefault())
	}
	require.Equal(t, unasked, Endpoint{Format: chatTemplate}.eventsByDefault())
}

func TestUnknownFormatsAreRefused(t *testing.T) {
	for spec, says := range map[string]string{
		"Run":            "must be run, payload, event, cloudevents, slack, ",
		"xml":            "must be run, payload, event, cloudevents, slack, ",
		`{"text":"x"}`:   "must be run, payload, event, cloudevents, slack, ",
		"{{ .data":       "unclosed action",
		"{{ env `HOME`}": "line 1",
		"{{ env `X` }}":  "env",
	} {
		_, err := parseFormat(spec)
		require.True(t, problem.Is(err, problem.Invalid), spec)
		require.Contains(t, err.Error(), says, spec)
	}
}

func TestTemplatesMustMakeJSON(t *testing.T) {
	m := completed()
	for name, tt := range map[string]struct{ template, code, says string }{
		"not quoted":       {"{\n \"text\": {{.data.output}}}", "invalid_template_output", "line 2, column 10"},
		"text":             {`{{.data.output}}`, "invalid_template_output", "line 1, column 1"},
		"nothing":          {`{{if .error}}{}{{end}}`, "invalid_template_output", "line 1, column 1"},
		"two values":       {`{}{{"{}"}}`, "invalid_template_output", "line 1, column 3"},
		"trailing comma":   {`{"a":{{.timestamp}},}`, "invalid_template_output", "line 1, column"},
		"comment":          {`{"a":{{.timestamp}}} // x`, "invalid_template_output", "line 1, column 21"},
		"name twice":       {`{"a":{{.timestamp}},"a":2}`, "invalid_template_output", "line 1, column"},
		"missing":          {`{"a":{{json .data.nothing}}}`, "template_failed", `there is no "nothing"`},
		"missing below":    {`{"a":{{json .nothing.at.all}}}`, "template_failed", `there is no "nothing"`},
		"grows":            {`{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`, "template_failed", "levels deep"},
		"not valid in it":  {`{{json .data.output | date "15"}}`, "template_failed", "date"},
		"cut to an object": {`{{json .data | truncate 20}}`, "invalid_template_output", "line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := parseFormat(tt.template)
			require.NoError(t, err)
			body, _, err := f.render(m)
			require.Error(t, err)
			require.Nil(t, body)
			p := problem.Of(err)
			require.Equal(t, tt.code, p.Code)
			require.Contains(t, p.Detail, tt.says)
			require.NotContains(t, p.Detail, "Rollback", "the output is nobody's business")
		})
	}
}

func TestTemplatesAreBounded(t *testing.T) {
	m := completed()
	m.Payload = json.RawMessage(strings.Replace(string(m.Payload), "Rollback", strings.Repeat("long ", 1<<18), 1))
	f, err := parseFormat(`{{json .data.output}}`)
	require.NoError(t, err)
	_, _, err = f.render(m)
	require.Equal(t, "template_failed", problem.Of(err).Code)
	require.Contains(t, problem.Of(err).Detail, "1048576 bytes")

	body, _, err := formats[0].render(m) // a long answer goes out all the same
	require.NoError(t, err)
	require.Greater(t, len(body), 1<<20)
}

func TestADamagedRecordIsAnError(t *testing.T) {
	for _, spec := range []string{"run", "payload", "event", "cloudevents", `{{json .data}}`} {
		for _, damaged := range []string{``, `nonsense`, `[]`, `{"success":tr`, `{"createdAt":"yesterday"}`} {
			f, err := parseFormat(spec)
			require.NoError(t, err)
			m := completed()
			m.Payload = json.RawMessage(damaged)
			_, _, err = f.render(m)
			require.Equal(t, "invalid_payload", problem.Of(err).Code, "%s of %q", spec, damaged)
			require.NotContains(t, problem.Of(err).Detail, "yesterday")
		}
	}
}

func TestMetadataThatNobodyCheckedGoesOut(t *testing.T) {
	m := completed()
	m.Metadata = json.RawMessage("{\"a\":1,\"a\":\"\xff\"}")
	for _, spec := range []string{"run", "cloudevents"} {
		f, err := parseFormat(spec)
		require.NoError(t, err)
		body, _, err := f.render(m)
		require.NoError(t, err)
		require.True(t, utf8.Valid(body))
	}
}

func TestACloudEventHasASource(t *testing.T) {
	m := operational()
	m.Source = ""
	f, err := parseFormat("cloudevents")
	require.NoError(t, err)
	body, _, err := f.render(m)
	require.NoError(t, err)
	require.Contains(t, string(body), `"source":"/"`)
	require.NotContains(t, string(body), `"subject"`)
}
