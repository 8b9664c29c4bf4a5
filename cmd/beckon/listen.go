package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// The bounds of what a listener takes.
const (
	maxHeardBytes   = 1 << 20          // of a body
	maxHeardHeaders = 64 << 10         // of a request's header
	hearTimeout     = 30 * time.Second // for a request to come in
	leaveTimeout    = 5 * time.Second  // for those under way when the listener ends
	rememberedIDs   = 10_000           // to tell what came before
)

type listenCommand struct {
	Address string        `help:"Where to listen." default:"localhost:8788"`
	Forward string        `help:"Forward verified events to this URL, and return its response." placeholder:"URL"`
	Secret  secret.String `help:"The signing secret, or the public key whpk_…. The default is derived from BECKON_TOKEN; without that, a new secret is created and printed." env:"BECKON_WEBHOOK_SECRET" placeholder:"whsec_…"`
	Vendor  string        `help:"The name in the headers of hmac-sha256-hex." default:"Beckon"`
	Verbose bool          `help:"Print the payloads even if the output is not a terminal."`
	JSON    bool          `help:"Print a line of JSON for every event."`
}

// Run listens until it is interrupted.
func (k listenCommand) Run(std streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	l, explanation, err := k.listener(std)
	if err != nil {
		return err
	}
	socket, err := net.Listen("tcp", k.Address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("another process listens on %s already: end it, or choose another address with --address",
			k.Address)
	case err != nil:
		return &exitError{exitUsage, fmt.Errorf("cannot listen on %s: %w", harmless(k.Address), err)}
	}
	fmt.Fprint(std.err, explanation(publicListenURL(k.Address, socket.Addr())))
	return l.serve(ctx, stop, socket)
}

// listener makes the receiver, and what explains to the user how events come to its URL.
func (k listenCommand) listener(std streams) (l *listener, explanation func(url string) string, err error) {
	l = &listener{
		secret: k.Secret,
		vendor: k.Vendor,
		tell:   textOfHeard(std.out, k.Verbose || isTerminal(std.out)),
		notice: std.notice,
		seen:   newRecent(rememberedIDs),
	}
	if k.JSON {
		l.tell = jsonOfHeard(std.out)
	}
	if k.Forward != "" {
		if l.forward, err = newForwarder(k.Forward); err != nil {
			return nil, nil, err
		}
	}
	explanation = explainGiven
	switch token := os.Getenv("BECKON_TOKEN"); {
	case k.Secret != "":
		if err := signature.CheckVerifier(k.Secret); err != nil {
			return nil, nil, &exitError{exitUsage, fmt.Errorf("--secret %s", problem.Of(err).Detail)}
		}
	case token != "":
		l.secret, explanation = clients.CallbackSecret(clients.HashOf(token)), explainCallbacks
	default:
		l.secret = signature.NewSecret(signature.Standard)
		explanation = func(url string) string { return explainEndpoint(url, l.secret) }
	}
	// Only the name of the vendor can be wrong in a request that has nothing.
	_, err = signature.Verify(http.Header{}, nil, l.secret, k.Vendor, time.Now())
	if problem.Is(err, problem.Invalid) {
		return nil, nil, &exitError{exitUsage, fmt.Errorf("--vendor: %s", problem.Of(err).Detail)}
	}
	return l, explanation, nil
}

// publicListenURL is the URL by which a gateway on this machine finds the listener.
func publicListenURL(wanted string, got net.Addr) string {
	host, _, _ := net.SplitHostPort(wanted)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(got.String())
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}).String()
}

const explainPrivate = `A gateway on this machine goes to public addresses only, unless its configuration says otherwise:

egress:
  allowPrivate: ["127.0.0.0/8", "::1/128"]

`

func explainGiven(url string) string {
	return fmt.Sprintf("Listening on %s for events that are signed with the secret.\n%s", url, explainPrivate)
}

func explainCallbacks(url string) string {
	return fmt.Sprintf("Listening on %s for the callbacks of the client whose token is in BECKON_TOKEN, "+
		"unless it has a webhookSecret of its own.\n"+
		"Call it with \"webhook\": {\"url\": %q} beside the prompt.\n%s", url, url, explainPrivate)
}

func explainEndpoint(url string, s secret.String) string {
	return fmt.Sprintf("Listening on %s for the events of an endpoint like this one:\n\nendpoints:\n  - {id: listen, "+
		"url: %q, secret: %q}\n\n%s", url, url, s.Reveal(), explainPrivate)
}

// listener is an HTTP receiver that verifies what comes in and tells of it.
type listener struct {
	secret  secret.String
	vendor  string
	forward *forwarder        // nil keeps everything here
	tell    func(heard) error // prints one; never called twice at the same time
	notice  func(string)

	mu     sync.Mutex
	seen   *recent
	broken chan error // the first error of tell
}

// serve answers until ctx ends or nothing can be printed any more.
func (l *listener) serve(ctx context.Context, stop func(), socket net.Listener) error {
	l.broken = make(chan error, 1)
	server := &http.Server{
		Handler:           l,
		ReadHeaderTimeout: hearTimeout,
		ReadTimeout:       hearTimeout,
		WriteTimeout:      hearTimeout + forwardTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeardHeaders,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	var err error
	select {
	case err = <-served:
		return fmt.Errorf("listen: %w", err)
	case err = <-l.broken:
		err = fmt.Errorf("print an event: %w", err)
	case <-ctx.Done():
	}
	stop() // a second signal ends the process at once
	leaving, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if server.Shutdown(leaving) != nil {
		_ = server.Close()
	}
	<-served //nolint:errcheck // it is that the server was shut down
	return err
}

// ServeHTTP answers 204 to what verifies, or what the URL behind it answers, and 401 to what does not.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Events come by POST.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHeardBytes))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		l.notice(fmt.Sprintf("an event with more than %d bytes was refused", maxHeardBytes))
		http.Error(w, "The body is too large.", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "The body did not come whole.", http.StatusBadRequest)
		return
	}
	h := heard{
		at:     time.Now(),
		header: r.Header,
		prefix: "X-" + cmp.Or(l.vendor, signature.DefaultVendor) + "-",
		body:   body,
	}
	message, err := signature.Verify(r.Header, body, l.secret, l.vendor, h.at)
	if err != nil {
		h.err = problem.Of(err)
	}
	answer := forwarded{status: http.StatusNoContent}
	switch {
	case h.err != nil:
		answer = forwarded{status: http.StatusUnauthorized, body: []byte(h.err.Detail + "\n")}
	case l.forward != nil:
		answer = l.forward.send(r, body)
		h.forwarded = &answer
	}
	if !l.record(h, message.ID) {
		answer = forwarded{status: http.StatusInternalServerError}
	}
	answer.write(w)
}

// record prints an event. It reports whether that worked.
func (l *listener) record(h heard, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	// What does not verify may bear any id, also that of an event which is still to come.
	h.again = h.err == nil && l.seen.add(id)
	if err := l.tell(h); err != nil {
		select {
		case l.broken <- err:
		default:
		}
		return false
	}
	return true
}
