// Package receivers_test runs the receivers as their page says, and sends them what a gateway sends.
package receivers_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/agents/reply"
	"beckon/deliveries"
	"beckon/gateway"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

var (
	root      = filepath.Join("..", "..")
	runBlock  = regexp.MustCompile("(?s)<!-- run: ([a-z]+) -->\n```sh\n(.*?)```")
	listening = regexp.MustCompile(`^Listening on (http://localhost:\d+/)$`)
)

// process is a receiver that runs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of its output
	url   string
}

// start runs what the page says to run, in a folder that looks like the repository's.
func start(t *testing.T, folder, script string, s secret.String) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command("sh", "-ec", script), lines: make(chan string, 1000)}
	p.cmd.Dir = folder
	p.cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+s.Reveal(), "PORT=0")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run and npm have children
	output, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(t, p.cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-read
		_ = p.cmd.Wait()
	})
	return p
}

// next returns the next line of the output; ok is false after the last.
func (p *process) next(patience time.Duration) (line string, ok bool) {
	p.t.Helper()
	select {
	case line, ok = <-p.lines:
		return line, ok
	case <-time.After(patience):
		p.t.Fatalf("the receiver says nothing")
		return "", false
	}
}

// ready waits until the receiver listens; what npm says before that is not of interest unless it fails.
func (p *process) ready() {
	p.t.Helper()
	for said := ""; ; {
		line, ok := p.next(2 * time.Minute)
		require.True(p.t, ok, "the receiver ended: %s", said)
		if m := listening.FindStringSubmatch(line); m != nil {
			p.url = m[1]
			return
		}
		said += line + "\n"
	}
}

// post signs a message, and sends it with another body or other headers where those are given.
func (p *process) post(m signature.Message, by []secret.String, body string, change func(http.Header)) int {
	p.t.Helper()
	h := http.Header{"Content-Type": {"application/json"}}
	require.NoError(p.t, signature.Sign(h, signature.Standard, "", by, m))
	if change != nil {
		change(h)
	}
	request, err := http.NewRequest(http.MethodPost, p.url, strings.NewReader(cmp.Or(body, string(m.Body))))
	require.NoError(p.t, err)
	request.Header = h
	answer, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// commands are what the page says to run, by receiver.
func commands(t *testing.T) map[string]string {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := map[string]string{}
	for _, m := range runBlock.FindAllStringSubmatch(string(page), -1) {
		found[m[1]] = m[2]
	}
	require.Len(t, found, 2)
	return found
}

// folderFor is where a receiver is run: npm installs into its folder, so it gets a copy.
func folderFor(t *testing.T, name string) string {
	if name == "go" {
		return root
	}
	dir := t.TempDir()
	to := filepath.Join(dir, "examples", "receivers", name)
	require.NoError(t, os.MkdirAll(to, 0o700))
	for _, file := range []string{".npmrc", "package.json", "package-lock.json", "receiver.mjs"} {
		text, err := os.ReadFile(filepath.Join(name, file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, file), text, 0o600))
	}
	return dir
}

func TestReceiversTakeWhatIsSignedAndNothingElse(t *testing.T) {
	const event = `{"success":true,"type":"run.completed","runId":"run_1","data":{"output":"ü\u001b[2J"}}`
	message := func(id string, at time.Time) signature.Message {
		return signature.Message{ID: id, At: at, Body: []byte(event)}
	}
	header := func(name, value string) func(http.Header) {
		return func(h http.Header) {
			h.Set("webhook-"+name, value)
			h.Set("svix-"+name, value)
		}
	}
	for name, script := range commands(t) {
		t.Run(name, func(t *testing.T) {
			shared, other := signature.NewSecret(signature.Standard), signature.NewSecret(signature.Standard)
			p := start(t, folderFor(t, name), script, shared)
			p.ready()
			now := time.Now() // to get ready may take minutes
			for _, c := range []struct {
				name    string
				message signature.Message
				by      []secret.String
				body    string
				change  func(http.Header)
				status  int
				says    string
			}{
				{"good", message("evt_1", now), []secret.String{shared}, "", nil, 204, `received "run.completed" "run_1" "evt_1"`},
				{"again", message("evt_1", now.Add(time.Second)), []secret.String{shared}, "", nil, 204, `seen before "evt_1"`},
				{"wrong secret", message("evt_2", now), []secret.String{other}, "", nil, 401, "refused"},
				{"another body", message("evt_2", now), []secret.String{shared}, strings.Replace(event, "true", "false", 1), nil, 401, "refused"},
				{"another id", message("evt_2", now), []secret.String{shared}, "", header("id", "evt_3"), 401, "refused"},
				{"another time", message("evt_2", now), []secret.String{shared}, "", header("timestamp", fmt.Sprint(now.Unix()+1)), 401, "refused"},
				{"not signed", message("evt_2", now), []secret.String{shared}, "", func(h http.Header) { clear(h) }, 401, "refused"},
				{"too old", message("evt_2", now.Add(-6*time.Minute)), []secret.String{shared}, "", nil, 401, "refused"},
				{"too new", message("evt_2", now.Add(6*time.Minute)), []secret.String{shared}, "", nil, 401, "refused"},
				{"what was refused was not taken", message("evt_2", now), []secret.String{other, shared}, "", nil, 204, `received "run.completed" "run_1" "evt_2"`},
				{"too large", message("evt_4", now), []secret.String{shared}, strings.Repeat(" ", 1<<20+1), nil, 413, ""},
			} {
				require.Equal(t, c.status, p.post(c.message, c.by, c.body, c.change), c.name)
				if c.says != "" {
					line, ok := p.next(10 * time.Second)
					require.True(t, ok, c.name)
					require.True(t, strings.HasPrefix(line, c.says), "%s: %q", c.name, line)
				}
			}
		})
	}
}

func TestReceiversWantASecret(t *testing.T) {
	for name, script := range commands(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t, folderFor(t, name), script, "")
			said := ""
			for line, ok := p.next(2 * time.Minute); ok; line, ok = p.next(2 * time.Minute) {
				said += line + "\n"
			}
			require.Contains(t, said, "WEBHOOK_SECRET must be")
			require.NotContains(t, said, "Listening")
		})
	}
}

// The gateway of the page sends to where both receivers listen when nothing else is said.
func TestTheGatewaySendsToTheReceivers(t *testing.T) {
	environment := map[string]string{"DEMO_TOKEN": "mgc_demo_token_of_this_test", "WEBHOOK_SECRET": signature.NewSecret(signature.Standard).Reveal()}
	env := func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}
	nouns := gateway.Nouns(agents.Factories{Flow: flow.New(), Providers: map[string]agents.Factory{"template": reply.New()}}, env)
	c, err := config.Load("gateway.yaml", env, nouns)
	require.NoError(t, err)
	v := nouns.View(c)
	require.Empty(t, v.Mistakes())
	to, err := url.Parse(catalog.All[deliveries.Endpoint](v)[0].URL)
	require.NoError(t, err)
	require.Equal(t, "localhost", to.Hostname())
	for _, program := range []string{"go/main.go", "node/receiver.mjs"} {
		text, err := os.ReadFile(program)
		require.NoError(t, err)
		require.Regexp(t, `PORT\b.*\b`+to.Port()+`\b`, string(text))
	}
}

// A lock file works with any registry as long as it names none.
func TestTheLockFileNamesNoRegistry(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("node", "package-lock.json"))
	require.NoError(t, err)
	require.Contains(t, string(text), `"integrity"`)
	require.NotContains(t, string(text), "resolved")
	require.NotContains(t, string(text), "://")
}
