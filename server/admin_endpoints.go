package server

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/units"
)

// endpointDocument is an endpoint as the admin API reads and writes it.
type endpointDocument struct {
	ID             string            `json:"id" doc:"Lower-case letters, digits and hyphens. Left out of a POST, it is made from the name."`
	Name           string            `json:"name" doc:"To display; the id, where there is none."`
	URL            string            `json:"url" doc:"The values of a query are shown as •••, and so is all of the path where the format is a destination; sent like this they stay while scheme, host and path do."`
	Enabled        *bool             `json:"enabled" nullable:"false" doc:"true. It is false while its deliveries wait, whatever the reason; true sends them."`
	Secret         *string           `json:"secret" doc:"Signs the events; left out, one is made. Shown as •••, but in the answer that makes the endpoint; left out or sent like this, it stays. One that is replaced signs beside the new one for 24 hours."`
	Events         []string          `json:"events" nullable:"false" doc:"Empty is run.started, run.completed, run.failed, node.completed, node.failed, and run.canceled of flows."`
	Agents         []string          `json:"agents" nullable:"false" doc:"Empty is all."`
	Clients        []string          `json:"clients" nullable:"false" doc:"Empty is all."`
	Format         formatName        `json:"format"`
	Signature      string            `json:"signature" doc:"standard, standard-ed25519 or hmac-sha256-hex; none, and nothing else, for a format that is a destination."`
	Vendor         string            `json:"vendor" doc:"In the names of the headers of hmac-sha256-hex."`
	To             string            `json:"to" doc:"Whom a destination tells: a channel, a chat, a topic."`
	From           string            `json:"from" doc:"Of pagerduty with a REST token: the user's address of mail in whose name the note is written."`
	As             string            `json:"as" doc:"Of github and gitlab: comment or status. Empty is comment."`
	Repositories   []string          `json:"repositories" nullable:"false" doc:"Of github and gitlab: the repositories that may be written to, such as acme/app, acme/* or acme/**."`
	Subject        string            `json:"subject" doc:"Of a mail: a template. Empty, it is the agent."`
	ReplyTo        string            `json:"replyTo" doc:"Of a mail: a template that makes an address."`
	Method         string            `json:"method" doc:"Of the format http: POST unless it is set."`
	Path           string            `json:"path" doc:"Of the format http: a template, behind the url."`
	Body           string            `json:"body" doc:"Of the format http: a template. Empty, it is the event in the format run."`
	Retry          retryDocument     `json:"retry"`
	Headers        map[string]string `json:"headers" doc:"Sent with every event. The values are shown as •••, and sent like this they stay."`
	Timeout        string            `json:"timeout" example:"30s"`
	RateLimit      int               `json:"rateLimit" doc:"Attempts a second; 0 is no limit."`
	PreviousUntil  *string           `json:"previousSecretUntil" readOnly:"true" doc:"Until then the secret before this one signs as well, and those before that one for as long as they were said to."`
	FailingSince   *string           `json:"failingSince" readOnly:"true" doc:"No attempt has succeeded since; null when the last one did."`
	DisabledAt     *string           `json:"disabledAt" readOnly:"true" doc:"When its deliveries were stopped, other than by enabled: false."`
	DisabledReason *string           `json:"disabledReason" readOnly:"true"`
	Managed
}

// formatName is the name of a format, or a template.
type formatName string

// Schema lists the formats that there are.
func (formatName) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: deliveries.FormatNames() + "."}
}

// retryDocument is the name of a policy, or a list of durations.
type retryDocument struct{ deliveries.Retry }

// Schema says so.
func (retryDocument) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "svix, exponential, fast, or a list of durations.",
		OneOf: []*huma.Schema{{Type: huma.TypeString},
			{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}},
	}
}

// MarshalJSON names the policy that is meant when nothing is said.
func (r retryDocument) MarshalJSON() ([]byte, error) {
	if r.IsZero() {
		return json.Marshal(deliveries.RetrySvix)
	}
	return r.Retry.MarshalJSON()
}

// UnmarshalJSON leaves it to the endpoint's check to say which wait is none.
func (r *retryDocument) UnmarshalJSON(data []byte) error {
	var waits []string
	if json.Unmarshal(data, &waits) != nil {
		return r.Retry.UnmarshalJSON(data)
	}
	for _, text := range waits {
		wait := units.Duration(0)
		_ = wait.UnmarshalText([]byte(text)) // which leaves 0, and that is refused
		r.Waits = append(r.Waits, wait)
	}
	return nil
}

func (d *endpointDocument) idField() *string { return &d.ID }

func (d *endpointDocument) reveal(_ deliveries.Endpoint, s secret.String) {
	d.Secret = orNull(s.Reveal())
}

const (
	defaultFormat    = deliveries.DefaultFormat
	defaultSignature = string(signature.Standard)
)

func (d *endpointDocument) show(e deliveries.Endpoint) {
	enabled := e.IsEnabled()
	*d = endpointDocument{
		ID:           e.ID,
		Name:         cmp.Or(e.Name, e.ID),
		URL:          e.URL,
		Enabled:      &enabled,
		Secret:       orNull(e.Secret.String()),
		Events:       orEmpty(e.Events),
		Agents:       orEmpty(e.Agents),
		Clients:      orEmpty(e.Clients),
		Format:       formatName(cmp.Or(e.Format, defaultFormat)),
		Signature:    e.SignatureInUse(),
		Vendor:       cmp.Or(e.Vendor, signature.DefaultVendor),
		To:           e.To,
		From:         e.From,
		As:           e.As,
		Repositories: orEmpty(e.Repositories),
		Subject:      e.Subject,
		ReplyTo:      e.ReplyTo,
		Method:       e.Method,
		Path:         e.Path,
		Body:         e.Body,
		Retry:        retryDocument{e.Retry},
		Headers:      shownHeaders(e.Headers),
		Timeout:      shownDuration(e.Timeout, deliveries.DefaultTimeout),
		RateLimit:    e.RateLimit,
	}
	if until := e.OverlapUntil(); time.Now().Before(until) {
		d.PreviousUntil = timeOrNull(until)
	}
}

func (d *endpointDocument) read(catalog.Kind) (e deliveries.Endpoint, wrong problem.Fields) {
	e = deliveries.Endpoint{
		ID:           d.ID,
		Name:         catalog.OmitDefault(d.Name, d.ID),
		URL:          d.URL,
		Secret:       secret.String(deref(d.Secret)),
		Events:       d.Events,
		Agents:       d.Agents,
		Clients:      d.Clients,
		Format:       catalog.OmitDefault(string(d.Format), defaultFormat),
		Signature:    catalog.OmitDefault(d.Signature, defaultSignature),
		Vendor:       catalog.OmitDefault(d.Vendor, signature.DefaultVendor),
		Retry:        d.Retry.Retry,
		Headers:      readHeaders(d.Headers),
		Timeout:      readDuration(&wrong, "timeout", d.Timeout, deliveries.DefaultTimeout),
		RateLimit:    d.RateLimit,
		To:           d.To,
		From:         d.From,
		As:           d.As,
		Repositories: d.Repositories,
		Subject:      d.Subject,
		ReplyTo:      d.ReplyTo,
		Method:       d.Method,
		Path:         d.Path,
		Body:         d.Body,
	}
	if e.IsDestination() && d.Secret != nil && *d.Secret == "" {
		e.Secret = secret.Removed
	}
	if e.Retry.Policy == deliveries.RetrySvix {
		e.Retry.Policy = ""
	}
	if d.Enabled != nil && !*d.Enabled {
		e.Enabled = d.Enabled
	}
	return e, wrong
}

// withHealth adds what has become of the endpoints.
func (s *Server) withHealth(ctx context.Context, list []*endpointDocument) error {
	troubles, err := s.Calls.Deliveries.InTrouble(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		i := slices.IndexFunc(troubles, func(t deliveries.UnhealthyEndpoint) bool { return t.EndpointID == d.ID })
		if i >= 0 {
			h := troubles[i].Health
			d.FailingSince = timeOrNull(h.FailingSince)
			d.DisabledAt = timeOrNull(h.DisabledAt)
			d.DisabledReason = orNull(h.DisabledReason)
		}
	}
	return nil
}
