package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A model loads a skill and answers by it; a skill that is changed on disk is the new one soon, and a broken one leaves the old.
func TestSkillsAreLoadedAndWatched(t *testing.T) {
	type message struct{ Role, Content string }
	answers := make(chan string, 8) // what the model was told by the tool
	system := make(chan string, 8)
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Messages []message }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &asked)
		w.Header().Set("Content-Type", "application/json")
		if last := asked.Messages[len(asked.Messages)-1]; last.Role == "tool" {
			answers <- last.Content
			fmt.Fprint(w, `{"choices":[{"message":{"content":"Done."},"finish_reason":"stop"}]}`)
			return
		}
		system <- asked.Messages[0].Content
		fmt.Fprint(w, `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"skill__load","arguments":"{\"name\":\"refunds\"}"}}]},"finish_reason":"tool_calls"}]}`)
	}))
	t.Cleanup(model.Close)
	folder := t.TempDir()
	skill := filepath.Join(folder, "skills", "refunds", "SKILL.md")
	write := func(text string) { require.NoError(t, os.WriteFile(skill, []byte(text), 0o600)) }
	require.NoError(t, os.MkdirAll(filepath.Dir(skill), 0o700))
	write("---\nname: refunds\ndescription: When money goes back\n---\nAsk first.")
	g := start(t, load(t, fmt.Sprintf(`
database: {url: %q}
skills: {path: %q}
providers: [{id: p, type: openai, url: %q, apiKey: key}]
agents: [{id: desk, provider: p, model: m, skills: [refunds]}]
clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [desk]}]
`, sqliteIn(folder), filepath.Join(folder, "skills"), model.URL+"/v1")))
	ask := func() string {
		status, answer := g.call("ci", "t0ken", "A refund, please.")
		require.Equal(t, http.StatusOK, status, answer)
		require.Contains(t, <-system, "- refunds: When money goes back")
		return <-answers
	}
	require.Equal(t, "Ask first.", ask())
	write("---\nname: refunds\ndescription: When money goes back\n---\nPay at once.")
	require.Eventually(t, func() bool { return ask() == "Pay at once." }, patience, 100*time.Millisecond)
	reloads := g.reloadFailure.Load()
	write("no head")
	require.Eventually(t, func() bool { now := g.reloadFailure.Load(); return now != reloads && *now != nil }, patience, 50*time.Millisecond)
	require.ErrorContains(t, *g.reloadFailure.Load(), "skills.path: refunds/SKILL.md must begin with its name and description")
	require.Equal(t, "Pay at once.", ask())
}
