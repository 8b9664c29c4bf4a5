// Package stub is a model server that answers every chat completion with the same words, at once or after a while.
package stub

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Text is what the model says.
const Text = "Everything is in order."

const completion = `{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"` + Text + `"},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}}`

// Slowly is the word in a prompt about which the model thinks for long.
const Slowly = "slowly"

// Handler answers POST /v1/chat/completions after delay, a prompt with the word Slowly after slow, and GET /ready at once.
func Handler(delay, slow time.Duration) http.Handler {
	body, length := []byte(completion), strconv.Itoa(len(completion))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller is gone
		}
		wait := delay
		if slow > 0 && bytes.Contains(asked, []byte(Slowly)) {
			wait = slow
		}
		if wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body)
	})
	return mux
}
