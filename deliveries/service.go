package deliveries

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/telemetry"
	"beckon/internal/work"
)

// Config is what a Service is made of.
type Config struct {
	Store *store.Store
	Work  *work.Instance // this process, among all that work on the store
	// SendsNothing is that other processes make all attempts, but for tests of endpoints.
	SendsNothing bool
	// Retention is how long deliveries that have ended are kept; nil is for ever.
	Retention func() time.Duration
	Log       *slog.Logger
	Metrics   *telemetry.Metrics
	Tracing   *telemetry.Tracing // nil is off
	Out       Sender             // the way out
	Mail      Mailer             // hands mails in; nil where no server is known
	Sealer    *secret.Sealer     // for the secrets of callbacks, and for the gateway's own key
	Version   string             // of the gateway, for User-Agent
	Source    string             // the gateway's public URL
	// NoLinks says that only this machine can open Source: messages for people then have no links to runs and files.
	NoLinks bool
	// Secrets returns what signs the callbacks of a client, newest first; nothing when there is no such client.
	Secrets    func(clientID string) []secret.String
	CheckURL   func(url string) error // refuses what nothing may be sent to; see egress.Guard
	EventNames func() []string        // what agents call their events, where that is not the usual
	// EventType returns the type of the events that agents call by one of the EventNames.
	EventType func(name string) string
	// RunView returns what templates know as .run, but for its artifacts: event, input, output, outputs, nodes, verdict, verdictReason, client and links, of
	// the types that package render knows. A NotFound says that there is no such run any more. It is asked only where a
	// template uses it.
	RunView func(ctx context.Context, runID string) (map[string]any, error)
	// Origin returns what the call of a client's run has told, an events.Origin in JSON; nil where that is not on record.
	Origin func(ctx context.Context, clientID, runID string) ([]byte, error)
	// ShareLink signs a link to the page of a run for recipients; empty where the run has none. nil is that no run has one.
	ShareLink func(ctx context.Context, runID string) (string, error)
	// Ended is told, in the transaction that ends it, of a delivery about a run whose client keeps no content; nil is nobody.
	Ended func(tx store.Tx, runID string) error
	// Links signs the links to artifacts in the payload of an event; nil leaves it as it is.
	Links func(payload []byte) []byte
	// ApprovalLinks signs the links to calls that wait for a person in the payload of an event; nil leaves it as it is. Only endpoints
	// get them.
	ApprovalLinks func(payload []byte) []byte
	// HideLinks takes such links out of what a receiver has answered; nil leaves it as it is.
	HideLinks func(text string) string
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Sender makes an exchange with a receiver; see egress.Webhooks.
type Sender interface {
	Send(ctx context.Context, method, url string, header http.Header, body []byte, timeout time.Duration) (egress.Answer, error)
}

// Service sends events to their receivers.
type Service struct {
	Config
	storage   storage
	keys      *catalog.Documents[signingKey]
	key       atomic.Pointer[secret.String] // the gateway's own, once it is needed
	endpoints atomic.Pointer[endpointSet]
	using     sync.Mutex // held while endpoints is made anew
	failing   sync.Map   // endpoint id to bool: no attempt has succeeded since the last that failed

	lanes   *lanes
	slots   *slots
	views   *semaphore.Weighted // the views of runs that are held at the same time
	sending context.Context     // ends when attempts have to
	abandon context.CancelFunc

	threads  threads
	held     work.Held // deliveries that are being claimed, wait in a lane, are sent or are being recorded
	arrivals arrivals  // deliveries that have just become due
}

// New returns a service that sends what is due, from the start of its Work on. It has no endpoints before Use.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{Config: c, storage: storage{c.Store}, keys: catalog.NewDocuments[signingKey](c.Store, "signing-keys", c.Sealer),
		slots: newSlots(), views: semaphore.NewWeighted(maxViews), arrivals: arrivals{bell: work.NewBell()}}
	s.sending, s.abandon = context.WithCancel(context.Background())
	s.lanes = newLanes(s, func(key string, err error) {
		s.Log.Error("due deliveries could not be claimed; it is tried again", "lane", key, "error", err)
	})
	s.endpoints.Store(&endpointSet{})
	s.lanes.closed = c.SendsNothing
	s.register(c.Work)
	return s
}

// Drain begins no attempt any more and waits for those under way; when ctx ends first, they are given up, and made
// again by whoever comes next. What was not sent goes back to all.
func (s *Service) Drain(ctx context.Context) {
	s.lanes.drain(ctx, s.abandon)
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	err := s.Store.Write(releasing, func(tx store.Tx) error {
		_, err := s.storage.releaseAll(tx, s.Work.ID())
		return err
	})
	if err != nil {
		s.Log.Warn("deliveries that were not sent could not be given back; others find them", "error", err)
	}
}

const releaseTimeout = 5 * time.Second
