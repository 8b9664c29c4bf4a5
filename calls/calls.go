// Package calls takes one call from whoever makes it to its run and back: proof, admission, prompt, idempotency and
// waiting. It knows no HTTP server: the webhook, the runs API and the pages make the same Request.
//
// Start does these steps, in this order:
//
//  1. The Sender verifies the request. Before that, nothing is taken from any limit of a client.
//  2. The call takes its Lease: one call of the client's rate, memory for its body, and a place among the calls that
//     run, or among those that may be accepted into the queue.
//  3. The Sender makes the prompt, and the client's allowed agents are checked.
//  4. The run starts in this process, or is written into the queue. For an Idempotency-Key that was used before, the
//     Call has the first call's run in place of a new one.
//
// A Lease has two holders. The call gives its share back when its caller has been answered (Call.Close); the run gives
// back its own when it has ended, which may be long after the caller left. A call that is refused, or whose step
// panics, gives both back at once.
package calls

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"beckon/agents"
	"beckon/calls/senders"
	"beckon/calls/senders/all"
	"beckon/calls/senders/sns"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/memory"
	"beckon/internal/telemetry"
	"beckon/runs"
)

// Catalog is the configuration in force at one moment.
type Catalog struct {
	Clients  *clients.Set
	Commands commands.Set
	Agents   *agents.Set
}

// Config is what a Service is made of.
type Config struct {
	Catalog      func() Catalog // asked once for each call
	Runs         *runs.Service
	Deliveries   *deliveries.Service
	Memory       *memory.Budget // of the bodies and answers of calls; nil bounds nothing
	Metrics      *telemetry.Metrics
	MaxBodyBytes int64        // for clients without a limit of their own
	Senders      senders.Set  // those that calls can prove themselves as; nil is all, without a way out to keys and certificates
	PublicURL    string       // under which callers reach the gateway
	Log          *slog.Logger // nil for none
	// Fetch gets what a URL has, by GET and without following redirects; nil for no way out.
	Fetch        func(ctx context.Context, url string) ([]byte, error)
	ProxyTimeout time.Duration // after which a proxy in front cuts a connection in which nothing happens; 0: none does
}

// Service starts calls. Any number of calls may use it at the same time.
type Service struct {
	Config
	unproved         unproved
	largePromptSlots chan struct{} // holds one value for each large prompt that is being made
}

// New returns a Service.
func New(c Config) *Service {
	if c.Senders == nil {
		c.Senders = all.Senders(noKeys, &sns.Certificates{Fetch: noFetch})
	}
	return &Service{Config: c, largePromptSlots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

var errNoWayOut = errors.New("there is no way out")

func noKeys(string) oidc.KeySet { return noKeySet{} }

func noFetch(context.Context, string) ([]byte, error) { return nil, errNoWayOut }

// noKeySet has no keys.
type noKeySet struct{}

// VerifySignature implements oidc.KeySet.
func (noKeySet) VerifySignature(context.Context, string) ([]byte, error) { return nil, errNoWayOut }
