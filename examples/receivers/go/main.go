// Command go receives the events of a Beckon gateway: it verifies each, takes it once, and prints a line for it.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	maxBody    = 1 << 20 // bytes; an event holds an agent's answer, so allow for a long one
	remembered = 10_000  // events
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

func run() error {
	secret := os.Getenv("WEBHOOK_SECRET")
	verifier, err := standardwebhooks.NewWebhook(secret)
	// The library takes an empty secret, too, with which anybody could sign.
	if err != nil || !strings.HasPrefix(secret, "whsec_") || len(secret) < len("whsec_")+32 {
		return errors.New("WEBHOOK_SECRET must be the endpoint's secret, which begins with whsec_")
	}
	listener, err := net.Listen("tcp", "localhost:"+cmp.Or(os.Getenv("PORT"), "8790"))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r := &receiver{verifier: verifier, seen: map[string]bool{}}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("Listening on http://localhost:%d/\n", listener.Addr().(*net.TCPAddr).Port)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	leaving, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(leaving)
}

// receiver answers 204 to an event that it has taken.
type receiver struct {
	verifier *standardwebhooks.Webhook

	// What was taken already. One that must survive a restart belongs into the database, in the same transaction as
	// what the event changes there.
	mu    sync.Mutex
	seen  map[string]bool
	order []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	// The signature is over the bytes as they came: parsed and written anew, they would be others.
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err := r.verifier.Verify(body, request.Header); err != nil {
		fmt.Println("refused:", err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var event struct {
		Type  string `json:"type"`
		RunID string `json:"runId"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		fmt.Println("refused:", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.take(request.Header.Get(standardwebhooks.HeaderWebhookID), event.Type, event.RunID)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) take(id, kind, runID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[id] {
		fmt.Printf("seen before %q\n", id)
		return
	}
	fmt.Printf("received %q %q %q\n", kind, runID, id)
	// Here is the place for the work. Only what has been done is remembered: if it fails, answer 500, and the gateway
	// sends the event again. Long work belongs into a queue, as the gateway waits 30 seconds.
	r.seen[id] = true
	if r.order = append(r.order, id); len(r.order) > remembered {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
}
