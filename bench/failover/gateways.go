package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"beckon/bench/process"
	"beckon/bench/stub"
	"beckon/internal/freeport"
)

const (
	token = "mgc_failover000000000000000000000000000000000000000"
	// modelTakes is how long a model works on an answer, and slowModelTakes on one in seven.
	modelTakes, slowModelTakes = 100 * time.Millisecond, 2 * time.Second
)

// fleet is some gateways on one database, with the models that they ask and a receiver of their events.
type fleet struct {
	beckon   string
	folder   string
	model    *httptest.Server
	receiver *receiver
	gateways []*gateway
}

// gateway is one process, which another one replaces under the same address when it was killed.
type gateway struct {
	address, config, log string

	mu      sync.Mutex
	process *process.Process
}

const gatewayConfig = `server: {address: %q, secretsKey: "ZmFpbG92ZXJmYWlsb3ZlcmZhaWxvdmVyZmFpbG92ZXI=", shutdownGrace: 2s}
database: {url: %q}
log: {format: json}
egress: {allowPrivate: [127.0.0.1/32]}
providers:
  - {id: stub, type: openai, url: %q, apiKey: stub}
agents:
  - {id: quick, provider: stub, model: quick, retryOnCrash: true}
  - {id: second, provider: stub, model: second, retryOnCrash: true}
flows:
  - {id: relay, retryOnCrash: true, root: {type: sequential, steps: [{type: agent, agentId: quick}, {type: agent, agentId: second}]}}
clients:
  - {id: ci, token: %q, passthrough: true, allowedAgents: [quick, relay], syncTimeout: 60s}
endpoints:
  - id: ops
    url: %q
    agents: [quick, relay]
    events: [run.completed, run.failed]
    secret: whsec_ZmFpbG92ZXJmYWlsb3ZlcmZhaWxvdmVyZmFpbG92ZXI=
    retry: ["500ms", "1s", "2s", "5s", "10s", "10s", "10s", "10s"]
`

// startFleet starts n gateways on the database of a URL.
func startFleet(ctx context.Context, o options, folder, database string, n int) (f *fleet, err error) {
	f = &fleet{
		beckon:   o.beckon,
		folder:   folder,
		model:    httptest.NewServer(stub.Handler(modelTakes, slowModelTakes)),
		receiver: newReceiver(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.stop())
		}
	}()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return f, err
	}
	for i := range n {
		address, err := freeport.Address()
		if err != nil {
			return f, err
		}
		name := fmt.Sprintf("gateway%d", i+1)
		g := &gateway{address: address, config: filepath.Join(folder, name+".yaml"), log: filepath.Join(folder, name+".log")}
		text := fmt.Sprintf(gatewayConfig, address, database, f.model.URL+"/v1", token, f.receiver.URL)
		if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
			return f, err
		}
		f.gateways = append(f.gateways, g)
		if err := f.start(ctx, g); err != nil {
			return f, err
		}
	}
	return f, nil
}

// start starts the process of a gateway, and returns when it is ready.
func (f *fleet) start(ctx context.Context, g *gateway) error {
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "BECKON_") })
	p, err := process.Start(ctx, process.Command{
		Name: "Beckon at " + g.address, Path: f.beckon, Args: []string{"serve", "--config", g.config}, Env: environ, Log: g.log,
	})
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.process = p
	g.mu.Unlock()
	return p.Ready(ctx, "http://"+g.address+"/readyz")
}

func (g *gateway) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.process.Kill()
}

func (f *fleet) stop() (err error) {
	for _, g := range f.gateways {
		if g.process != nil {
			err = errors.Join(err, g.process.Stop())
		}
	}
	f.model.CloseClientConnections()
	f.model.Close()
	f.receiver.CloseClientConnections()
	f.receiver.Close()
	return err
}

// receiver takes the events of the gateways, and notes the ids under which the end of each run came.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	ends map[string]map[string]bool // by run
}

func newReceiver() *receiver {
	r := &receiver{ends: map[string]map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	return r
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	var event struct{ RunID string }
	if err := json.NewDecoder(request.Body).Decode(&event); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends[event.RunID] == nil {
		r.ends[event.RunID] = map[string]bool{}
	}
	r.ends[event.RunID][request.Header.Get("webhook-id")] = true
}

// ids returns how many ids the end of a run came under.
func (r *receiver) ids(run string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ends[run])
}
