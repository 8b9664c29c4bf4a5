package tools_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents/agentstest"
	"beckon/internal/secret"
	"beckon/tools"
)

// aimock starts the MCP server of aimock over streamable HTTP, and returns its URL.
func aimock(t *testing.T, flags ...string) string {
	t.Helper()
	program := filepath.Join("..", "agents", "chat", "testdata", "aimock", "node_modules", "@copilotkit", "aimock", "dist", "aimock-cli.js")
	require.FileExists(t, program, "aimock is not installed: run make test, or npm ci --prefix agents/chat/testdata/aimock")
	node := exec.Command("node", append([]string{program, "--config", filepath.Join("testdata", "aimock.json"), "--port", "0"}, flags...)...)
	out, err := node.StdoutPipe()
	require.NoError(t, err)
	node.Stderr = node.Stdout
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		_ = node.Process.Kill()
		_ = node.Wait()
	})
	lines, listening := bufio.NewScanner(out), regexp.MustCompile(`listening on (http://\S+)`)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return m[1] + "/mcp"
		}
	}
	t.Fatal("aimock did not start")
	return ""
}

// A third server, that of aimock: it answers with JSON in place of a stream, knows an older version of MCP, and forgets sessions.
func TestAimock(t *testing.T) {
	url := aimock(t)
	box := open(t, tools.Server{ID: "deploy", URL: url, Headers: map[string]secret.String{"Authorization": "Bearer hunter2hunter2"}})
	require.Equal(t, []string{"deploy.rollback", "deploy.status"}, namesOf(t, box, "deploy"))
	require.Contains(t, box.Status("deploy").Server, "aimock")
	for _, tool := range box.Tools(t.Context(), []string{"deploy.*"}, []string{"deploy.*"}) {
		require.Equal(t, tool.Name == "deploy.status", tool.ReadOnly, tool.Name)
	}

	require.Equal(t, "checkout runs v42", call(t, box, "deploy.status", `{"service":"checkout"}`).Text)
	_, err := box.Call(t.Context(), tools.Use{Tool: "deploy.status", Arguments: json.RawMessage(`{}`)})
	require.ErrorAs(t, err, new(*tools.ArgumentError))

	files := &agentstest.Files{}
	result, err := box.Call(t.Context(), tools.Use{Tool: "deploy.rollback", Arguments: json.RawMessage(`{}`), Files: files})
	require.NoError(t, err)
	require.Contains(t, result.Text, "It is v41 again.")
	require.Len(t, result.Artifacts, 1)

	// It forgets the session, as after a restart: a new one is opened, and the call is made.
	journal := strings.TrimSuffix(url, "/mcp") + "/__aimock/journal"
	session := sessionIn(t, journal)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, nil)
	require.NoError(t, err)
	r.Header.Set("Mcp-Session-Id", session)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "checkout runs v42", call(t, box, "deploy.status", `{"service":"checkout"}`).Text)
	require.NotEqual(t, session, sessionIn(t, journal))
}

// sessionIn returns the session of the last request that aimock was sent.
func sessionIn(t *testing.T, journal string) string {
	t.Helper()
	answer, err := http.Get(journal)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, string(text))
	found := regexp.MustCompile(`"mcp-session-id":\s*"([^"]+)"`).FindAllSubmatch(text, -1)
	require.NotEmpty(t, found, string(text))
	return string(found[len(found)-1][1])
}
