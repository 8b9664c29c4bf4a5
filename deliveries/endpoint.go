// Package deliveries carries events to endpoints until they are accepted or given up.
package deliveries

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/units"
)

// Endpoint is a URL that takes events. Empty filters take everything.
type Endpoint struct {
	ID   string `json:"id" yaml:"id"`
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	URL  string `json:"url" yaml:"url"`
	// nil is true
	Enabled *bool         `json:"enabled,omitempty" yaml:"enabled,omitempty"`
	Secret  secret.String `json:"secret,omitempty" yaml:"secret,omitempty"`
	// PreviousSecret signs beside Secret as long as it is there. It is for configuration files; what the database
	// keeps has Retired.
	PreviousSecret secret.String `json:"-" yaml:"previousSecret,omitempty"`
	// newest first; an empty secret is the gateway's key
	Retired []signature.Retired `json:"retired,omitempty" yaml:"-"`
	Events  []string            `json:"events,omitempty" yaml:"events,omitempty"`
	Agents  []string            `json:"agents,omitempty" yaml:"agents,omitempty"`
	Clients []string            `json:"clients,omitempty" yaml:"clients,omitempty"`
	// the name of one of the Formats, or a template that makes JSON
	Format    string `json:"format,omitempty" yaml:"format,omitempty"`
	Signature string `json:"signature,omitempty" yaml:"signature,omitempty"`
	Vendor    string `json:"vendor,omitempty" yaml:"vendor,omitempty"`
	// What destinations need besides; each says which.
	To   string `json:"to,omitempty" yaml:"to,omitempty"`
	From string `json:"from,omitempty" yaml:"from,omitempty"`
	As   string `json:"as,omitempty" yaml:"as,omitempty"`
	// Repositories are those that may be written to: acme/app, acme/*, acme/**.
	Repositories []string                 `json:"repositories,omitempty" yaml:"repositories,omitempty"`
	Subject      string                   `json:"subject,omitempty" yaml:"subject,omitempty"`
	ReplyTo      string                   `json:"replyTo,omitempty" yaml:"replyTo,omitempty"`
	Method       string                   `json:"method,omitempty" yaml:"method,omitempty"`
	Path         string                   `json:"path,omitempty" yaml:"path,omitempty"`
	Body         string                   `json:"body,omitempty" yaml:"body,omitempty"`
	Retry        Retry                    `json:"retry,omitzero" yaml:"retry,omitempty"`
	Headers      map[string]secret.String `json:"headers,omitempty" yaml:"headers,omitempty"`
	Timeout      units.Duration           `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// attempts a second; 0 is no limit
	RateLimit int `json:"rateLimit,omitempty" yaml:"rateLimit,omitempty"`
	// Stopped says that it is disabled although it may say otherwise. See Noun's Complete.
	Stopped bool `json:"-" yaml:"-"`
}

// Key returns the id.
func (e Endpoint) Key() string { return e.ID }

// IsEnabled reports whether the endpoint is switched on.
func (e Endpoint) IsEnabled() bool { return !e.Stopped && (e.Enabled == nil || *e.Enabled) }

// TakesRunsOf reports whether the endpoint may receive events about runs of a client that may use these agents and
// flows.
func (e Endpoint) TakesRunsOf(clientID string, agents []string) bool {
	return takesAny(e.Clients, clientID) &&
		(len(e.Agents) == 0 || slices.ContainsFunc(agents, func(id string) bool {
			return slices.Contains(e.Agents, id)
		}))
}

// The events that are about the delivering itself.
const (
	EndpointDisabled  = "endpoint.disabled"
	DeliveryExhausted = "delivery.exhausted"
)

// EventNames returns the names that filters may contain, besides those that agents and flows define.
func EventNames() []string {
	return []string{
		events.RunCreated, events.RunQueued, events.RunStarted, events.RunWaiting, events.RunCompleted,
		events.RunFailed, events.RunCanceled, events.RunViewed, events.EventResolved,
		events.NodeStarted, events.NodeProgress, events.NodeCompleted, events.NodeFailed, events.NodeCanceled,
		events.ToolStarted, events.ToolCompleted,
		events.ClientSilent, events.BudgetWarning, events.BudgetExhausted, EndpointDisabled, DeliveryExhausted,
	}
}

// The bounds of an endpoint.
const (
	DefaultTimeout = 30 * time.Second // for the whole exchange; also the longest
	minTimeout     = 100 * time.Millisecond
	maxRateLimit   = 10_000
	maxEvents      = 100
)

var vendorToken = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)

// Check returns the mistakes in the endpoint, without looking at other resources.
func (e Endpoint) Check() (found problem.Fields) {
	if e.address() == "" {
		found.Add("url", "is required")
	} else if err := egress.CheckShape(e.address()); err != nil && !e.isMail() {
		found.Add("url", "%s", reason(err))
	}
	if e.destination() != nil {
		found = append(found, e.checkDestination()...)
	} else {
		e.checkSignature(&found)
	}
	found = append(found, e.checkUnused()...)
	if err := e.checkFormat(); err != nil {
		found.Add("format", "%s", reason(err))
	}
	found.Under("events", checkNames(e.Events))
	found.Under("retry", e.Retry.Check())
	found.Under("headers", checkHeaders(e.Headers))
	if e.Timeout != 0 && (e.Timeout < units.Duration(minTimeout) || e.Timeout > units.Duration(DefaultTimeout)) {
		found.Add("timeout", "must be between %s and %s", units.Duration(minTimeout), units.Duration(DefaultTimeout))
	}
	if e.RateLimit < 0 || e.RateLimit > maxRateLimit {
		found.Add("rateLimit", "must be between 0 and %d attempts a second; 0 is no limit", maxRateLimit)
	}
	return found
}

// checkNew finds what an endpoint may not have that is given now, although one that was given earlier goes on with it.
func (e Endpoint) checkNew() (found problem.Fields) {
	found.Under("headers", e.checkReserved("cannot be set"))
	return found
}

func (e Endpoint) checkSignature(found *problem.Fields) {
	scheme := signature.Scheme(cmp.Or(e.Signature, string(signature.Standard)))
	check := func(field string, s secret.String) {
		if err := signature.Check(scheme, s); s != "" && err != nil {
			found.Add(field, "%s", reason(err))
		}
	}
	switch {
	case !slices.Contains([]signature.Scheme{signature.Standard, signature.Ed25519, signature.HMACHex}, scheme):
		found.Add("signature", "must be standard, standard-ed25519 or hmac-sha256-hex")
	case e.Secret == "" && scheme != signature.Ed25519: // which the gateway's own key signs
		found.Add("secret", "is required: it signs the events, best written as a ${VARIABLE}")
	default:
		check("secret", e.Secret)
		check("previousSecret", e.PreviousSecret)
	}
	if e.Vendor != "" && !vendorToken.MatchString(e.Vendor) {
		found.Add("vendor", "must be 1 to 40 letters, digits and hyphens: it is part of the names of headers")
	}
}

// checkNames finds what is wrong with a filter for events on its own.
func checkNames(names []string) (found problem.Fields) {
	if len(names) > maxEvents {
		found.Add("", "has %d names; %d are allowed", len(names), maxEvents)
		return found
	}
	for i, name := range names {
		switch {
		case !agents.ValidEventName(name):
			found.Add(fmt.Sprintf("[%d]", i), "%s", agents.EventNameForm)
		case slices.Contains(names[:i], name):
			found.Add(fmt.Sprintf("[%d]", i), "%q is there twice", name)
		}
	}
	return found
}

// reason is what a person is told of an error that was made for that.
func reason(err error) string {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p.Detail
	}
	return err.Error()
}
