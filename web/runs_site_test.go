package web_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/artifacts"
	"beckon/calls"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/events"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
	conversations "beckon/sessions"
	"beckon/share"
	"beckon/web"
)

const (
	patience = 20 * time.Second
	aSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

const fileOfTraffic = `
providers: [{id: offline, type: template, template: hi}]
egress: {allowPrivate: [127.0.0.0/8, 203.0.113.0/24]}
agents: [{id: triage, provider: offline, events: {run.completed: lead.won, run.failed: lead.lost}}, {id: writer, provider: offline}]
flows: [{id: incident, root: {type: agent, agentId: triage}}]
commands: [{id: daily, prompt: Write the report., agentId: writer}]
clients:
  - {id: ci, token: t0ken-of-ci-0123456789, passthrough: true, allowedAgents: [triage, incident]}
  - {id: alerts, token: t0ken-of-alerts-0123456789, passthrough: true, template: "{{.text}}", allowedAgents: [triage]}
  - {id: nightly, token: t0ken-of-nightly-0123456789, commandId: daily, allowedAgents: [writer]}
  - {id: off, token: t0ken-of-off-0123456789, enabled: false, passthrough: true, allowedAgents: [triage]}
endpoints: [{id: filed, url: "https://hooks.example/services/T0/s3cret?key=s3cret", signature: standard-ed25519, events: [run.failed]}]
`

// traffic is a site with real runs and deliveries, and a browser that is signed in.
type traffic struct {
	*browser
	editor      *catalog.Editor
	runs        *runs.Service
	replays     *calls.Service
	artifacts   *artifacts.Service
	share       *share.Service
	deliveries  *deliveries.Service
	events      *events.Log
	tried       []*calls.Request
	triedAgain  []*runs.Run
	triedAgents []string // "triage: why?"
	refuse      error    // what comes of the next try
	followed    string   // the run that was followed last
}

func newTraffic(t *testing.T) *traffic {
	s := siteOn(t, storetest.Open(t, storetest.Default(t)))
	r := &traffic{}
	sealer := gatewaytest.Sealer()
	guard := egress.NewGuard(func() []netip.Prefix {
		return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("203.0.113.0/24")}
	})
	r.startDeliveries(t, s.store, sealer, guard)
	var err error
	r.artifacts, err = artifacts.New(t.Context(), artifacts.Config{Store: s.store, Log: slog.New(slog.DiscardHandler), URL: filepath.Join(t.TempDir(), "artifacts"),
		Key: func() (secret.String, error) { return "key", nil }})
	require.NoError(t, err)
	r.share = share.New(share.Config{Log: slog.New(slog.DiscardHandler), PublicURL: "http://localhost:8080", Key: func() (secret.String, error) { return "key", nil }})
	r.runs = runs.New(runs.Config{Store: s.store, Artifacts: r.artifacts, Outlet: r.deliveries, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test")})
	r.events = r.runs.Events
	t.Cleanup(func() { r.runs.Drain(context.Background()) })
	r.editor = gatewaytest.Editor(t, s.store, gatewaytest.Setup{File: fileOfTraffic, Apply: func(ctx context.Context, v *catalog.View) error {
		return r.deliveries.Use(ctx, deliveries.InForce(v))
	}})
	for _, name := range []string{"nouns.css", "records.css", "try.js", "copy.js"} {
		s.files[name] = &fstest.MapFile{Data: []byte("this is " + name)}
	}
	inForce := calls.Catalog{Clients: &clients.Set{}}
	r.replays = calls.New(calls.Config{Catalog: func() calls.Catalog { return inForce }, Runs: r.runs, Kept: keeping(t, s.store)})
	s.serve(func(c *web.Config) {
		c.PublicURL = "http://localhost:8080/"
		c.Backend = &web.Backend{Editor: r.editor, Runs: r.runs, Conversations: &conversations.Service{Store: s.store}, Artifacts: r.artifacts, Share: r.share, Deliveries: r.deliveries, Refused: s.store, Calls: r, Replays: r.replays, Follow: r.follow}
	})
	r.browser = s.signedIn()
	return r
}

func (r *traffic) startDeliveries(t *testing.T, s *store.Store, sealer *secret.Sealer, guard *egress.Guard) {
	silent, out := slog.New(slog.DiscardHandler), egress.NewWebhooks(guard)
	instance := work.New(s, silent)
	r.deliveries = deliveries.New(deliveries.Config{Store: s, Work: instance, Log: silent, Metrics: telemetry.NewMetrics("test"), Out: out, Sealer: sealer,
		Version: "test", Source: "https://beckon.example", CheckURL: guard.CheckURL, EventNames: func() []string { return []string{"lead.completed"} }, EventType: func(string) string { return "run.completed" },
		Secrets: func(string) []secret.String { return []secret.String{aSecret} }, Now: time.Now})
	require.NoError(t, r.deliveries.Use(t.Context(), nil))
	require.NoError(t, instance.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		r.deliveries.Drain(ctx)
		instance.Stop()
		out.Close()
	})
}

// Try notes the call that a page makes.
func (*traffic) LastArrival(string) (calls.Arrival, bool) { return calls.Arrival{}, false }

func (r *traffic) Try(_ context.Context, call *calls.Request) (string, error) {
	if r.refuse != nil {
		return "", r.refuse
	}
	r.tried = append(r.tried, call)
	return "run_tried", nil
}

func (r *traffic) TryAgain(_ context.Context, run *runs.Run) (string, error) {
	if r.refuse != nil {
		return "", r.refuse
	}
	r.triedAgain = append(r.triedAgain, run)
	return "run_tried", nil
}

func (r *traffic) TryAgent(_ context.Context, agentID, prompt string) (string, error) {
	if r.refuse != nil {
		return "", r.refuse
	}
	r.triedAgents = append(r.triedAgents, agentID+": "+prompt)
	return "run_tried", nil
}

func (r *traffic) Preview(clients.Client, *calls.Request) (calls.Prompt, string, error) {
	panic("no page of runs previews a call")
}

func (r *traffic) follow(w http.ResponseWriter, _ *http.Request, runID string) error {
	if runID == "run_none" {
		return problem.New(problem.NotFound, "run_not_found", "There is no such run.")
	}
	r.followed = runID
	w.Header().Set("Content-Type", "text/event-stream")
	_, err := io.WriteString(w, "event: run.completed\ndata: {}\n\n")
	return err
}

// run puts a run on record: the columns that differ from those of a plain one.
func (r *traffic) run(id string, columns map[string]any) {
	row := map[string]any{"id": id, "status": "COMPLETED", "client_id": "ci", "workflow_id": "triage", "source": "webhook", "input": "in", "output": "out", "total_tokens": 18,
		"prompt_tokens": 12, "completion_tokens": 6, "created_at": atMidnight.UnixMilli(), "started_at": atMidnight.UnixMilli() + 5, "completed_at": atMidnight.UnixMilli() + 817}
	r.insert("runs", row, columns)
}

// delivery puts a delivery on record.
func (r *traffic) delivery(id string, columns map[string]any) {
	row := map[string]any{"id": id, "lane": "endpoint:filed", "endpoint_id": "filed", "run_id": "run_01", "event_id": "evt_01", "type": "run.failed", "client_id": "ci", "workflow_id": "triage",
		"status": "DELIVERED", "reason": "first", "attempts": 1, "tries": 1, "first_at": 0, "due_at": 0, "status_code": 204, "created_at": atMidnight.UnixMilli(), "completed_at": atMidnight.UnixMilli() + 40}
	r.insert("deliveries", row, columns)
}

func (r *traffic) attempt(deliveryID string, number int, columns map[string]any) {
	row := map[string]any{"delivery_id": deliveryID, "number": number, "reason": "first", "url": "https://hooks.example/x?•••", "request_headers": `{"Webhook-Id":"evt_01","X-Key":"•••"}`,
		"status_code": 204, "started_at": atMidnight.UnixMilli() + int64(number)*1000, "duration_us": 40_000, "truncated": false}
	r.insert("attempts", row, columns)
}

func (r *traffic) insert(table string, row, columns map[string]any) {
	maps.Copy(row, columns)
	require.NoError(r.t, r.store.Write(context.Background(), func(tx store.Tx) error {
		w := tx.NewRow(table)
		for name, value := range row {
			w.Value(name, value)
		}
		return w.Insert()
	}))
}

// endpoint registers one, and returns its secret.
func (r *traffic) endpoint(e deliveries.Endpoint) secret.String {
	_, shown, err := catalog.Of[deliveries.Endpoint](r.editor).Create(context.Background(), "test", e)
	require.NoError(r.t, err)
	return shown
}

// audited are the last actions of the audit list, newest first: "resend deliveries/dlv_1".
func (r *traffic) audited() (list []string) {
	entries, _, err := r.editor.AuditEntries(context.Background(), catalog.AuditQuery{Limit: 20})
	require.NoError(r.t, err)
	for _, e := range entries {
		if e.Who == "admin" && e.Section != "sessions" {
			list = append(list, e.Action+" "+e.Section+"/"+e.ResourceID)
		}
	}
	return list
}

// receiver answers as it is told, and keeps what it got.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	header http.Header
	body   []byte
	count  int
}

func newReceiver(t *testing.T, status int) *receiver {
	r := &receiver{status: status}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.header, r.body, r.count = request.Header.Clone(), body, r.count+1
		w.WriteHeader(r.status)
		_, _ = io.WriteString(w, "<b>thanks</b>")
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) got() (header http.Header, body []byte, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.header, r.body, r.count
}

func object(t *testing.T, data []byte) (members map[string]any) {
	require.NoError(t, json.Unmarshal(data, &members))
	return members
}
