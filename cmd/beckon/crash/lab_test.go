package crash_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// How long after an interruption everything that was accepted has to have ended: what was only cut off goes on at once, what
// a killed process has left is found within a minute.
const (
	within     = 10 * time.Second
	withinKill = time.Minute
)

// long repeats each interruption many times.
var long = os.Getenv("BECKON_LAB") == "long"

// times is how often an interruption is repeated.
func times(usual, many int) int {
	if long {
		return many
	}
	return usual
}

// often says how often something is repeated, behind what it is.
func often(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", %d times", n)
}

// TestLab interrupts gateways and databases while calls, queued runs, flows and deliveries are under way, and then compares
// what callers were told with what has become of it. The table that it logs is the one in docs/reliability.md.
func TestLab(t *testing.T) {
	table := &results{}
	t.Cleanup(func() { t.Log("\n" + table.String()) })
	run := func(name string, scenario func(t *testing.T, table *results)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, table)
		})
	}
	run("replica-stopped", stoppedReplica)
	run("postgres-stopped", stoppedPostgres)
	run("postgres-crashes", crashingPostgres)
	run("sessions-terminated", terminatedSessions)
	run("instances-deleted", deletedInstances)
	run("gateway-killed", killedGateway)
	run("commit-lost", lostCommits)
	run("commit-in-doubt", commitsInDoubt)
	run("commit-never-made", reusedTransactions)
	run("claim-lost", lostClaims)
	run("disk-full", fullDisk)
	run("file-deleted", deletedFile)
}

// lab is one database with gateways on it, a model that takes its time, a receiver that fails one time in five, and the
// record of what callers were told.
type lab struct {
	*plant
	receiver *receiver
	record   *record
	load     *load
	wakes    bool    // a gateway is stopped for so long that it is taken for dead, and goes on
	slowness float64 // of the machine before the interruption, 1 or more: everything may take as much longer

	mu       sync.Mutex
	gateways []*process
}

// The agents, with how long their models take.
var labModels = map[string]time.Duration{
	"quick": 50 * time.Millisecond, "slow": 500 * time.Millisecond, "long": 2 * time.Second,
	"first": 50 * time.Millisecond, "second": 300 * time.Millisecond, "third": 100 * time.Millisecond,
	"left": 100 * time.Millisecond, "right": 250 * time.Millisecond,
}

// labSingleToken belongs to the client "single", which may have one run at a time.
const labSingleToken = "mgc_single0000000000000000000000000000000000000000"

// newLab starts gateways on the database of a URL. Its own look at the database goes to the URL direct.
func newLab(t *testing.T, url, direct string, replicas int) *lab {
	l := &lab{plant: &plant{t: t, model: newPlantModel(t), config: filepath.Join(t.TempDir(), "config.yaml")}, receiver: newReceiver(t), slowness: 1}
	l.model.takes = labModels
	agents := slices.Sorted(maps.Keys(labModels))
	var text strings.Builder
	fmt.Fprintf(&text, `server: {address: "127.0.0.1:0", shutdownGrace: 2s}
log: {format: json}
egress: {allowPrivate: [127.0.0.1/32]}
database: {url: %q}
providers: [{id: model, type: openai, url: %q, apiKey: k, timeout: 50s}]
agents:
`, url, l.model.URL+"/v1")
	for _, id := range agents {
		fmt.Fprintf(&text, "  - {id: %s, provider: model, model: %s, flowTools: false, retryOnCrash: true}\n", id, id)
	}
	fmt.Fprintf(&text, `flows:
  - id: relay
    retryOnCrash: true
    root: {type: sequential, steps: [{type: agent, agentId: first}, {type: agent, agentId: second}, {type: agent, agentId: third}]}
  - id: fan
    retryOnCrash: true
    root:
      type: sequential
      steps: [{type: parallel, steps: [{type: agent, agentId: left}, {type: agent, agentId: right}]}, {type: agent, agentId: third}]
clients:
  - {id: ci, token: %s, passthrough: true, allowedAgents: [%s, relay, fan], syncTimeout: 30s}
  - {id: single, token: %s, passthrough: true, allowedAgents: [quick], maxConcurrent: 1}
endpoints:
  - {id: ops, url: %q, agents: [relay, slow], events: [run.started, run.completed, run.failed, node.completed], secret: whsec_bGFiLWxhYi1sYWItbGFiLWxhYi1sYWItbGFi, retry: %s}
`, plantToken, strings.Join(agents, ", "), labSingleToken, l.receiver.URL+"/endpoint", retryWaits)
	require.NoError(t, os.WriteFile(l.config, []byte(text.String()), 0o600))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the gateways have logged as errors:\n%s", l.errors())
		}
	})
	for range replicas {
		l.gateways = append(l.gateways, l.start())
	}
	l.record = newRecord(t, direct)
	l.load = newLoad(l)
	return l
}

// retryWaits makes many attempts in little time: the receiver fails each event at most mostFailures times.
const retryWaits = `["200ms","200ms","500ms","500ms","1s","1s","1s","1s"]`

// gateway returns one of the gateways; n counts around.
func (l *lab) gateway(n int) *process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gateways[n%len(l.gateways)]
}

// replace puts another process in the place of a gateway.
func (l *lab) replace(n int, g *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gateways[n] = g
}

// interrupt lets callers call until enough is under way, runs the interruption, and has them go on until every gateway has
// accepted a call again. It returns when the interruption was over.
func (l *lab) interrupt(interruption func()) (back time.Time) {
	l.load.begin()
	l.load.awaitAccepted(40)
	l.slowness = l.load.slowness()
	interruption()
	back = time.Now()
	l.load.awaitEachAccepts(back)
	l.load.end()
	return back
}

// each runs a scenario with one gateway on SQLite, and with one and three on PostgreSQL.
func each(t *testing.T, scenario func(t *testing.T, url string, replicas int)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		scenario(t, storetest.SQLite(t), 1)
	})
	eachPostgres(t, func(t *testing.T, replicas int) { scenario(t, storetest.Postgres(t), replicas) })
}

// eachPostgres runs a scenario with one and with three gateways.
func eachPostgres(t *testing.T, scenario func(t *testing.T, replicas int)) {
	for _, replicas := range []int{1, 3} {
		t.Run(fmt.Sprintf("postgres-%d", replicas), func(t *testing.T) {
			t.Parallel()
			scenario(t, replicas)
		})
	}
}

// results is the table of all scenarios.
type results struct {
	mu   sync.Mutex
	rows []verdict
}

func (r *results) add(v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, v)
}

func (r *results) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.rows, func(a, b verdict) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(b.database, a.database), cmp.Compare(a.gateways, b.gateways))
	})
	var text strings.Builder
	text.WriteString("| interruption | database | accepted | ended | FAILED | asked twice | asked after the end | two ids | sent again | open too long | other answers | all ended after |\n")
	text.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, v := range r.rows {
		fmt.Fprintln(&text, v.row())
	}
	return text.String()
}
