package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// startHeldModel starts a model that says "You said: " and, once it may go on, what it was told.
func startHeldModel(ts *testscript.TestScript, neg bool, _ []string) {
	path := ts.MkAbs("go")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Messages []struct{ Content string }
			Stream   bool
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		said := []string{"You said: ", request.Messages[len(request.Messages)-1].Content}
		if !request.Stream {
			awaitFile(r, path)
			_ = json.NewEncoder(w).Encode(choice("message", said[0]+said[1], "stop"))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		say := func(text string, reason any) {
			chunk, _ := json.Marshal(choice("delta", text, reason))
			fmt.Fprintf(w, "data: %s\n\n", chunk)
			_ = http.NewResponseController(w).Flush()
		}
		say(said[0], nil)
		awaitFile(r, path)
		say(said[1], nil)
		say("", "stop")
		fmt.Fprint(w, "data: [DONE]\n\n")
	}))
	ts.Defer(func() {
		server.CloseClientConnections()
		server.Close()
	})
	ts.Setenv("MODEL_URL", server.URL)
}

func choice(kind, text string, reason any) map[string]any {
	return map[string]any{"choices": []any{map[string]any{"index": 0, "finish_reason": reason,
		kind: map[string]string{"role": "assistant", "content": text}}}}
}

// awaitFile returns when there is the file, or nobody listens any more.
func awaitFile(r *http.Request, path string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
