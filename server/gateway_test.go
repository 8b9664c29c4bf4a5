package server_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/flow"
	"beckon/agents/job"
	"beckon/agents/reply"
	"beckon/artifacts"
	"beckon/calls"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/gate"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/units"
	"beckon/internal/work"
	"beckon/runs"
	"beckon/server"
	"beckon/sessions"
	"beckon/share"
)

// publicURL has a path: somebody in front of the gateway takes it off.
const publicURL = "https://beckon.example.com/beckon"

const token = "mgc_0000000000000000000000000000000000000000test"

// gateway is a whole Beckon on loopback, with a model server that the test speaks for.
type gateway struct {
	t     testing.TB
	url   string
	store *store.Store
	runs  *runs.Service
	out   *deliveries.Service
	srv   *server.Server
	kept  *artifacts.Service
	model *model
	log   *lockedBuffer
}

// setting changes what a gateway is made of.
type setting struct {
	clients   []clients.Client
	commands  []commands.Command
	providers []agents.Provider // besides the model's
	agents    []agents.Agent
	flows     []agents.Flow
	endpoints []deliveries.Endpoint
	server    func(*server.Config)
	runs      func(*runs.Config)
	timeout   time.Duration // of one attempt at the model
	retries   int
	store     *store.Store
	nouns     []catalog.Declaration     // besides those of a gateway
	invoke    map[string]agents.Factory // by the type of a provider, besides the real ones
	now       func() time.Time          // of links to artifacts; nil is the system's clock
	file      string                    // what the configuration file has besides, where there is an administrator
}

func newGateway(t testing.TB, s setting) *gateway {
	g := &gateway{t: t, model: newModel(t), store: s.store, log: &lockedBuffer{}}
	if g.store == nil {
		g.store = storetest.Open(t, storetest.Default(t))
	}
	if s.clients == nil {
		s.clients = []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}}}
	}
	log := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	guard := egress.NewGuard(func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	webhooks := egress.NewWebhooks(guard)
	how := agents.Factories{Providers: map[string]agents.Factory{"openai": chat.New(egress.NewProviders(), log), "template": reply.New()}, Flow: flow.New(),
		Media: chat.NewMedia(egress.NewProviders(), webhooks, log), HTTP: job.New(egress.NewProviders(), webhooks, log)}
	maps.Copy(how.Providers, s.invoke)
	provider := agents.Provider{ID: "model", Type: "openai", URL: g.model.URL + "/v1", APIKey: secret.String("sk-sEcReT-key"),
		Timeout: units.Duration(s.timeout), MaxRetries: &s.retries}
	list := append([]agents.Agent{{ID: "triage", Provider: "model", Model: "m"}, {ID: "other", Provider: "model", Model: "m"},
		{ID: "hasty", Provider: "model", Model: "m", Timeout: units.Duration(80 * time.Millisecond)}}, s.agents...)
	agentSet, findings := agents.NewSet(how, append([]agents.Provider{provider}, s.providers...), list, s.flows)
	require.Empty(t, findings)
	var declared []clients.Declared
	for i, c := range s.clients {
		own := token
		if i > 0 {
			own += c.ID
		}
		declared = append(declared, clients.Declared{Client: c, Credentials: []clients.Credential{{Hash: clients.HashOf(own)}}})
	}
	clientSet, findings := clients.NewSet(declared, clients.NewLimits())
	require.Empty(t, findings)
	metrics := telemetry.NewMetrics("test")
	members := func(id string) (int, func() func()) {
		m := clientSet.Get(id)
		if m == nil { // an administrator tries an agent
			return 0, func() func() { return func() {} }
		}
		return m.MaxConcurrent, func() func() { m.StartQueuedRun(); return m.EndRun }
	}
	instance := work.New(g.store, log)
	var err error
	g.kept, err = artifacts.New(context.Background(), artifacts.Config{Store: g.store, Work: instance, Log: log, URL: filepath.Join(t.TempDir(), "artifacts"),
		MaxBytes: 1 << 20, PublicURL: publicURL, Key: func() (secret.String, error) { return "key", nil }, Now: s.now})
	require.NoError(t, err)
	g.out = deliveries.New(deliveries.Config{Store: g.store, Work: instance, Log: log, Metrics: metrics, Out: webhooks,
		Sealer: secret.NewSealer(func() (secret.String, error) { return "key", nil }), CheckURL: guard.CheckURL, EventNames: agentSet.EventNames, Version: "test",
		Secrets: func(id string) []secret.String { return clientSet.Get(id).CallbackSecrets() }, Source: "https://beckon.example.com",
		Links: g.kept.Fill})
	ofRuns := runs.Config{Store: g.store, Outlet: g.out, Work: instance, Log: log, Metrics: metrics, Entry: agentSet.Get, Limit: members, Artifacts: g.kept,
		Gate: func(id string) *gate.Gate {
			if client := clientSet.Get(id); client != nil {
				return client.AnswerGate
			}
			return nil
		}}
	if s.runs != nil {
		s.runs(&ofRuns)
	}
	g.runs = runs.New(ofRuns)
	require.NoError(t, g.out.Use(context.Background(), s.endpoints))
	require.NoError(t, instance.Start(context.Background()))
	t.Cleanup(instance.Stop)
	catalog := calls.Catalog{Clients: clientSet, Commands: commands.NewSet(s.commands), Agents: agentSet}
	service := calls.New(calls.Config{Catalog: func() calls.Catalog { return catalog }, Runs: g.runs, Deliveries: g.out, Metrics: metrics, MaxBodyBytes: 1 << 20})
	pages := share.New(share.Config{Log: log, PublicURL: publicURL, Key: func() (secret.String, error) { return "key", nil }, Now: s.now})
	config := server.Config{Calls: service, Database: g.store, Artifacts: g.kept, Share: pages, Conversations: &sessions.Service{Store: g.store}, Log: log, Admin: server.Admin{Editor: gatewaytest.Editor(t, g.store, gatewaytest.Setup{})}}
	if s.server != nil {
		s.server(&config)
	}
	g.srv, err = server.New(config)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- g.srv.Serve(listener) }()
	t.Cleanup(func() {
		g.model.letGo()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = g.srv.Shutdown(ctx)
		g.out.Drain(ctx)
		require.NoError(t, <-served)
	})
	g.url = "http://" + listener.Addr().String()
	return g
}

// answer is what came back.
type answer struct {
	*http.Response
	body string
}

func (a answer) json(t testing.TB) map[string]any {
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &m), a.body)
	return m
}

// request makes a call of the client "ci"; headers are "Name: value", and "-Name" takes one away.
func (g *gateway) request(path, body string, headers ...string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, g.url+path, strings.NewReader(body))
	require.NoError(g.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if gone, ok := strings.CutPrefix(name, "-"); ok {
			r.Header.Del(gone)
			continue
		}
		r.Header.Set(name, value)
	}
	return r
}

func (g *gateway) do(r *http.Request) answer {
	response, err := http.DefaultClient.Do(r)
	require.NoError(g.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return answer{response, string(body)}
}

func (g *gateway) call(body string, headers ...string) answer {
	return g.do(g.request("/api/v1/webhooks/ci", body, headers...))
}

// run returns the run that an answer belongs to, as it is on record.
func (g *gateway) run(a answer) *runs.Run {
	run, err := g.runs.Get(context.Background(), a.Header.Get("Beckon-Run-Id"))
	require.NoError(g.t, err)
	return run
}

func (g *gateway) countRuns() int64 {
	return storetest.Row[int64](g.t, g.store, "SELECT COUNT(*) FROM runs")
}

// model is an OpenAI-compatible server. It answers "re: " and the prompt, unless the test says otherwise.
type model struct {
	*httptest.Server
	handle  atomic.Pointer[modelFunc] // nil answers
	asked   chan string               // takes the prompts, as far as there is room
	shown   chan string               // takes the images beside them, as far as there is room
	release chan struct{}
}

type modelFunc func(w http.ResponseWriter, r *http.Request, prompt string)

// does makes the model do something else than to answer; nil lets it answer again.
func (m *model) does(f modelFunc) {
	if f == nil {
		m.handle.Store(nil)
		return
	}
	m.handle.Store(&f)
}

func newModel(t testing.TB) *model {
	m := &model{asked: make(chan string, 1000), shown: make(chan string, 100), release: make(chan struct{})}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Messages []struct {
				Role    string
				Content any
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || len(request.Messages) == 0 {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		prompt := m.look(request.Messages[len(request.Messages)-1].Content)
		select {
		case m.asked <- prompt:
		default:
		}
		if f := m.handle.Load(); f != nil {
			(*f)(w, r, prompt)
			return
		}
		say(w, "re: "+prompt)
	}))
	t.Cleanup(m.Close)
	return m
}

// look returns the text of a message, and notes its images.
func (m *model) look(content any) (prompt string) {
	parts, _ := content.([]any)
	for _, part := range parts {
		part := part.(map[string]any)
		if part["type"] == "text" {
			prompt = part["text"].(string)
			continue
		}
		select {
		case m.shown <- part["image_url"].(map[string]any)["url"].(string):
		default:
		}
	}
	if parts == nil {
		prompt, _ = content.(string)
	}
	return prompt
}

func say(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": text}}},
		"usage":   map[string]int{"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
	})
}

// hold makes the model keep its callers waiting until letGo, or until they leave.
func (m *model) hold() {
	m.does(func(w http.ResponseWriter, r *http.Request, prompt string) {
		select {
		case <-m.release:
			say(w, "late: "+prompt)
		case <-r.Context().Done():
		}
	})
}

func (m *model) letGo() {
	select {
	case <-m.release:
	default:
		close(m.release)
	}
}
