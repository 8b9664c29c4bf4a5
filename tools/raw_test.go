package tools_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"beckon/internal/secret"
	"beckon/internal/units"
	"beckon/tools"
)

// A raw server speaks MCP by hand, so that it can do what no library would. It is an HTTP server, or this test's own program.
type raw struct {
	mu       sync.Mutex
	changed  bool
	released chan struct{}
	done     chan struct{} // closed when the test ends
	waiting  chan struct{} // gets one for each call of wait
	exit     func()
}

func newRaw(exit func()) *raw {
	return &raw{released: make(chan struct{}), done: make(chan struct{}), waiting: make(chan struct{}, 100), exit: exit}
}

type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name string `json:"name"`
	} `json:"params"`
	Error *struct{ Message string } `json:"error"`
}

const rawInitialized = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"raw","version":"1"}}`

// answer writes the messages that answer a request, each by emit. It may write none.
func (x *raw) answer(r request, emit func(write func(io.Writer))) {
	line := func(format string, args ...any) { emit(func(w io.Writer) { fmt.Fprintf(w, format, args...) }) }
	result := func(text string) { line(`{"jsonrpc":"2.0","id":%s,"result":%s}`, r.ID, text) }
	said := func(text string) { result(fmt.Sprintf(`{"content":[{"type":"text","text":%q}]}`, text)) }
	switch r.Method {
	case "initialize":
		result(rawInitialized)
	case "ping":
		result(`{}`)
	case "tools/list":
		var list []string
		for _, name := range x.tools() {
			list = append(list, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
		}
		result(`{"tools":[` + strings.Join(list, ",") + `]}`)
	case "tools/call":
		switch r.Params.Name {
		case "ok", "new":
			said("fine")
		case "long":
			emit(func(w io.Writer) {
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"`, r.ID)
				block := strings.Repeat("x", 1<<20)
				for range 100 {
					if _, err := io.WriteString(w, block); err != nil {
						return
					}
				}
				fmt.Fprint(w, `"}]}}`)
			})
		case "garbage":
			line(`{"jsonrpc":"1.0","id":%s,"result":{}}`, r.ID)
		case "weird":
			result(`{"content":[{"type":"smell","data":"x"}]}`)
		case "other":
			line(`{"jsonrpc":"2.0","id":987654,"result":{"content":[]}}`)
		case "hang":
		case "die":
			x.exit()
		case "error":
			line(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"the disk is full"}}`, r.ID)
		case "ask":
			line(`{"jsonrpc":"2.0","id":"q1","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}`)
			line(`{"jsonrpc":"2.0","id":"q2","method":"elicitation/create","params":{"message":"who are you?","requestedSchema":{"type":"object","properties":{}}}}`)
			line(`{"jsonrpc":"2.0","id":"q3","method":"roots/list"}`)
			said("asked")
		case "change":
			x.mu.Lock()
			x.changed = true
			x.mu.Unlock()
			line(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
			said("changed")
		case "wait":
			x.waiting <- struct{}{}
			select {
			case <-x.released:
			case <-x.done:
			}
			said("waited")
		default:
			line(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"no such tool"}}`, r.ID)
		}
	default:
		if r.ID != nil {
			line(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"method not found"}}`, r.ID)
		}
	}
}

func (x *raw) tools() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := []string{"ok", "long", "garbage", "weird", "other", "hang", "die", "error", "ask", "change", "wait"}
	if x.changed {
		list = append(list, "new")
	}
	return list
}

const programVariable = "RAW_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		runRaw()
		return
	}
	goleak.VerifyTestMain(m)
}

// runRaw is the raw server as a program: this test's own.
func runRaw() {
	fmt.Fprintln(os.Stderr, "raw server with the token", os.Getenv("TOKEN"))
	fmt.Println("Welcome! This is no JSON.")
	x := newRaw(func() { os.Exit(3) })
	var mu sync.Mutex
	emit := func(write func(io.Writer)) {
		mu.Lock()
		defer mu.Unlock()
		write(os.Stdout)
		fmt.Println()
	}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		switch json.Unmarshal(line, &r); r.Params.Name {
		case "wait":
			go x.answer(r, emit)
		case "release":
			close(x.released)
		default:
			if r.Method == "notifications/release" {
				close(x.released)
				continue
			}
			x.answer(r, emit)
		}
	}
}

// rawServer is a raw server of one transport.
type rawServer struct {
	*raw
	tools.Server
}

// rawServers are the transports, by name.
var rawServers = map[string]func(*testing.T) rawServer{
	"json":  func(t *testing.T) rawServer { return rawHTTP(t, false) },
	"sse":   func(t *testing.T) rawServer { return rawHTTP(t, true) },
	"stdio": rawProgram,
}

func rawProgram(t *testing.T) rawServer {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return rawServer{nil, tools.Server{ID: "raw", Command: []string{program, "-test.run=^$"}, Timeout: units.Duration(time.Minute),
		Env: map[string]secret.String{programVariable: "1", "TOKEN": "hunter2hunter2"}}}
}

func rawHTTP(t *testing.T, asEvents bool) rawServer {
	t.Helper()
	x := newRaw(nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked request
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Mcp-Session-Id", "s1")
		switch {
		case asked.ID == nil || asked.Method == "":
			w.WriteHeader(http.StatusAccepted)
			return
		case asked.Params.Name == "die":
			panic(http.ErrAbortHandler)
		case asked.Params.Name == "hang":
			select {
			case <-r.Context().Done():
			case <-x.done:
			}
			return
		}
		var messages []func(io.Writer)
		x.answer(asked, func(write func(io.Writer)) { messages = append(messages, write) })
		if asEvents {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, write := range messages {
				fmt.Fprint(w, ": a comment\ndata: ")
				write(w)
				fmt.Fprint(w, "\n\n")
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		messages[len(messages)-1](w)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(x.done) })
	return rawServer{x, tools.Server{ID: "raw", URL: server.URL, Timeout: units.Duration(time.Minute), Headers: map[string]secret.String{"Authorization": "Bearer hunter2hunter2"}}}
}
