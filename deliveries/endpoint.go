// Package deliveries carries events to endpoints until they are accepted or given up.
package deliveries

import (
	"net/url"
	"slices"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// Endpoint is a URL that takes events. Empty filters take everything.
type Endpoint struct {
	ID        string                   `json:"id" yaml:"id"`
	Name      string                   `json:"name,omitempty" yaml:"name,omitempty"`
	URL       string                   `json:"url" yaml:"url"`
	Enabled   *bool                    `json:"enabled,omitempty" yaml:"enabled,omitempty"` // nil is true
	Secret    secret.String            `json:"secret,omitempty" yaml:"secret,omitempty"`
	Events    []string                 `json:"events,omitempty" yaml:"events,omitempty"`
	Agents    []string                 `json:"agents,omitempty" yaml:"agents,omitempty"`
	Clients   []string                 `json:"clients,omitempty" yaml:"clients,omitempty"`
	Format    string                   `json:"format,omitempty" yaml:"format,omitempty"` // run, payload, event, cloudevents, or a template that yields JSON
	Signature string                   `json:"signature,omitempty" yaml:"signature,omitempty"`
	Vendor    string                   `json:"vendor,omitempty" yaml:"vendor,omitempty"`
	Retry     Retry                    `json:"retry,omitzero" yaml:"retry,omitempty"`
	Headers   map[string]secret.String `json:"headers,omitempty" yaml:"headers,omitempty"`
	Timeout   units.Duration           `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	RateLimit int                      `json:"rateLimit,omitempty" yaml:"rateLimit,omitempty"` // attempts a second; 0 is no limit
}

// Key returns the id.
func (e Endpoint) Key() string { return e.ID }

var signatures = []string{"", "standard", "standard-ed25519", "hmac-sha256-hex"}

// Check finds what is wrong with the endpoint on its own.
func (e Endpoint) Check() (found problem.Fields) {
	u, err := url.Parse(e.URL)
	switch {
	case e.URL == "":
		found.Add("url", "is required")
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		found.Add("url", "must be an http or https URL")
	case u.User != nil || u.Fragment != "":
		found.Add("url", "must not hold a user name, a password or a fragment")
	}
	if !slices.Contains(signatures, e.Signature) {
		found.Add("signature", "must be standard, standard-ed25519 or hmac-sha256-hex")
	}
	found.Under("retry", e.Retry.Check())
	return found
}
