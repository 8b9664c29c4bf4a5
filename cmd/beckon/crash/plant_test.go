// Package crash_test kills the real binary, and sees that nothing it had accepted is lost.
package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	plantToken = "mgc_plant00000000000000000000000000000000000000000"
	patience   = 60 * time.Second
)

// workshop is where the binary is built.
var workshop string

// sideBySide is how many tests run at once where nothing else is said: they wait most of the time.
const sideBySide = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", sideBySide) // it is a number
	}
	var err error
	if workshop, err = os.MkdirTemp("", "beckon-crash"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(workshop)
	os.Exit(code)
}

// built is the real binary, which can be killed without taking the test with it.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workshop, "beckon")
	out, err := exec.Command("go", "build", "-o", path, "beckon/cmd/beckon").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// plant is one database, one model and the gateways on them, each a process of its own.
type plant struct {
	t      testing.TB
	config string
	model  *plantModel
}

// newPlant has the agents one, two and three, the same with -retried for agents whose runs are retried after a crash,
// and the flow relay that asks the three of them one after another.
func newPlant(t testing.TB, database string) *plant {
	p := &plant{t: t, model: newPlantModel(t), config: filepath.Join(t.TempDir(), "config.yaml")}
	text := fmt.Sprintf("server: {address: \"127.0.0.1:0\", shutdownGrace: 2s}\nlog: {format: json}\negress: {allowPrivate: [127.0.0.1/32]}\ndatabase: {url: %q}\n", database) +
		fmt.Sprintf("providers: [{id: model, type: openai, url: %q, apiKey: k, timeout: 50s}, {id: echo, type: template, template: \"{{ .prompt }}\"}]\nagents:\n  - {id: echo, provider: echo}\n", p.model.URL+"/v1")
	allowed := []string{"echo"}
	for _, id := range []string{"one", "two", "three"} {
		text += fmt.Sprintf("  - {id: %s, provider: model, model: %s, flowTools: false, retryOnCrash: false}\n", id, id)
		text += fmt.Sprintf("  - {id: %s-retried, provider: model, model: %s}\n", id, id)
		allowed = append(allowed, id, id+"-retried")
	}
	text += "flows:\n  - id: relay\n    root: {type: sequential, steps: [{type: agent, agentId: one, outputKey: first}, {type: agent, agentId: two}, {type: agent, agentId: three}]}\n"
	text += fmt.Sprintf("clients: [{id: ci, token: %s, passthrough: true, allowedAgents: [%s, relay]}]\n", plantToken, strings.Join(allowed, ", "))
	require.NoError(t, os.WriteFile(p.config, []byte(text), 0o600))
	return p
}

// process is one gateway.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	url  string
	log  *lockedText
	dead chan struct{}
}

var listeningLine = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// launch begins a gateway and does not wait for it.
func (p *plant) launch() *process {
	binary, err := built()
	require.NoError(p.t, err)
	g := &process{t: p.t, cmd: exec.Command(binary, "serve", "--config", p.config), log: &lockedText{}, dead: make(chan struct{})}
	g.cmd.Dir = filepath.Dir(p.config)
	g.cmd.Stderr = g.log
	require.NoError(p.t, g.cmd.Start())
	go func() {
		_ = g.cmd.Wait()
		close(g.dead)
	}()
	p.t.Cleanup(g.kill)
	return g
}

// start begins a gateway and waits until it is ready.
func (p *plant) start() *process {
	g := p.launch()
	require.Eventually(p.t, func() bool {
		m := listeningLine.FindStringSubmatch(g.log.String())
		if m == nil {
			return false
		}
		g.url = "http://" + m[1]
		response, err := http.Get(g.url + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == 200
	}, patience, 10*time.Millisecond, "%v", g.log)
	return g
}

// kill ends the process as a power cut would.
func (g *process) kill() {
	_ = g.cmd.Process.Signal(syscall.SIGKILL)
	<-g.dead
}

// web keeps the connections of as many callers as there are, and gives up on a gateway that hangs.
var web = &http.Client{Timeout: 2 * patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// call makes a request and returns the status and the answer; 0 when the gateway is gone.
func (g *process) call(method, path, body string, headers ...string) (int, map[string]any) {
	status, _, answer := g.send(method, path, body, headers...)
	return status, answer
}

// send is call with the header of the answer.
func (g *process) send(method, path, body string, headers ...string) (int, http.Header, map[string]any) {
	r, err := http.NewRequest(method, g.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil
	}
	r.Header.Set("Authorization", "Bearer "+plantToken)
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := web.Do(r)
	if err != nil {
		return 0, nil, nil
	}
	defer response.Body.Close()
	var answer map[string]any
	if json.NewDecoder(response.Body).Decode(&answer) != nil {
		return 0, nil, nil
	}
	return response.StatusCode, response.Header, answer
}

// accept starts a run on an agent and returns its id; empty when it was not accepted.
func (g *process) accept(agent, prompt string, headers ...string) string {
	status, answer := g.call("POST", "/api/v1/runs", fmt.Sprintf(`{"agent":%q,"prompt":%q}`, agent, prompt), headers...)
	if status != 202 {
		return ""
	}
	return answer["runId"].(string)
}

// ended waits until a run has, and returns it.
func (g *process) ended(id string) (run map[string]any) {
	require.Eventually(g.t, func() bool {
		var status int
		status, run = g.call("GET", "/api/v1/runs/"+id, "")
		require.NotEqual(g.t, 404, status, "run %s is lost", id)
		return status == 200 && run["completedAt"] != nil
	}, patience, 20*time.Millisecond, "%s: %v", id, run)
	return run
}

func code(run map[string]any) any {
	if failure, ok := run["error"].(map[string]any); ok {
		return failure["code"]
	}
	return nil
}

// plantModel is an OpenAI-compatible server that answers "MODEL answers PROMPT", and holds back the models it is told to.
type plantModel struct {
	*httptest.Server
	takes map[string]time.Duration // how long a model needs for an answer

	mu    sync.Mutex
	asked map[string][]time.Time // by model and the prompt's first line
	sent  map[string]int         // answers that have been written, by model
	held  map[string]chan struct{}
	seen  *sync.Cond
}

func newPlantModel(t testing.TB) *plantModel {
	m := &plantModel{asked: map[string][]time.Time{}, sent: map[string]int{}, held: map[string]chan struct{}{}}
	m.seen = sync.NewCond(&m.mu)
	m.Server = httptest.NewServer(http.HandlerFunc(m.answer))
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

func (m *plantModel) answer(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Model    string
		Stream   bool
		Messages []struct{ Content string }
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &request) != nil {
		http.Error(w, "what?", 400)
		return
	}
	prompt, _, _ := strings.Cut(request.Messages[len(request.Messages)-1].Content, "\n")
	m.mu.Lock()
	key := request.Model + " " + prompt
	m.asked[key] = append(m.asked[key], time.Now())
	m.seen.Broadcast()
	gate := m.held[request.Model]
	m.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
	}
	if takes := m.takes[request.Model]; takes > 0 {
		select {
		case <-time.After(takes):
		case <-r.Context().Done():
			return
		}
	}
	defer m.noteSent(request.Model)
	text, _ := json.Marshal(request.Model + " answers " + prompt)
	if request.Stream {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", text)
		return
	}
	fmt.Fprintf(w, `{"choices":[{"message":{"role":"assistant","content":%s},"finish_reason":"stop"}]}`, text)
}

// hold keeps the answers of a model back until the returned function is called.
func (m *plantModel) hold(model string) (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gate := make(chan struct{})
	m.held[model] = gate
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.held, model)
		close(gate)
	})
}

// count is how often a model was asked with a prompt.
func (m *plantModel) count(model, prompt string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.asked[model+" "+prompt])
}

// noteSent counts an answer.
func (m *plantModel) noteSent(model string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent[model]++
	m.seen.Broadcast()
}

// await waits until a model has been asked with a prompt.
func (m *plantModel) await(t testing.TB, model, prompt string) {
	m.until(t, func() bool { return len(m.asked[model+" "+prompt]) > 0 }, "%s was not asked %q", model, prompt)
}

// awaitAnswers waits until a model has written so many answers.
func (m *plantModel) awaitAnswers(t testing.TB, model string, n int) {
	m.until(t, func() bool { return m.sent[model] >= n }, "%s did not answer %d times", model, n)
}

func (m *plantModel) until(t testing.TB, done func() bool, message string, args ...any) {
	deadline := time.Now().Add(patience)
	stop := time.AfterFunc(patience, func() { m.seen.Broadcast() })
	defer stop.Stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for !done() {
		require.True(t, time.Now().Before(deadline), append([]any{message}, args...)...)
		m.seen.Wait()
	}
}

// follow reads the types of a run's events as they come, until the last.
func (g *process) follow(ctx context.Context, id string) <-chan string {
	r, err := http.NewRequestWithContext(ctx, "GET", g.url+"/api/v1/runs/"+id+"/events", nil)
	require.NoError(g.t, err)
	r.Header.Set("Authorization", "Bearer "+plantToken)
	response, err := http.DefaultClient.Do(r)
	require.NoError(g.t, err)
	require.Equal(g.t, 200, response.StatusCode)
	types := make(chan string, 100)
	go func() {
		defer close(types)
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if kind, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				types <- kind
			}
		}
	}()
	return types
}

// lockedText is a text that a process writes while others read it.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
