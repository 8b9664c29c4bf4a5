package tools_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/agentstest"
	"beckon/internal/freeport"
	"beckon/internal/secret"
	"beckon/tools"
)

// open returns a Toolbox with servers, which ends with the test.
func open(t *testing.T, servers ...tools.Server) *tools.Toolbox {
	t.Helper()
	for _, s := range servers {
		require.NoError(t, s.Check().Err())
	}
	box := tools.New(tools.Options{Version: "test"})
	t.Cleanup(box.Close)
	box.Use(servers)
	return box
}

// names are those of the tools that an agent may use which names all tools of servers.
func namesOf(t *testing.T, box *tools.Toolbox, servers ...string) (list []string) {
	t.Helper()
	for i := range servers {
		servers[i] += ".*"
	}
	for _, tool := range box.Tools(t.Context(), servers, servers) {
		list = append(list, tool.Name)
	}
	return list
}

func call(t *testing.T, box *tools.Toolbox, tool, arguments string) tools.Result {
	t.Helper()
	result, err := box.Call(t.Context(), tools.Use{Tool: tool, Arguments: json.RawMessage(arguments)})
	require.NoError(t, err)
	return result
}

// program returns the command of a server that others have written. It needs Node.js and what make test gets by npm.
func program(t *testing.T, server string, arguments ...string) []string {
	t.Helper()
	folder, err := filepath.Abs("testdata/servers")
	require.NoError(t, err)
	script := filepath.Join(folder, "node_modules", "@modelcontextprotocol", server, "dist", "index.js")
	require.FileExists(t, script, "the servers are not installed: run make test, or npm ci --prefix tools/testdata/servers")
	return append([]string{"node", "--require", filepath.Join(folder, "loopback.cjs"), script}, arguments...)
}

// everything starts server-everything over streamable HTTP, and returns its URL.
func everything(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	command := program(t, "server-everything", "streamableHttp")
	node := exec.Command(command[0], command[1:]...)
	node.Env = append(os.Environ(), "PORT="+port)
	stderr, err := node.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		_ = node.Process.Kill()
		_ = node.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "listening on port") {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return "http://127.0.0.1:" + port + "/mcp"
		}
	}
	t.Fatal("server-everything did not start")
	return ""
}

// What somebody else holds MCP to be is understood over both transports.
func TestServerEverything(t *testing.T) {
	for name, server := range map[string]func(*testing.T) tools.Server{
		"stdio": func(t *testing.T) tools.Server {
			return tools.Server{ID: "all", Command: program(t, "server-everything"), Env: map[string]secret.String{"API_TOKEN": "hunter2hunter2"}}
		},
		"http": func(t *testing.T) tools.Server { return tools.Server{ID: "all", URL: everything(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			s.Secrets = map[string]secret.String{"WORD": "swordfish-1"}
			box := open(t, s)
			all := namesOf(t, box, "all")
			for _, want := range []string{"all.echo", "all.get-sum", "all.get-tiny-image", "all.trigger-long-running-operation"} {
				require.Contains(t, all, want)
			}
			require.Equal(t, tools.StateConnected, box.Status("all").State)
			require.Contains(t, box.Status("all").Server, "mcp-servers/everything")

			require.Equal(t, "Echo: hello", call(t, box, "all.echo", `{"message":"hello"}`).Text)
			require.Contains(t, call(t, box, "all.get-sum", `{"a":2,"b":3}`).Text, "5")
			require.Equal(t, "Echo: it is •••", call(t, box, "all.echo", `{"message":"it is {{secret:WORD}}"}`).Text)

			_, err := box.Call(t.Context(), tools.Use{Tool: "all.echo", Arguments: json.RawMessage(`{"message":5}`)})
			require.ErrorContains(t, err, "at /message")
			_, err = box.Call(t.Context(), tools.Use{Tool: "all.echo", Arguments: json.RawMessage(`{"message":"{{secret:OTHER}}"}`)})
			require.ErrorAs(t, err, new(*tools.ArgumentError))
			require.ErrorContains(t, err, `no secret "OTHER"`)

			structured := call(t, box, "all.get-structured-content", `{"location":"New York"}`)
			require.Contains(t, structured.Text, "temperature")

			files := &agentstest.Files{}
			image, err := box.Call(t.Context(), tools.Use{Tool: "all.get-tiny-image", Files: files})
			require.NoError(t, err)
			require.Len(t, image.Artifacts, 1)
			require.Equal(t, "image/png", image.Artifacts[0].MediaType)
			require.Contains(t, image.Text, image.Artifacts[0].ID)

			if s.IsProgram() {
				environment := call(t, box, "all.get-env", `{}`).Text
				var has map[string]string
				require.NoError(t, json.Unmarshal([]byte(environment), &has))
				require.Equal(t, map[string]string{"PATH": has["PATH"], "API_TOKEN": secret.Mask}, has)
			}
		})
	}
}

func TestProgressIsTold(t *testing.T) {
	box := open(t, tools.Server{ID: "all", Command: program(t, "server-everything")})
	var mu sync.Mutex
	var told []string
	_, err := box.Call(t.Context(), tools.Use{
		Tool: "all.trigger-long-running-operation", Arguments: json.RawMessage(`{"duration":0.2,"steps":4}`),
		Progress: func(message string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, message)
		},
	})
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, told, "2 of 4")
}

func TestACallEndsWithItsContext(t *testing.T) {
	box := open(t, tools.Server{ID: "all", Command: program(t, "server-everything")})
	require.NotEmpty(t, namesOf(t, box, "all"))
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	var once sync.Once
	go func() {
		<-began
		cancel()
	}()
	result, err := box.Call(ctx, tools.Use{
		Tool: "all.trigger-long-running-operation", Arguments: json.RawMessage(`{"duration":600,"steps":6000}`),
		Progress: func(string) { once.Do(func() { close(began) }) },
	})
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, result.Unknown)
	require.Equal(t, "Echo: next", call(t, box, "all.echo", `{"message":"next"}`).Text)
}

func TestServerFilesystem(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("the door is open"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "long.txt"), []byte(strings.Repeat("0123456789", 20_000)), 0o600))
	box := open(t, tools.Server{ID: "files", Command: program(t, "server-filesystem", folder)})
	offered := box.Tools(t.Context(), []string{"files.read_text_file", "files.write_file"}, []string{"files.*"})
	require.Len(t, offered, 2)
	require.True(t, offered[0].ReadOnly)
	require.False(t, offered[1].ReadOnly)

	path := func(name string) string {
		text, err := json.Marshal(map[string]string{"path": filepath.Join(folder, name)})
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, "the door is open", call(t, box, "files.read_text_file", path("notes.txt")).Text)
	outside := call(t, box, "files.read_text_file", `{"path":"/etc/passwd"}`)
	require.True(t, outside.IsError)
	require.Contains(t, outside.Text, "Access denied")

	files := &agentstest.Files{}
	long, err := box.Call(t.Context(), tools.Use{Tool: "files.read_text_file", Arguments: json.RawMessage(path("long.txt")), Files: files})
	require.NoError(t, err)
	require.Less(t, len(long.Text), 70_000)
	require.Contains(t, long.Text, "of 200000 bytes; all of it is the artifact "+long.Artifacts[0].ID)
	require.EqualValues(t, 200_000, long.Artifacts[0].Bytes)
	require.True(t, slices.ContainsFunc(long.Artifacts, func(a agents.Artifact) bool { return a.Name == "result.txt" }))
}

// A program that dies is started anew, and the call under way says that nobody knows what came of it.
func TestAProgramThatDiesIsStartedAnew(t *testing.T) {
	box := open(t, tools.Server{ID: "all", Command: program(t, "server-everything")})
	first := call(t, box, "all.echo", `{"message":"a"}`)
	require.Equal(t, "Echo: a", first.Text)
	child := onlyChild(t)
	began := make(chan struct{})
	var once sync.Once
	ended := make(chan error, 1)
	go func() {
		result, err := box.Call(t.Context(), tools.Use{
			Tool: "all.trigger-long-running-operation", Arguments: json.RawMessage(`{"duration":600,"steps":6000}`),
			Progress: func(string) { once.Do(func() { close(began) }) },
		})
		if !result.Unknown {
			t.Errorf("the outcome is said to be known: %+v", result)
		}
		ended <- err
	}()
	<-began
	process, err := os.FindProcess(child)
	require.NoError(t, err)
	require.NoError(t, process.Kill())
	require.ErrorContains(t, <-ended, "what came of it is not known")
	require.Equal(t, "Echo: b", call(t, box, "all.echo", `{"message":"b"}`).Text)
	require.NotEqual(t, child, onlyChild(t))
}

// onlyChild is the process that this one has started.
func onlyChild(t *testing.T) int {
	t.Helper()
	children := childrenOf(t, os.Getpid())
	require.Len(t, children, 1)
	return children[0]
}
