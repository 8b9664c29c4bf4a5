// Package calls handles a call that asks for a run: it authenticates the caller, applies the limits of the client,
// makes the prompt, starts the run and waits for its result. It does not depend on an HTTP server: the webhook, the
// runs API and the pages all make a Request.
//
// Start does these steps, in this order:
//
//  1. The Channel verifies the request. Until then, the call counts against no limit of a client.
//  2. The call takes its Lease: one call of the client's rate limit, memory for its body, and a slot for a run, or
//     for a run that is being queued.
//  3. The Channel makes the prompt, and the client's allowed agents are checked.
//  4. The run starts in this process, or is put into the queue. If the Idempotency-Key was used before, no run is
//     started, and the Call has the run of the first call.
//
// A Lease has two parts. That of the call is released when the response is written (Call.Close), that of the run when
// the run ends, which may be long after the caller has disconnected. If no run starts in this process, Start releases
// the part of the run; if one of its steps panics, it releases both.
//
// A Channel is a way by which calls arrive, such as Webhook or API. A Sender of package senders is a vendor that calls
// webhooks, such as GitHub or Stripe: how it signs, and what its events say. Clients name senders in their source and
// auth, and the channel Webhook authenticates and reads calls by them.
package calls

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"beckon/agents"
	"beckon/calls/coalesce"
	"beckon/calls/forms"
	"beckon/calls/kept"
	"beckon/calls/senders"
	"beckon/calls/senders/all"
	"beckon/calls/senders/sns"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/memory"
	"beckon/internal/telemetry"
	"beckon/runs"
	"beckon/sessions"
)

// Catalog is a snapshot of the configuration that calls need.
type Catalog struct {
	Clients  *clients.Set
	Commands commands.Set
	Agents   *agents.Set
}

// Config has the dependencies and settings of a Service.
type Config struct {
	Catalog      func() Catalog // returns the configuration in force; called once for each call
	Runs         *runs.Service
	Deliveries   *deliveries.Service
	Memory       *memory.Budget    // for the bodies and answers of calls; nil is no limit
	Coalesce     *coalesce.Service // nil: each call starts a run of its own
	Sessions     *sessions.Service // of clients with agents that remember; nil for none
	Kept         *kept.Service     // the latest requests of clients that keep them; nil keeps none
	Metrics      *telemetry.Metrics
	MaxBodyBytes int64 // for clients without a limit of their own
	// the vendors that calls may come from; nil is all, without access to keys and certificates
	Senders   senders.Set
	PublicURL string       // the URL at which callers reach the gateway
	Log       *slog.Logger // nil for none
	// Fetch gets a URL without following redirects; nil if nothing may be fetched.
	Fetch      func(ctx context.Context, url string) ([]byte, error)
	Challenges *forms.Challenges // of forms; nil refuses forms that have one
	// Budget returns an error if a budget for the runs of a client and an agent is used up. agentID is "" for a flow.
	// nil is no budget.
	Budget       func(ctx context.Context, clientID, agentID string) error
	ProxyTimeout time.Duration // the idle timeout of a proxy in front of the gateway; 0 without one
}

// Service starts calls. It is safe for concurrent use.
type Service struct {
	Config
	unproved         unproved
	arrivals         arrivals
	public           *url.URL      // PublicURL, parsed; nil if it is not a URL
	largePromptSlots chan struct{} // a semaphore: one value for each large prompt that is being made
}

// New returns a Service.
func New(c Config) *Service {
	if c.Senders == nil {
		c.Senders = all.Senders(noKeys, &sns.Certificates{Fetch: noFetch})
	}
	s := &Service{Config: c, largePromptSlots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if public, err := url.Parse(strings.TrimSuffix(c.PublicURL, "/")); err == nil && public.Host != "" {
		s.public = public
	}
	return s
}

var errOffline = errors.New("this gateway makes no requests to senders")

func noKeys(string) oidc.KeySet { return noKeySet{} }

func noFetch(context.Context, string) ([]byte, error) { return nil, errOffline }

// noKeySet has no keys.
type noKeySet struct{}

// VerifySignature implements oidc.KeySet.
func (noKeySet) VerifySignature(context.Context, string) ([]byte, error) { return nil, errOffline }
