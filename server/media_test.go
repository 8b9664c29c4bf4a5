package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/secret"
	"beckon/internal/units"
)

const wav = "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x44\xac\x00\x00\x88\x58\x01\x00\x02\x00\x10\x00data\x00\x00\x00\x00"

// studio is a provider of images and sound, and a job API that makes films.
type studio struct {
	*httptest.Server
	submitted, polled, fetchedWithKey atomic.Int64
}

func newStudio(t *testing.T) *studio {
	s := &studio{}
	encoded := base64.StdEncoding.EncodeToString([]byte(png + "encoded"))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/images/generations", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"data":[{"b64_json":%q},{"url":"%s/files/linked.png"}],"usage":{"input_tokens":3,"output_tokens":4}}`, encoded, s.URL)
	})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"Here it is.",
			"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}]}}]}`, encoded)
	})
	mux.HandleFunc("POST /v1/audio/speech", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, wav) })
	mux.HandleFunc("POST /v1/audio/transcriptions", func(w http.ResponseWriter, r *http.Request) {
		file, head, err := r.FormFile("file")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		heard, _ := io.ReadAll(file)
		_ = json.NewEncoder(w).Encode(map[string]string{"text": fmt.Sprintf("%s is %t", head.Filename, string(heard) == wav)})
	})
	mux.HandleFunc("POST /jobs", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"id":%d}`, s.submitted.Add(1))
	})
	mux.HandleFunc("GET /jobs/1", func(w http.ResponseWriter, _ *http.Request) {
		if s.polled.Add(1) == 1 {
			_, _ = io.WriteString(w, `{"status":"running","progress":50}`)
			return
		}
		_, _ = io.WriteString(w, `{"status":"completed","title":"Sunrise","files":[{"url":"/files/film.png"}]}`)
	})
	mux.HandleFunc("GET /files/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			s.fetchedWithKey.Add(1)
		}
		_, _ = io.WriteString(w, png+r.URL.Path)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// newMediaGateway has an agent of each kind, and an endpoint of format payload.
func newMediaGateway(t *testing.T, s *studio, endpoint string) *gateway {
	kind := func(id, kind string) agents.Agent {
		return agents.Agent{ID: id, Kind: kind, Provider: "studio", Model: "m"}
	}
	return newGateway(t, setting{
		providers: []agents.Provider{{ID: "studio", Type: "openai", URL: s.URL + "/v1", APIKey: "key"}},
		agents: []agents.Agent{kind("poster", agents.KindImage), kind("voice", agents.KindSpeech), kind("ear", agents.KindTranscription), kind("artist", ""),
			{ID: "film", Kind: agents.KindHTTP,
				Request: &agents.Request{URL: s.URL + "/jobs", Headers: map[string]secret.String{"Authorization": "Bearer k"}, Body: `{"prompt": {{ json .prompt }}}`},
				Poll: &agents.Poll{URL: s.URL + "/jobs/{{ .answer.id }}", Until: `answer.status == "completed"`, Progress: "answer.progress",
					Every: units.Duration(100 * time.Millisecond)},
				Output: &agents.Output{Text: "answer.title"}, Artifacts: "answer.files.map(f, f.url)"}},
		flows: []agents.Flow{{ID: "dictation", Root: agents.Step{Type: agents.StepSequential,
			Steps: []agents.Step{{Type: agents.StepAgent, AgentID: "voice"}, {Type: agents.StepAgent, AgentID: "ear"}}}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"poster", "voice", "ear", "artist", "film", "dictation"}}},
		endpoints: []deliveries.Endpoint{{ID: "documents", URL: endpoint, Format: "payload", Events: []string{"run.completed"},
			Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLwSw"}},
	})
}

// What agents of all kinds make is in the answer, the event and the downloads of format payload, with links that open.
func TestMediaThroughTheGateway(t *testing.T) {
	made := map[string]string{"encoded": png + "encoded", "linked": png + "/files/linked.png", "film": png + "/files/film.png", "wav": wav}
	for _, tt := range []struct {
		agent, output string
		files         []string
	}{
		{"poster", "", []string{"encoded", "linked"}},
		{"film", "Sunrise", []string{"film"}},
		{"artist", "Here it is.", []string{"encoded"}},
		{"voice", "", []string{"wav"}},
		{"dictation", "is true", []string{"wav"}},
	} {
		t.Run(tt.agent, func(t *testing.T) {
			called, events := newListener(t)
			endpoint, payloads := newListener(t)
			s := newStudio(t)
			g := newMediaGateway(t, s, endpoint)
			a := g.do(g.request("/api/v1/nodes/"+tt.agent+"/run", `{"prompt":"a sunrise","webhook":{"url":"`+called+`","events":["run.completed"]}}`,
				"Content-Type: application/json", "Prefer: wait=10"))
			require.Equal(t, 200, a.StatusCode, a.body)
			document := a.json(t)
			response, _ := document["response"].(string)
			require.Contains(t, response, tt.output)
			require.Equal(t, tt.output == "", response == "")

			requireFiles(t, g, document["artifacts"], made, tt.files)
			data := next(t, events).payload["data"].(map[string]any)
			requireFiles(t, g, data["artifacts"], made, tt.files)
			payload := next(t, payloads).payload
			require.Equal(t, "run.completed", payload["type"])
			requireFiles(t, g, payload["payload"].(map[string]any)["downloads"], made, tt.files)
			require.Len(t, g.run(a).Artifacts, len(tt.files))
			if tt.agent == "film" {
				require.EqualValues(t, 1, s.submitted.Load())
				require.EqualValues(t, 2, s.polled.Load())
				require.EqualValues(t, 1, s.fetchedWithKey.Load(), "the host of the request gets its headers")
			} else {
				require.Zero(t, s.fetchedWithKey.Load(), "the provider's key goes to the provider only")
			}
		})
	}
}

// requireFiles opens the links of a list.
func requireFiles(t *testing.T, g *gateway, list any, made map[string]string, names []string) {
	t.Helper()
	links, _ := list.([]any)
	require.Len(t, links, len(names))
	for i, link := range links {
		url := link.(map[string]any)["url"].(string)
		require.True(t, strings.HasPrefix(url, publicURL+"/a/art_"), url)
		file := g.open(url)
		require.Equal(t, 200, file.StatusCode, file.body)
		require.Equal(t, made[names[i]], file.body)
	}
}
