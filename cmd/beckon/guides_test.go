package main

import (
	"cmp"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// A block of a page that a reader is to save or to run has a comment in front of it that says so. What is run in several
// terminals has a name for each.
var block = regexp.MustCompile("(?s)<!-- (run|file)(?:: ([a-z.-]+))? -->\n```[a-z]*\n(.*?)\n```")

func unpackGuide(ts *testscript.TestScript, neg bool, args []string) {
	page, err := os.ReadFile(filepath.Join("..", "..", args[0]))
	ts.Check(err)
	here := strings.NewReplacer("http://localhost:8080", ts.Getenv("BECKON_URL"), "https://api.openai.com/v1", ts.Getenv("MODEL_URL"), "localhost:8788", ts.Getenv("LISTEN"),
		"https://token.actions.githubusercontent.com", ts.Getenv("ISSUER"), "https://gitlab.example.com", ts.Getenv("ISSUER"), "https://beckon.example.com", ts.Getenv("BECKON_URL"))
	found := block.FindAllStringSubmatch(string(page), -1)
	if len(found) == 0 {
		ts.Fatalf("%s shows nothing to save or to run", args[0])
	}
	for _, b := range found {
		name := b[2]
		if b[1] == "run" {
			name = cmp.Or(name, "run") + ".sh"
		}
		text := here.Replace(b[3]) + "\n"
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// openTerminal runs what a page says to run in a terminal of its own, which stays open: what is printed goes to NAME.txt.
func openTerminal(ts *testscript.TestScript, neg bool, args []string) {
	name := args[0]
	cmd := exec.Command("sh", name+".sh")
	_, port, err := net.SplitHostPort(ts.Getenv("LISTEN"))
	ts.Check(err)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(environ(ts), "LISTEN="+ts.Getenv("LISTEN"), "PORT="+port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the shell has children
	out, err := os.Create(ts.MkAbs(name + ".txt"))
	ts.Check(err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
		_ = os.WriteFile(ts.MkAbs(name+".ended"), nil, 0o600)
	}()
	ts.Defer(func() { <-ended })
	ts.Defer(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	ts.Check(os.WriteFile(ts.MkAbs(name+".pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600))
}

// interrupt is Ctrl-C in a terminal, and waits until what ran there has ended.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	pid, err := strconv.Atoi(ts.ReadFile(args[0] + ".pid"))
	ts.Check(err)
	ts.Check(syscall.Kill(-pid, syscall.SIGINT))
	ts.Check(poll(func() error {
		_, err := os.Stat(ts.MkAbs(args[0] + ".ended"))
		return err
	}))
}

func startModel(ts *testscript.TestScript, neg bool, _ []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hook" { // a receiver of events, too
			body, _ := io.ReadAll(r.Body)
			_ = os.WriteFile(ts.MkAbs("received"), body, 0o600)
			_, _ = w.Write(body)
			return
		}
		var request struct {
			Tools          []struct{ Function struct{ Name string } }
			Messages       []struct{ Role, Content string }
			ResponseFormat any `json:"response_format"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.Header.Get("Authorization") != "Bearer sk-test" {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		use := ""
		for _, tool := range request.Tools {
			if strings.Contains(tool.Function.Name, "__") {
				use = tool.Function.Name
			}
		}
		if use != "" && request.Messages[len(request.Messages)-1].Role != "tool" {
			_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"finish_reason": "tool_calls", "message": map[string]any{"role": "assistant", "content": nil,
				"tool_calls": []any{map[string]any{"id": "1", "type": "function", "function": map[string]string{"name": use, "arguments": "{}"}}}}}}})
			return
		}
		said := request.Messages[0].Role + " and " + request.Messages[len(request.Messages)-1].Content
		if request.ResponseFormat != nil { // findings: one, which is high where a password is in the text
			severity := "low"
			if strings.Contains(said, "password") {
				severity = "high"
			}
			said = `{"summary":"One thing.","verdict":"fail","findings":[{"severity":"` + severity + `","title":"Look at this","detail":"","file":"config.txt","line":1}]}`
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{
			"finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": said}}}})
	}))
	ts.Defer(server.Close)
	ts.Setenv("MODEL_URL", server.URL)
}
