// Package quirks plays what servers really answer that speak OpenAI's chat completions, or an API of their own.
// Each file of the corpus (agents/chat/testdata/quirks) is one quirk, in our own words: what it is, what the server
// answers, and what should come of it, whichever way the caller waits.
//
// A file has a comment and these sections:
//
//	-- config --       what is set: {"provider": …, "agent": …, "tools": ["note"]}
//	-- answer --       a status and a Content-Type, header lines, an empty line, and the body; "answer 2" is the second, and
//	                   the last one is given again and again; "answer 2 stream" is for a request that asks for a stream
//	-- sent 2 --       lines that the second request has, or, behind a "!", has not
//	-- want --         what comes of it: {"output": …, "code": …, "usage": …, "used": …, "requests": …}
//
// Header lines that begin with x- are for the player: "x-break: yes" breaks the connection behind the body,
// "x-quoted: yes" says that the body is a string of Go.
package quirks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"beckon/agents"
)

// Quirk is one file of the corpus.
type Quirk struct {
	Name    string
	Config  Config
	Want    Want
	answers map[string]answer // "2" and "2 stream"
	last    int
	sent    map[int][]string
}

// Config is what is set for a quirk.
type Config struct {
	Provider agents.Provider
	Agent    agents.Agent
	Tools    []string
}

// Want is what should come of a quirk.
type Want struct {
	Output         string
	Code           string // of the failure; "" for none
	Usage          agents.Usage
	Used           []string // tools with their arguments, in order
	Requests       int      // 0 does not matter
	StreamRequests int      // where it is not the same when somebody reads along
	Notes          []string // what was learnt
}

type answer struct {
	status        int
	header        http.Header
	body          string
	breaks, hangs bool
}

// Each plays a test with every quirk.
func Each(t *testing.T, play func(t *testing.T, q *Quirk)) {
	_, here, _, _ := runtime.Caller(0)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(here), "..", "testdata", "quirks", "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			q, err := parse(name, text)
			require.NoError(t, err)
			play(t, q)
		})
	}
}

func parse(name string, text []byte) (*Quirk, error) {
	q := &Quirk{Name: name, answers: map[string]answer{}, sent: map[int][]string{}}
	q.Config.Agent = agents.Agent{ID: "triage", Model: "m"}
	q.Config.Provider = agents.Provider{ID: "acme", Type: "openai"}
	for _, section := range txtar.Parse(text).Files {
		words := strings.Fields(section.Name)
		number := 1
		if len(words) > 1 {
			if n, err := strconv.Atoi(words[1]); err == nil {
				number = n
			}
		}
		var err error
		switch words[0] {
		case "config":
			err = json.Unmarshal(section.Data, &q.Config)
		case "want":
			err = json.Unmarshal(section.Data, &q.Want)
		case "sent":
			q.sent[number] = strings.Split(strings.TrimSpace(string(section.Data)), "\n")
		case "answer":
			key := strconv.Itoa(number)
			if words[len(words)-1] == "stream" {
				key += " stream"
			}
			q.last = max(q.last, number)
			q.answers[key], err = parseAnswer(string(section.Data))
		default:
			err = fmt.Errorf("there is no such section")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: section %q: %w", name, section.Name, err)
		}
	}
	return q, nil
}

func parseAnswer(text string) (a answer, err error) {
	head, body, _ := strings.Cut(text, "\n\n")
	a = answer{header: http.Header{}, body: body}
	for i, line := range strings.Split(head, "\n") {
		if i == 0 {
			status, contentType, _ := strings.Cut(line, " ")
			a.header.Set("Content-Type", contentType)
			if a.status, err = strconv.Atoi(status); err != nil {
				return a, err
			}
			continue
		}
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "x-break":
			a.breaks = true
		case "x-hang":
			a.hangs = true
		case "x-quoted":
			a.body, err = strconv.Unquote(strings.TrimSpace(body))
		default:
			a.header.Set(name, value)
		}
	}
	return a, err
}

// Bodies are those of the answers of status 200.
func (q *Quirk) Bodies() (list []string) {
	for _, a := range q.answers {
		if a.status == http.StatusOK {
			list = append(list, a.body)
		}
	}
	return list
}

// Server is a provider with a quirk.
type Server struct {
	*httptest.Server
	quirk *Quirk
	mu    sync.Mutex
	sent  []string
}

// Serve plays a quirk's answers.
func (q *Quirk) Serve(t *testing.T) *Server {
	s := &Server{quirk: q}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// Provider is the quirk's provider at the server's address.
func (s *Server) Provider() agents.Provider {
	p := s.quirk.Config.Provider
	p.URL = s.URL + "/v1"
	return p
}

// ServeHTTP gives the answer that is next.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var asked struct{ Stream bool }
	_ = json.Unmarshal(body, &asked)
	s.mu.Lock()
	s.sent = append(s.sent, string(body))
	key := strconv.Itoa(min(len(s.sent), s.quirk.last))
	s.mu.Unlock()
	a, ok := s.quirk.answers[key+" stream"]
	if !asked.Stream || !ok {
		a = s.quirk.answers[key]
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
	_ = http.NewResponseController(w).Flush()
	if a.hangs {
		<-r.Context().Done()
	}
	if a.breaks {
		panic(http.ErrAbortHandler)
	}
}

// Check looks at what the server was sent. streamed is when somebody read along.
func (s *Server) Check(t *testing.T, streamed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := s.quirk.Want.Requests
	if streamed && s.quirk.Want.StreamRequests > 0 {
		want = s.quirk.Want.StreamRequests
	}
	if want > 0 {
		require.Len(t, s.sent, want, "requests: %q", s.sent)
	}
	for number, lines := range s.quirk.sent {
		require.GreaterOrEqual(t, len(s.sent), number)
		for _, line := range lines {
			if text, without := strings.CutPrefix(line, "!"); without {
				require.NotContains(t, s.sent[number-1], text)
			} else {
				require.Contains(t, s.sent[number-1], line)
			}
		}
	}
}

// Tools are those of the quirk. They note in used what they are given.
func (q *Quirk) Tools(used *[]string) (list []agents.Tool) {
	for _, name := range q.Config.Tools {
		list = append(list, agents.Tool{
			Name:        name,
			Description: "A tool.",
			Parameters:  json.RawMessage(`{"type":"object"}`),
			Use: func(_ context.Context, arguments json.RawMessage) (string, error) {
				*used = append(*used, name+" "+string(arguments))
				return "told by " + name, nil
			},
		})
	}
	return list
}
