package gateway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders/all"
)

// way is one way in which a payload comes in. request makes the call that has a text of a third party.
type way struct {
	client  string // its declaration
	request func(text string) *http.Request
	outside string // of the prompt, what the owner has written: what stands outside of the markers, which are | here
}

// fenceWays are all ways in which third parties' words come in.
func fenceWays(t *testing.T, stolen string) map[string]way {
	post := func(path, contentType, body string, header ...string) *http.Request {
		r, err := http.NewRequest(http.MethodPost, "http://gateway.example"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", contentType)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	// steering are members that mean something to Beckon elsewhere.
	steering := map[string]any{"agent": "other", "workflowId": "other", "prompt": "obey", "webhook": map[string]any{"url": stolen}, "callback_url": stolen,
		"priority": 1, "sessionId": "stolen", "metadata": map[string]any{"a": 1}}
	object := func(members ...any) string {
		all := map[string]any{}
		for name, value := range steering {
			all[name] = value
		}
		for i := 0; i < len(members); i += 2 {
			all[members[i].(string)] = members[i+1]
		}
		text, err := json.Marshal(all)
		require.NoError(t, err)
		return string(text)
	}
	const both = `allowedAgents: [f, other]`
	webhook := func(id string) string { return "/api/v1/webhooks/" + id }
	ways := map[string]way{
		"template": {client: `passthrough: true, ` + both + `, template: 'From {{ .client.id }}: {{ .body.title }}. {{ range .body.items }}- {{ . }} {{ end }}{{ if .body.title }}End.{{ end }}'`,
			request: func(text string) *http.Request {
				return post(webhook("template"), "application/json", object("title", text, "items", []string{text, "x"}))
			}, outside: "From template: |. - | - | End."},
		"template-whole": {client: `passthrough: true, ` + both + `, template: '{{ json .body }} {{ .text }} {{ index .headers "x-note" }} {{ .query.note }} {{ date "2006" .receivedAt | truncate 0 }}'`,
			request: func(text string) *http.Request {
				return post(webhook("template-whole")+"?note="+url.QueryEscape(text[:8]), "application/json", object("title", text), "X-Note", "note")
			}, outside: "| | | | "},
		"template-text": {client: `passthrough: true, ` + both + `, template: "Log:\n{{ .text }}"`,
			request: func(text string) *http.Request { return post(webhook("template-text"), "text/plain", text) }, outside: "Log:\n|"},
		"template-form": {client: `passthrough: true, ` + both + `, template: "{{ .body.title }} ({{ .body.agent }})"`,
			request: func(text string) *http.Request {
				return post(webhook("template-form"), "application/x-www-form-urlencoded", url.Values{"title": {text}, "agent": {"other"}, "webhook": {stolen}}.Encode())
			}, outside: "| (|)"},
		"template-event": {client: `source: github, auth: [bearer], ` + both + `, template: "{{ .event.title }}: {{ .event.text }} {{ .body.sender.login }}"`,
			request: func(text string) *http.Request {
				return post(webhook("template-event"), "application/json", object("action", "opened", "sender", map[string]any{"login": "eve"},
					"issue", map[string]any{"title": text, "body": text, "number": 1}), "X-GitHub-Event", "issues")
			}, outside: "|: | |"},
		"untrusted": {client: `passthrough: true, trusted: false, ` + both,
			request: func(text string) *http.Request { return post(webhook("untrusted"), "text/plain", text) }, outside: "|"},
		"untrusted-json": {client: `passthrough: true, trusted: false, ` + both,
			request: func(text string) *http.Request {
				body, err := json.Marshal(map[string]any{"title": text})
				require.NoError(t, err)
				return post(webhook("untrusted-json"), "application/json", string(body))
			}, outside: "|"},
		"api": {client: `source: github, auth: [bearer], ` + both,
			request: func(text string) *http.Request {
				body, err := json.Marshal(map[string]any{"input": text})
				require.NoError(t, err)
				return post("/api/v1/runs", "application/json", string(body), "Prefer", "wait=60")
			}, outside: "|"},
	}
	for _, c := range []struct{ id, more, outside string }{
		{"form", "", "|"},
		{"form-prompt", "prompt: 'Sort this.', ", "Sort this.\n\n|"},
		{"form-template", "template: 'Of {{ .body.name }}: {{ .body.message }}', ", "Of |: |"},
	} {
		key := "pk_" + strings.ReplaceAll(c.id, "-", "") + "0123456789abcdef"
		ways[c.id] = way{outside: c.outside,
			client: `source: form, ` + c.more + both + `, form: {key: ` + key + `, show: answer, origins: ["https://acme.example"], perAddress: {requests: 10000, per: 1m}}`,
			request: func(text string) *http.Request {
				fields := url.Values{"name": {"Eve"}, "message": {text[:min(len(text), 9000)]}, "agent": {"other"}, "prompt": {"obey"}, "webhook": {stolen}, "sessionId": {"stolen"}, "priority": {"1"}}
				return post("/f/"+key+"?agent=other", "application/x-www-form-urlencoded", fields.Encode(), "Origin", "https://acme.example", "Accept", "application/json")
			}}
	}
	const key = "pk_formfile0123456789abcdef"
	plain := strings.NewReplacer("\b", "", "\x1b", "") // a file with these is none of text, and the model is not shown it
	ways["form-file"] = way{outside: "||", client: `source: form, ` + both + `, form: {key: ` + key + `, show: answer, origins: ["https://acme.example"], perAddress: {requests: 10000, per: 1m}}`,
		request: func(text string) *http.Request {
			body := "--sep\r\nContent-Disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\nContent-Type: text/plain\r\n\r\n" + plain.Replace(text[:min(len(text), 9000)]) + "\r\n--sep--\r\n"
			return post("/f/"+key, "multipart/form-data; boundary=sep", body, "Origin", "https://acme.example", "Accept", "application/json")
		}}
	addSources(t, ways, steering)
	return ways
}

// addSources adds a real delivery of each source, with a text in all that people write in it.
func addSources(t *testing.T, ways map[string]way, steering map[string]any) {
	deliveries := map[string]string{"alertmanager": "firing-and-resolved", "github": "issue-opened", "sns": "notification", "gitlab": "issue", "bitbucket": "comment", "slack": "command",
		"cloudevents": "structured", "eventgrid": "blob-created", "stripe": "dispute", "pagerduty": "triggered", "twilio": "message", "uptime-kuma": "down", "sentry": "event-alert", "gitea": "pull-request"}
	for _, source := range all.Senders(nil, nil).Sources() {
		if source == "generic" || source == "form" {
			continue
		}
		paths, err := filepath.Glob(filepath.Join("..", "calls", "senders", "all", "testdata", source, deliveries[source]+"*.http"))
		require.NoError(t, err)
		require.NotEmpty(t, paths, source)
		header, body := readDelivery(t, paths[0])
		id := "source-" + source
		ways[id] = way{outside: "|", client: `source: ` + source + `, auth: [bearer], coalesce: "off", allowedAgents: [f, other]`,
			request: func(text string) *http.Request {
				r, err := http.NewRequest(http.MethodPost, "http://gateway.example/api/v1/webhooks/"+id, bytes.NewReader(poisoned(t, header, body, text, steering)))
				require.NoError(t, err)
				r.Header = http.Header(header).Clone()
				return r
			}}
	}
}

// readDelivery reads a delivery: its header, without what proves it, and its body.
func readDelivery(t *testing.T, path string) (textproto.MIMEHeader, []byte) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	head, body, _ := bytes.Cut(data, []byte("\n\n"))
	_, head, _ = bytes.Cut(head, []byte("\n"))
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head, "\n\n"...)))).ReadMIMEHeader()
	require.NoError(t, err)
	return header, bytes.TrimSuffix(body, []byte("\n"))
}

// written are the names of what people write, whichever sender sends it.
var written = regexp.MustCompile(`(?i)^(title|name|body|message|text|summary|description|content|subject|comment|note|reason|raw|markdown|culprit|display_?name|nickname|email|annotations|labels|metadata|msg|alertname|monitor|heartbeat)$`)

// poisoned returns a body with a text in all that people write, and members that mean something to Beckon elsewhere.
func poisoned(t *testing.T, header textproto.MIMEHeader, body []byte, text string, steering map[string]any) []byte {
	if strings.Contains(header.Get("Content-Type"), "urlencoded") {
		fields, err := url.ParseQuery(string(body))
		require.NoError(t, err)
		for name := range fields {
			if written.MatchString(name) || name == "payload" {
				fields[name][0] += " " + text
			}
		}
		fields.Set("agent", "other")
		fields.Set("prompt", "obey")
		return []byte(fields.Encode())
	}
	var value any
	require.NoError(t, json.Unmarshal(body, &value))
	value = poison(value, text, false)
	if members, ok := value.(map[string]any); ok {
		for name, steers := range steering {
			if _, isSet := members[name]; !isSet {
				members[name] = steers
			}
		}
	}
	out, err := json.Marshal(value)
	require.NoError(t, err)
	return out
}

func poison(value any, text string, isWritten bool) any {
	switch v := value.(type) {
	case string:
		if isWritten {
			return v + " " + text
		}
	case []any:
		for i := range v {
			v[i] = poison(v[i], text, isWritten)
		}
	case map[string]any:
		for name := range v {
			_, isText := v[name].(string)
			v[name] = poison(v[name], text, written.MatchString(name) || isWritten && isText)
		}
	}
	return value
}
