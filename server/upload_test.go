package server_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/store/storetest"
	"beckon/runs"
	"beckon/server"
)

// newEarGateway has a client whose agents transcribe, alone and in a flow, beside one that does not; one whose command does; and one
// that has no such agent.
func newEarGateway(t *testing.T, change ...func(*setting)) *gateway {
	s := setting{
		providers: []agents.Provider{{ID: "studio", Type: "openai", URL: newStudio(t).URL + "/v1", APIKey: "key"}},
		agents:    []agents.Agent{{ID: "ear", Kind: agents.KindTranscription, Provider: "studio", Model: "m"}},
		flows: []agents.Flow{{ID: "minutes", Root: agents.Step{Type: agents.StepSequential,
			Steps: []agents.Step{{Type: agents.StepAgent, AgentID: "ear"}, {Type: agents.StepAgent, AgentID: "triage"}}}}},
		commands: []commands.Command{{ID: "listen", AgentID: "ear", Prompt: "What was said?"}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"ear", "triage", "minutes"}},
			{ID: "desk", CommandID: "listen", AllowedAgents: []string{"ear"}}, {ID: "deaf", Passthrough: true, AllowedAgents: []string{"triage"}}},
	}
	for _, c := range change {
		c(&s)
	}
	return newGateway(t, s)
}

const boundary = "--b\r\nContent-Disposition: form-data; "

// soundForm is a form with a file, and with fields "name=value".
func soundForm(content string, fields ...string) (form string) {
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		form += fmt.Sprintf("%sname=%q\r\n\r\n%s\r\n", boundary, name, value)
	}
	return form + boundary + "name=file; filename=\"../call 1.wav\"\r\nContent-Type: audio/wav\r\n\r\n" + content + "\r\n--b--\r\n"
}

const formHeader = "Content-Type: multipart/form-data; boundary=b"

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func TestCallsBringSound(t *testing.T) {
	const webhook, created, node = "/api/v1/webhooks/ci", "/api/v1/runs", "/api/v1/nodes/ear/run"
	for _, tt := range []struct {
		name, path, client, body string
		headers                  []string
		response, input          string
	}{
		{"form", webhook, "ci", soundForm(wav), []string{formHeader}, "call 1.wav is true", ""},
		{"form that is waited for", created, "ci", soundForm(wav, "workflowId=ear"), []string{formHeader, "Prefer: wait=10"}, "call 1.wav is true", ""},
		{"form for a node", node, "ci", soundForm(wav, `input={"language":"de"}`), []string{formHeader, "Prefer: wait=10"}, "call 1.wav is true", `{"language":"de"}`},
		{"form with other fields", webhook, "ci", soundForm(wav, "agent=ear", "language=de", "sessionId=s"), []string{formHeader}, "call 1.wav is true", `{"language":"de"}`},
		{"form with a prompt", webhook, "ci", soundForm(wav, "prompt=listen"), []string{formHeader}, "call 1.wav is true", "listen"},
		{"form, compressed", webhook, "ci", zipped(soundForm(wav)), []string{formHeader, "Content-Encoding: gzip"}, "call 1.wav is true", ""},
		{"body", webhook, "ci", wav, []string{"Content-Type: audio/wav"}, "artifact.wav is true", ""},
		{"body, compressed", webhook, "ci", zipped(wav), []string{"Content-Type: audio/x-wav", "Content-Encoding: gzip"}, "artifact.wav is true", ""},
		{"body for a node", node, "ci", wav, []string{"Content-Type: audio/mpeg", "Prefer: wait=10"}, "artifact.wav is true", ""},
		{"body for a run", created + "?agent=ear", "ci", wav, []string{"Content-Type: audio/mpeg", "Prefer: wait=10"}, "artifact.wav is true", ""},
		{"sound of an unknown type", webhook, "ci", "\x01\x02\xff\xfe", []string{"Content-Type: audio/amr"}, "artifact is false", ""},
		{"flow", webhook + "?agent=minutes", "ci", wav, []string{"Content-Type: audio/wav"}, "re: === ear ===\nartifact.wav is true", ""},
		{"command", "/api/v1/webhooks/desk", "desk", soundForm(wav, `metadata={"order":7}`), []string{formHeader}, "call 1.wav is true", "What was said?"},
		{"command, body", "/api/v1/webhooks/desk", "desk", wav, []string{"Content-Type: audio/wav"}, "artifact.wav is true", "What was said?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newEarGateway(t)
			a := g.do(g.request(tt.path, tt.body, append(tt.headers, "Authorization: Bearer "+g.tokenOf(tt.client))...))
			require.Equal(t, 200, a.StatusCode, a.body)
			document := a.json(t)
			require.Equal(t, tt.response, document["response"])
			require.NotContains(t, document, "artifacts", "it has made none")

			run := g.run(a)
			require.Equal(t, tt.input, run.Input)
			require.Empty(t, run.Artifacts)
			require.Len(t, run.Uploads, 1)
			if tt.name == "sound of an unknown type" {
				require.Equal(t, "application/octet-stream", run.Uploads[0].MediaType)
				return
			}
			require.Equal(t, "audio/wav", run.Uploads[0].MediaType, "by its content")
			read := g.do(g.reading(tt.client, run.ID)).json(t)
			upload := read["uploads"].([]any)[0].(map[string]any)
			require.EqualValues(t, len(wav), upload["bytes"])
			require.NotContains(t, upload, "nodeId")
			require.Empty(t, read["artifacts"])
			file := g.open(upload["url"])
			require.Equal(t, wav, file.body)
			if tt.name == "command" {
				require.JSONEq(t, `{"order":7}`, string(run.Metadata))
			}
		})
	}
}

func (g *gateway) reading(client, run string) *http.Request {
	r := g.request("/api/v1/runs/"+run, "", "Authorization: Bearer "+g.tokenOf(client))
	r.Method = http.MethodGet
	return r
}

// Forms without a file that has to be stored are what they have always been.
func TestTextFilesStayText(t *testing.T) {
	g := newEarGateway(t)
	text := boundary + "name=notes; filename=n.txt\r\n\r\nHäh?\r\n--b--\r\n"
	a := g.call(text, formHeader, "Prefer: respond-async")
	require.Equal(t, 202, a.StatusCode, a.body)
	run := g.run(a)
	require.Equal(t, "notes: n.txt\nHäh?", run.Input)
	require.Empty(t, run.Uploads)

	fields := boundary + "name=prompt\r\n\r\nHi\r\n" + boundary + "name=agent\r\n\r\ntriage\r\n--b--\r\n"
	a = g.call(fields, formHeader)
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, "re: Hi", a.json(t)["response"])

	a = g.do(g.request("/api/v1/webhooks/deaf", soundForm(wav), formHeader, "Authorization: Bearer "+g.tokenOf("deaf")))
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Contains(t, a.json(t)["response"], "call 1.wav (audio/wav, 44 bytes)", "where no agent reads files")
	requireFileCount(t, g, 0)
}

// A call that is refused leaves no file behind.
func TestRefusedFiles(t *testing.T) {
	large := wav + strings.Repeat("x", 1<<20)
	for _, tt := range []struct {
		name, path, body string
		headers          []string
		status           int
		code, detail     string
	}{
		{"too large", "/api/v1/webhooks/ci", soundForm(large), []string{formHeader}, 413, "artifact_too_large", "larger than the 1MiB"},
		{"too large, body", "/api/v1/webhooks/ci", large, []string{"Content-Type: audio/wav"}, 413, "artifact_too_large", "artifacts.maxBytes"},
		{"too large for all", "/api/v1/webhooks/ci", strings.Repeat("x", 14<<20), []string{formHeader}, 413, "artifact_too_large", "artifacts.maxBytes"},
		{"too large, compressed", "/api/v1/webhooks/ci", zipped(large), []string{"Content-Type: audio/wav", "Content-Encoding: gzip"}, 413, "artifact_too_large", "larger than the 1MiB"},
		{"much too large, compressed", "/api/v1/webhooks/ci", zipped(soundForm(wav) + strings.Repeat("x", 20<<20)), []string{formHeader, "Content-Encoding: gzip"}, 413, "body_too_large", ""},
		{"text too large", "/api/v1/webhooks/ci", soundForm(wav, "prompt="+large), []string{formHeader}, 413, "body_too_large", "maxBodyBytes"},
		{"empty", "/api/v1/webhooks/ci", soundForm(""), []string{formHeader}, 400, "empty_prompt", "The file is empty"},
		{"empty body", "/api/v1/webhooks/ci", "", []string{"Content-Type: audio/wav"}, 400, "empty_prompt", "The file is empty"},
		{"agent without ears", "/api/v1/webhooks/ci", soundForm(wav, "agent=triage"), []string{formHeader}, 415, "unsupported_media_type", "takes no files"},
		{"agent without ears, body", "/api/v1/nodes/triage/run", wav, []string{"Content-Type: audio/wav"}, 415, "unsupported_media_type", "takes no files"},
		{"client without ears", "/api/v1/webhooks/deaf", wav, []string{"Content-Type: audio/wav"}, 415, "unsupported_media_type", "does not support"},
		{"unknown agent", "/api/v1/webhooks/ci", soundForm(wav, "agent=none"), []string{formHeader}, 403, "agent_not_allowed", ""},
		{"metadata of no object", "/api/v1/webhooks/ci", soundForm(wav, "metadata=x"), []string{formHeader}, 400, "invalid_parameter", "metadata"},
		{"priority of no number", "/api/v1/runs", soundForm(wav, "priority=x y"), []string{formHeader}, 400, "invalid_form", ""},
		{"cut off", "/api/v1/webhooks/ci", strings.TrimSuffix(soundForm(wav), "\r\n--b--\r\n"), []string{formHeader}, 400, "invalid_form", "cut off"},
		{"cut off behind it", "/api/v1/webhooks/ci", strings.TrimSuffix(soundForm(wav), "--b--\r\n"), []string{formHeader}, 400, "invalid_form", "cut off"},
		{"not gzip", "/api/v1/webhooks/ci", wav, []string{"Content-Type: audio/wav", "Content-Encoding: gzip"}, 400, "invalid_encoding", ""},
		{"cut off gzip", "/api/v1/webhooks/ci", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x00", []string{"Content-Type: audio/wav", "Content-Encoding: gzip"}, 400, "invalid_encoding", ""},
		{"too many", "/api/v1/webhooks/ci", strings.Repeat(strings.TrimSuffix(soundForm(wav), "--b--\r\n"), 5) + "--b--\r\n", []string{formHeader}, 400, "invalid_form", "more than 4 files"},
		{"command with input", "/api/v1/runs", soundForm(wav, "input=x"), []string{formHeader}, 403, "prompt_not_allowed", ""},
		{"webhook that is none", "/api/v1/runs", soundForm(wav, `webhook={"url":"ftp://x"}`, "agent=ear"), []string{formHeader}, 400, "invalid_webhook", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newEarGateway(t)
			client := "ci"
			if tt.name == "command with input" {
				client = "desk"
			} else if strings.HasSuffix(tt.path, "/deaf") {
				client = "deaf"
			}
			a := g.do(g.request(tt.path, tt.body, append(tt.headers, "Authorization: Bearer "+g.tokenOf(client))...))
			require.Equal(t, tt.status, a.StatusCode, a.body)
			document := a.json(t)
			require.Equal(t, tt.code, document["code"], a.body)
			require.Contains(t, document["detail"], tt.detail)
			require.Zero(t, g.countRuns())
			requireFileCount(t, g, 0)
		})
	}
}

// requireFileCount counts the files that are stored, and their rows.
func requireFileCount(t *testing.T, g *gateway, want int) {
	t.Helper()
	found := 0
	_ = filepath.WalkDir(g.kept.URL, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found++
		}
		return nil
	})
	require.Equal(t, want, found)
	require.EqualValues(t, want, storetest.Row[int64](t, g.store, "SELECT COUNT(*) FROM artifacts"))
}

// The bytes of a file belong to what a key was used for; the boundary of a form does not.
func TestIdempotencyOfFiles(t *testing.T) {
	g := newEarGateway(t)
	const key = "Idempotency-Key: \"k\""
	first := g.call(soundForm(wav), formHeader, key)
	require.Equal(t, 200, first.StatusCode, first.body)

	again := g.call(strings.ReplaceAll(soundForm(wav), "--b", "--other"), "Content-Type: multipart/form-data; boundary=other", key)
	require.Equal(t, 200, again.StatusCode, again.body)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, first.Header.Get("Beckon-Run-Id"), again.Header.Get("Beckon-Run-Id"))

	other := g.call(soundForm(wav+"!"), formHeader, key)
	require.Equal(t, 422, other.StatusCode, other.body)
	require.EqualValues(t, 1, g.countRuns())
	requireFileCount(t, g, 1)

	require.Equal(t, 200, g.call(wav, "Content-Type: audio/wav", "Idempotency-Key: l").StatusCode)
	require.Equal(t, "true", g.call(wav, "Content-Type: audio/wav", "Idempotency-Key: l").Header.Get("Idempotency-Replayed"))
	require.Equal(t, 422, g.call(wav+"!", "Content-Type: audio/wav", "Idempotency-Key: l").StatusCode)
	requireFileCount(t, g, 2)
}

// The callback of a form gets no file as made, and a queued run has its file.
func TestQueuedFiles(t *testing.T) {
	called, events := newListener(t)
	g := newEarGateway(t)
	a := g.do(g.request("/api/v1/runs", soundForm(wav, "agent=ear", `webhook={"url":"`+called+`","events":["run.completed"]}`, `metadata={"order":7}`, "priority=1"), formHeader))
	require.Equal(t, 202, a.StatusCode, a.body)
	payload := next(t, events).payload
	require.Equal(t, map[string]any{"order": 7.0}, payload["metadata"])
	data := payload["data"].(map[string]any)
	require.Equal(t, "call 1.wav is true", data["output"])
	require.NotContains(t, data, "artifacts")
	require.Equal(t, runs.PriorityFirst, g.run(a).Priority)
}

// A caller that stops sending is refused, and what has arrived is removed.
func TestAFileThatStopsArriving(t *testing.T) {
	g := newEarGateway(t, func(s *setting) { s.server = func(c *server.Config) { c.BodyTimeout = 100 * time.Millisecond } })
	in, out := io.Pipe()
	r := g.request("/api/v1/webhooks/ci", "", "Content-Type: audio/wav")
	r.Body, r.ContentLength = in, int64(len(wav)+1)
	go func() { _, _ = io.WriteString(out, wav) }()
	a := g.do(r)
	_ = out.Close()
	require.Equal(t, 408, a.StatusCode, a.body)
	require.Equal(t, "body_timeout", a.json(t)["code"])
	requireFileCount(t, g, 0)
}

// silence is a file of so many bytes that was never in memory.
type silence struct{ left int64 }

func (s *silence) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), s.left)
	s.left -= n
	return int(n), nil
}

// A file of a call is stored as it arrives.
func TestFilesOfCallsAreNeverInMemory(t *testing.T) {
	g := newEarGateway(t)
	g.kept.MaxBytes = artifacts.DefaultMaxBytes
	before, after := strings.TrimSuffix(soundForm("", "agent=none"), "\r\n--b--\r\n"), "\r\n--b--\r\n"
	for contentType, body := range map[string]io.Reader{
		formHeader:                io.MultiReader(strings.NewReader(before), &silence{artifacts.DefaultMaxBytes}, strings.NewReader(after)),
		"Content-Type: audio/wav": &silence{artifacts.DefaultMaxBytes},
	} {
		r := g.request("/api/v1/webhooks/ci?agent=none", "", contentType)
		r.Body, r.ContentLength = io.NopCloser(body), -1
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		a := g.do(r)
		runtime.ReadMemStats(&end)
		require.Equal(t, 403, a.StatusCode, a.body) // once it has been stored
		allocated := int64(end.TotalAlloc - start.TotalAlloc)
		t.Logf("%s: allocated in all %d KiB", contentType, allocated>>10)
		require.Less(t, allocated, int64(10<<20))
	}
	requireFileCount(t, g, 0)
}
