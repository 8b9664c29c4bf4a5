package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/runs"
)

const seenFile = `
database: {url: %[1]q}
admin: {password: "a password", token: adm1n}
providers:
  - {id: openai, type: openai, url: "%[2]s/v1", apiKey: k, maxRetries: 0}
  - {id: anthropic, type: anthropic, url: "%[2]s/v1", apiKey: k, maxRetries: 0}
  - {id: responses, type: responses, url: "%[2]s/v1", apiKey: k, maxRetries: 0}
  - {id: crm, type: template, template: "The customer is ada.planted@example.com and pays with 4111 1111 1111 1111."}
agents:
  - {id: lookup, provider: crm}
  - {id: openai, provider: openai, model: m, systemPrompt: %[3]q}
  - {id: anthropic, provider: anthropic, model: m, systemPrompt: %[3]q}
  - {id: responses, provider: responses, model: m, systemPrompt: %[3]q}
  - {id: image, kind: image, provider: openai, model: m, request: '{"prompt": {{ json .outputs.crm }}, "by": {{ json .metadata.by }}, "n": {{ json .prompt }}}'}
  - {id: speech, kind: speech, provider: openai, model: m}
flows: [%[4]s]
clients:
  - {id: blind, token: bl1nd, passthrough: true, allowedAgents: [%[5]s], redact: {kinds: [email, card], model: true}}
  - {id: untrusted, token: untrust3d, passthrough: true, trusted: false, allowedAgents: [%[5]s], redact: {kinds: [email, card], model: true}}
  - {id: seeing, token: se3ing, passthrough: true, allowedAgents: [%[5]s], redact: [email, card]}
`

// With `model: true` a model sees nothing of what the client has blacked out: not in the prompt, not in what system prompts and
// requests print, and not in what earlier steps have answered, whatever its API looks like.
func TestWhatModelsSee(t *testing.T) {
	asked := &received{}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked.add(r.URL.Path + " " + string(body))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"error":{"message":"that is all"}}`)
	}))
	t.Cleanup(upstream.Close)
	paths := map[string]string{"openai": "/chat/completions", "anthropic": "/messages", "responses": "/responses", "image": "/images/generations", "speech": "/audio/speech"}
	var flows, ids []string
	for agent := range paths {
		flows = append(flows, fmt.Sprintf("{id: f-%[1]s, root: {type: sequential, steps: [{type: agent, agentId: lookup, outputKey: crm}, {type: agent, agentId: %[1]s}]}}", agent))
		ids = append(ids, "f-"+agent)
	}
	const system = "Help {{ .metadata.by }} of {{ .sessionId }}. Known: {{ .outputs.crm }} Asked: {{ .prompt }}. Write to team@owner.example."
	s := callers{start(t, load(t, fmt.Sprintf(seenFile, sqliteIn(t.TempDir()), upstream.URL, system, strings.Join(flows, ", "), strings.Join(ids, ", "))))}
	body, err := json.Marshal(map[string]any{"prompt": planted + ` in {\"mail\":\"ada.planted\u0040example.com\"}`, "metadata": map[string]any{"by": plantedMail}, "sessionId": plantedMail})
	require.NoError(t, err)
	for client, token := range map[string]string{"blind": "bl1nd", "untrusted": "untrust3d", "seeing": "se3ing"} {
		for agent, path := range paths {
			before := len(asked.with(path))
			_, text := s.post(client+"?agent=f-"+agent, string(body), "Authorization: Bearer "+token, asJSON)
			all := asked.with(path)
			require.Greater(t, len(all), before, "%s: %s", agent, text)
			for _, seen := range all[before:] {
				if client == "seeing" {
					require.Contains(t, seen, plantedMail, agent)
					continue
				}
				requireNothingPlanted(t, seen)
				require.NotContains(t, seen, `ada.planted`, agent)
				require.Contains(t, seen, "[email]", agent)
				if agent != "image" && agent != "speech" {
					require.Contains(t, seen, "team@owner.example", "what the owner wrote stays")
				}
			}
		}
	}
}

// Calls that are gathered into one run are blacked out as those that are alone: what is kept of them, what the model sees of them
// where the client wants that, and nothing else.
func TestCoalescedCallsOfAClientThatRedacts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		c := newRedacting(t, database)
		alert := func(client, name string) (id string) {
			t.Helper()
			r, text := c.ask(client, `{"version":"4","groupKey":"g","status":"firing","alerts":[{"status":"firing","fingerprint":"`+name+`","startsAt":"2026-01-01T00:00:00Z",`+
				`"labels":{"alertname":"`+name+`"},"annotations":{"summary":"`+name+`: `+planted+`"}}]}`)
			require.Less(t, r.StatusCode, 300, text)
			var answer struct{ RunID string }
			require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
			return answer.RunID
		}
		for _, client := range []string{"storm", "storm-blind"} {
			c.awaitEnd(alert(client, "first"))
			gathered := alert(client, "second")
			require.Equal(t, gathered, alert(client, "third"), "both are answered by one run")
			require.NoError(t, c.store.Write(t.Context(), func(tx store.Tx) error { // there is a place again
				return tx.Exec("UPDATE runs SET not_before = NULL WHERE id = ?", gathered)
			}))
			run := c.awaitEnd(gathered)
			require.Equal(t, runs.Completed, run.Status)
			require.Len(t, run.Inputs, 2)
			require.Contains(t, run.Input, "third: Ada pays with [card] from [email]")
			seen := c.asked.with("second", "third")
			require.Len(t, seen, 1)
			if client == "storm" {
				require.Contains(t, seen[0], "third: "+planted)
			} else {
				requireNothingPlanted(t, seen[0])
			}
			c.asked.mu.Lock()
			c.asked.list = nil
			c.asked.mu.Unlock()
		}
		requireNothingPlanted(t, c.log.String())
		requireNothingPlanted(t, c.dump())
	})
}
