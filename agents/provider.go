package agents

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// The defaults of a provider.
const (
	DefaultProviderTimeout = 120 * time.Second
	DefaultMaxRetries      = 2
	maxRetriesLimit        = 10
)

// When a provider is asked to stream.
const (
	StreamAuto   = "auto"   // where somebody reads along
	StreamNever  = "never"  // for servers that cannot
	StreamAlways = "always" // for servers that can do nothing else
)

// What becomes of the thoughts that a model writes into its answer, between <think> and </think>.
const (
	ReasoningStrip = "strip"
	ReasoningKeep  = "keep"
)

// Provider is where answers come from: an OpenAI-compatible URL (type "openai"), Anthropic's own API (type
// "anthropic"), OpenAI's Responses API (type "responses") or a template (type "template").
type Provider struct {
	ID   string `json:"id" yaml:"id"`
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	Type string `json:"type" yaml:"type"`
	// base URL, without /chat/completions, /messages or /responses; a query is kept
	URL string `json:"url,omitempty" yaml:"url,omitempty"`
	// sent as a bearer token, or the way the API wants it
	APIKey secret.String `json:"apiKey,omitempty" yaml:"apiKey,omitempty"`
	// sent with every request, in front of our own
	Headers map[string]secret.String `json:"headers,omitempty" yaml:"headers,omitempty"`
	// for one attempt; 120s
	Timeout units.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// attempts after the first; 2
	MaxRetries *int `json:"maxRetries,omitempty" yaml:"maxRetries,omitempty"`
	// whether answers are asked for as streams; auto
	Stream string `json:"stream,omitempty" yaml:"stream,omitempty"`
	// what becomes of thoughts in an answer; strip
	Reasoning string `json:"reasoning,omitempty" yaml:"reasoning,omitempty"`
	// members of every request, as they stand; null removes one
	Params Object `json:"params,omitempty" yaml:"params,omitempty"`
	// for type template
	Template string `json:"template,omitempty" yaml:"template,omitempty"`
	// Exempt says why APIKey may name a variable that admin.variables does not list: ExemptFirstStart or
	// ExemptEarlier. It ends with a change of URL or APIKey. Only the database keeps it.
	Exempt string `json:"exempt,omitempty" yaml:"-"`
}

// Why a provider may name a variable that admin.variables does not list.
const (
	ExemptFirstStart = "first-start" // serve has made it, from a vendor's usual variable and for that vendor's URL
	ExemptEarlier    = "earlier"     // a version that had no such list has stored it
)

// Key returns the id.
func (p Provider) Key() string { return p.ID }

// Retries returns how many attempts may follow the first.
func (p Provider) Retries() int {
	if p.MaxRetries == nil {
		return DefaultMaxRetries
	}
	return *p.MaxRetries
}

// Check returns the mistakes in the provider. NewSet checks whether its type exists.
func (p Provider) Check() (found problem.Fields) {
	if p.MaxRetries != nil && (*p.MaxRetries < 0 || *p.MaxRetries > maxRetriesLimit) {
		found.Add("maxRetries", "must be between 0 and %d", maxRetriesLimit)
	}
	if !slices.Contains([]string{"", StreamAuto, StreamNever, StreamAlways}, p.Stream) {
		found.Add("stream", "must be auto, never or always, not %q", p.Stream)
	}
	if !slices.Contains([]string{"", ReasoningStrip, ReasoningKeep}, p.Reasoning) {
		found.Add("reasoning", "must be strip or keep, not %q", p.Reasoning)
	}
	found.Under("params", checkParams(p.Params))
	if p.URL != "" {
		u, err := url.Parse(p.URL)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			found.Add("url", "must be an http or https URL")
		case u.User != nil:
			found.Add("url", "must not hold a user name or password: use apiKey or headers")
		}
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		canonical := http.CanonicalHeaderKey(name)
		if canonical == "Content-Length" || canonical == "Host" {
			found.Add("headers", "%s cannot be set", name)
		}
		if seen[canonical] {
			found.Add("headers."+name, "is there twice: upper and lower case are the same in the names of headers")
		}
		seen[canonical] = true
	}
	return found
}
