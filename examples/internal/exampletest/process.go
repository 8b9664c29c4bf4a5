package exampletest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long to wait for what has to come.
const Patience = time.Minute

var (
	listening = regexp.MustCompile(`(?i)\blistening\b`)
	where     = regexp.MustCompile(`http://localhost:\d+`)
)

// Event is a line of JSON that a receiver has printed.
type Event = map[string]any

// Process is a block that goes on: the gateway, or a receiver.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	lines []string // of its output
}

// Run runs a block to its end, and returns what it has printed to its standard output; one that fails, fails the
// test. The pairs of changes are replaced in the block, and have to be there.
func (e *Example) Run(name string, changes ...string) string {
	e.t.Helper()
	cmd := e.Command(name, changes...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	require.NoError(e.t, err, "%s: %s%s", name, out, errors.String())
	return string(out)
}

// Start runs a block until the test ends, and returns when it says that it is listening.
func (e *Example) Start(name string, changes ...string) *Process {
	e.t.Helper()
	p := &Process{t: e.t, cmd: e.Command(name, changes...), ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the shell has children
	out, err := p.cmd.StdoutPipe()
	require.NoError(e.t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(e.t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		for reader := bufio.NewReader(out); ; {
			line, err := reader.ReadString('\n')
			if err != nil {
				break
			}
			p.mu.Lock()
			p.lines = append(p.lines, line)
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
	}()
	e.t.Cleanup(p.Kill)
	p.await(name+" does not listen", func() bool { return listening.MatchString(p.Output()) })
	return p
}

// Command is what runs a block, as Run does.
func (e *Example) Command(name string, changes ...string) *exec.Cmd {
	e.t.Helper()
	script := e.Blocks[name]
	require.NotEmpty(e.t, script, "the README has no block %q", name)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(e.t, script, changes[i])
	}
	cmd := exec.Command("sh", "-ec", strings.NewReplacer(changes...).Replace(script))
	cmd.Dir, cmd.Env = e.Dir, e.env
	return cmd
}

// Kill ends the process at once, as kill -9 does.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// URL is where the process listens, by the first line that says so.
func (p *Process) URL() string { return where.FindString(p.Output()) }

// Output is what the process has printed until now.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "")
}

// Events waits until the process has printed n lines of JSON that match, and returns all that do, in the order in
// which they came.
func (p *Process) Events(n int, match func(Event) bool) []Event {
	p.t.Helper()
	var found []Event
	p.await(fmt.Sprintf("there are not %d events", n), func() bool {
		found = nil
		for line := range strings.Lines(p.Output()) {
			var event Event
			if json.Unmarshal([]byte(line), &event) == nil && match(event) {
				found = append(found, event)
			}
		}
		return len(found) >= n
	})
	return found
}

func (p *Process) await(what string, done func() bool) {
	p.t.Helper()
	for deadline := time.After(Patience); !done(); {
		select {
		case <-p.ended:
			if !done() {
				require.Fail(p.t, what+": the process has ended", p.Output())
			}
			return
		case <-deadline:
			require.Fail(p.t, what, p.Output())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
