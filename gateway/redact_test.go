package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

const (
	plantedCard = "4111 1111 1111 1111"
	plantedMail = "ada.planted@example.com"
	planted     = "Ada pays with " + plantedCard + " from " + plantedMail
)

const redactingFile = `
server: {secretsKey: "a key for the secrets of this test"}
database: {url: %q}
admin: {password: "a password", token: adm1n}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: model, type: openai, url: %q, apiKey: k, maxRetries: 0}]
agents:
  - {id: a, provider: model, model: m}
  - {id: b, provider: model, model: m}
flows:
  - {id: both-ways, root: {type: sequential, steps: [{type: agent, agentId: a, outputKey: first}, {type: agent, agentId: b}]}}
clients:
  - {id: plain, token: pl4in, passthrough: true, allowedAgents: [a, both-ways]}
  - {id: black, token: bl4ck, passthrough: true, allowedAgents: [a, both-ways], redact: [email, card]}
  - {id: nothing, token: n0thing, passthrough: true, allowedAgents: [a, both-ways], storeContent: false}
  - {id: neither, token: n3ither, passthrough: true, allowedAgents: [a, both-ways], storeContent: false, redact: {kinds: [email, card], patterns: ["pays"]}}
  - {id: alerts, token: al3rts, source: alertmanager, allowedAgents: [a], storeContent: false}
  - {id: storm, token: st0rm, source: alertmanager, allowedAgents: [a], redact: [email, card], coalesce: {maxRuns: 1, per: 1h}}
  - {id: storm-blind, token: st0rmblind, source: alertmanager, allowedAgents: [a], redact: {kinds: [email, card], model: true}, coalesce: {maxRuns: 1, per: 1h}}
  - {id: model, token: m0del, passthrough: true, allowedAgents: [a], redact: {kinds: [email, card], model: true}}
endpoints:
  - {id: ops, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, retry: ["10ms"], clients: [black, nothing, neither, model],
     events: [run.created, run.completed, run.failed, node.completed]}
  - {id: template, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, retry: ["10ms"], clients: [black, nothing, neither], events: [run.completed],
     format: '{"in": {{ json .run.input }}, "out": {{ json .run.output }}}'}
`

// redacting is a gateway with a model that repeats what it is asked, and receivers that repeat what they are sent.
type redacting struct {
	callers
	log      *lockedLog
	received *received
	asked    *received
	receiver string // the URL of the server that got it
	dump     func() string
}

// lockedLog is a log that many write.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// received is what a server was sent.
type received struct {
	mu   sync.Mutex
	list []string
}

func (r *received) add(body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, body)
}

// with returns what holds all of the parts.
func (r *received) with(parts ...string) (found []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.list {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(body, part)
		}
		if all {
			found = append(found, body)
		}
	}
	return found
}

func newRedacting(t *testing.T, database string) *redacting {
	c := &redacting{log: &lockedLog{}, received: &received{}, asked: &received{}}
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Stream   bool
			Messages []struct{ Content string }
		}
		_ = json.NewDecoder(r.Body).Decode(&request)
		prompt := request.Messages[len(request.Messages)-1].Content
		c.asked.add(prompt)
		if strings.Contains(prompt, "refuse") {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error":{"message":%q,"type":"invalid_request_error"}}`, "cannot: "+prompt)
			return
		}
		if !request.Stream {
			answer, _ := json.Marshal("You said: " + prompt)
			fmt.Fprintf(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}]}`, answer)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, piece := range strings.SplitAfter("You said: "+prompt, "1") { // a card in many pieces
			text, _ := json.Marshal(piece)
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", text)
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(model.Close)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.received.add(r.URL.Path + " " + string(body))
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(receiver.Close)
	t.Cleanup(func() {
		if t.Failed() {
			for line := range strings.Lines(c.log.String()) {
				if strings.Contains(line, `"level":"ERROR"`) {
					t.Log(line)
				}
			}
		}
	})
	c.receiver = receiver.URL
	configuration := load(t, fmt.Sprintf(redactingFile, database, model.URL, receiver.URL+"/ops", receiver.URL+"/template"))
	l := listen(t)
	of := quiet(configuration, l.Addr())
	of.Log = slog.New(slog.NewJSONHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g, err := Open(t.Context(), of)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	s := &started{Gateway: g, t: t, url: "http://" + l.Addr().String(), stop: stop, ended: make(chan error, 1), client: &http.Client{Transport: &http.Transport{}}}
	go func() { s.ended <- g.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		_ = g.Close()
		s.client.CloseIdleConnections()
	})
	c.callers = callers{s}
	c.dump = func() string { return dumpOf(t, database) }
	return c
}

// dumpOf is all that a database holds: the bytes of SQLite's files, or every row of every table.
func dumpOf(t *testing.T, database string) string {
	var all strings.Builder
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			content, err := os.ReadFile(path + suffix)
			if err != nil {
				require.ErrorIs(t, err, os.ErrNotExist)
			}
			all.Write(content)
		}
		return all.String()
	}
	tx := storetest.Open(t, database).Read(t.Context())
	tables, err := store.Rows[string](tx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
	require.NoError(t, err)
	require.Greater(t, len(tables), 15)
	for _, table := range tables {
		rows, err := store.Rows[string](tx, "SELECT row_to_json(t)::text FROM "+table+" t")
		require.NoError(t, err)
		all.WriteString(strings.Join(rows, "\n"))
	}
	return all.String()
}

var redactingTokens = map[string]string{"plain": "pl4in", "black": "bl4ck", "nothing": "n0thing", "neither": "n3ither", "alerts": "al3rts", "model": "m0del", "storm": "st0rm", "storm-blind": "st0rmblind"}

func (c *redacting) ask(client, body string, header ...string) (*http.Response, string) {
	c.t.Helper()
	return c.post(client, body, append([]string{"Authorization: Bearer " + redactingTokens[client], asJSON}, header...)...)
}

// awaitEnd waits until a run and all of its deliveries have ended.
func (c *redacting) awaitEnd(id string) *runs.Run {
	c.t.Helper()
	var run *runs.Run
	require.Eventually(c.t, func() bool {
		pending, err := c.deliveries.Pending(c.store.Read(c.t.Context()), []string{id})
		require.NoError(c.t, err)
		run, err = c.runs.Get(c.t.Context(), id)
		require.NoError(c.t, err)
		return run.Status.Ended() && len(pending) == 0
	}, patience, 10*time.Millisecond)
	return run
}

// read is a run as the API shows it.
func (c *redacting) read(client, id string) string {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.url+"/api/v1/runs/"+id, nil)
	require.NoError(c.t, err)
	r.Header.Set("Authorization", "Bearer "+redactingTokens[client])
	response, err := c.client.Do(r)
	require.NoError(c.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	return string(text)
}

func eachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteIn(t.TempDir())) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.Postgres(t)) })
}

func requireNothingPlanted(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{plantedCard, plantedMail, "1111 1111", "ada.planted"} {
		if i := strings.Index(text, secret); i >= 0 {
			require.Fail(t, "a secret is kept", "%q: …%q…", secret, text[max(i-300, 0):min(i+100, len(text))])
		}
	}
}

// Whatever way a run goes, what its client does not want to be kept is nowhere when all has ended, and the caller still gets its answer.
func TestWhatIsNotKept(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		c := newRedacting(t, database)
		body := func(agent, webhook string) string {
			metadata := ""
			if webhook != "" {
				metadata = fmt.Sprintf(`,"webhook":{"url":%q,"retry":["10ms"]}`, webhook)
			}
			return fmt.Sprintf(`{"agent":%q,"prompt":%q%s}`, agent, planted, metadata)
		}
		receiver := c.receiver
		var all []string
		for _, client := range []string{"black", "nothing", "neither"} {
			for _, agent := range []string{"a", "both-ways"} {
				r, answer := c.ask(client, body(agent, ""))
				require.Equal(t, 200, r.StatusCode, answer)
				require.Contains(t, answer, plantedCard, "the caller gets its answer as it is")
				all = append(all, r.Header.Get("Beckon-Run-Id"))

				r, answer = c.ask(client, body(agent, receiver+"/callback"), "Prefer: respond-async")
				require.Equal(t, 202, r.StatusCode, answer)
				all = append(all, r.Header.Get("Beckon-Run-Id"))

				r, answer = c.ask(client, body(agent, receiver+"/fails"), "Accept: text/event-stream")
				require.Equal(t, 200, r.StatusCode, answer)
				require.Contains(t, answer, plantedCard, "in the last event")
				require.Contains(t, streamed(t, answer), plantedCard, "in pieces")
				all = append(all, r.Header.Get("Beckon-Run-Id"))
			}
			r, answer := c.ask(client, fmt.Sprintf(`{"prompt":"refuse %s","agent":"a"}`, planted))
			require.Equal(t, 502, r.StatusCode, answer)
			all = append(all, r.Header.Get("Beckon-Run-Id"))
		}
		for _, client := range []string{"black", "nothing", "neither"} { // refused, with a secret in the path and in a header
			c.send(http.MethodPost, client+"?agent=nobody", "x", "Authorization: Bearer "+redactingTokens[client], "X-Note: "+planted)
		}
		for _, id := range all {
			run := c.awaitEnd(id)
			if run.ClientID == "black" {
				require.Contains(t, run.Input, "[card] from [email]")
				require.Empty(t, run.Erased)
			} else {
				require.Empty(t, run.Input+run.Output)
				require.Equal(t, runs.ErasedByClient, run.Erased, "%s %s %s", run.ID, run.ClientID, run.Status)
			}
			for _, n := range run.Nodes {
				require.Equal(t, run.ClientID == "black", n.Output != "", n.ID)
			}
		}
		completed := `"type":"run.completed"`
		require.Len(t, c.received.with("/ops ", completed, "[card] from [email]"), 12, "of black and neither")
		require.Len(t, c.received.with("/ops ", completed, planted), 6, "of nothing")
		require.Len(t, c.received.with("/callback ", completed, "[card]"), 4)
		require.Len(t, c.received.with("/callback ", completed, planted), 2)
		require.Len(t, c.received.with("/template ", `"in": "Ada pays with `+plantedCard, `"out": "You said`), 6)
		require.Len(t, c.received.with("/template ", `"in": "Ada pays with [card]`, `"out": "You said`), 6, "of black")
		require.Len(t, c.received.with("/template ", `"in": "Ada [redacted] with [card]`, `"out": "You said`), 6, "of neither")
		require.Len(t, c.received.with("/ops ", `"type":"node.completed"`, planted), 6)

		c.end()
		requireNothingPlanted(t, c.dump())
		requireNothingPlanted(t, c.log.String())
	})
}

// streamed is the text of the pieces of a stream.
func streamed(t *testing.T, stream string) string {
	var text strings.Builder
	isPiece := false
	for lines := bufio.NewScanner(strings.NewReader(stream)); lines.Scan(); {
		if kind, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			isPiece = kind == "message.delta"
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && isPiece {
			var piece struct{ Text string }
			require.NoError(t, json.Unmarshal([]byte(data), &piece))
			text.WriteString(piece.Text)
		}
	}
	return text.String()
}
