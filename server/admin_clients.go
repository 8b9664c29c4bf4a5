package server

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/units"
)

// The documents of who calls, and of who is told.

type clientDocument struct {
	ID                 string             `json:"id" doc:"Lower-case letters, digits and hyphens; it is in the URL of the webhook. Left out of a POST, it is made from the name."`
	Name               string             `json:"name" doc:"To display; the id, where there is none."`
	Enabled            *bool              `json:"enabled" nullable:"false" doc:"true"`
	Auth               []authDocument     `json:"auth" nullable:"false" doc:"How its calls may be authenticated; one of them is enough. Empty is bearer, or the signature of the source where there is a secret."`
	Source             string             `json:"source" example:"alertmanager" doc:"The system that calls: what its calls say, and how it is answered. Empty is generic."`
	Secret             secretsDocument    `json:"secret"`
	Form               *formDocument      `json:"form"`
	Respond            string             `json:"respond" enum:"sync,async," doc:"async answers each call with 202 at once. Empty is what suits the source."`
	Passthrough        bool               `json:"passthrough" doc:"Whether the prompt comes from the request."`
	CommandID          *string            `json:"commandId" doc:"The command that it runs, without passthrough."`
	Template           *string            `json:"template" doc:"Makes the prompt of the request, with passthrough."`
	Trusted            *bool              `json:"trusted" doc:"Whether what its calls say is an instruction to the agent, and not data in markers that the model is told not to obey. null is false with a source, a form or a template, else true."`
	Filter             *string            `json:"filter" doc:"A CEL expression over event, body, headers and query: the calls of its webhook for which it is true start a run, others are answered 200 and skipped. null is all calls."`
	Coalesce           *clients.Coalesce  `json:"coalesce" doc:"How calls about the same thing share runs. null is the default: those of alert sources do. {\"mode\":\"off\"}: each starts a run of its own."`
	Prompt             *string            `json:"prompt" doc:"For calls that bring none; it comes before the prompt of the command, agent or flow."`
	Metadata           units.Object       `json:"metadata" doc:"Of all its runs, under that of the call."`
	WebhookSecret      *string            `json:"webhookSecret" doc:"Signs the webhooks of its calls; null is a secret that follows from the token. Shown as •••; left out or sent like this, it stays; an empty text removes it. One that is replaced or removed signs beside the new one for 24 hours."`
	AllowedAgents      []string           `json:"allowedAgents" nullable:"false" doc:"Agents and flows; the first is the default."`
	SyncTimeout        string             `json:"syncTimeout" example:"5m" doc:"How long a call waits for its answer. Unless set, 10 seconds longer than the agent that it calls may take, of which 5m is the default."`
	CancelOnDisconnect bool               `json:"cancelOnDisconnect"`
	CORS               []string           `json:"cors" nullable:"false" example:"[\"https://app.example.com\"]" doc:"Origins whose pages may call the client from a browser, with its token. Empty is none."`
	Tools              []string           `json:"tools" nullable:"false" example:"[\"docs.*\"]" doc:"The tools that its runs may use at most, where the agent has them too. Empty is none."`
	Share              bool               `json:"share" doc:"Whether its runs have pages for recipients."`
	MaxBodyBytes       int64              `json:"maxBodyBytes" example:"1048576"`
	Gate               *string            `json:"gate" doc:"CEL over data, such as data.findings.all(f, f.severity != \"high\"): whether an answer passes. Null is no gate."`
	GateStatus         int                `json:"gateStatus" doc:"The status of an answer that does not pass a gate: 200 or 422."`
	Budget             *budgetDocument    `json:"budget" doc:"What its calls' runs may cost at most; null is no limit."`
	RateLimit          *rateLimitDocument `json:"rateLimit"`
	MaxConcurrent      *int               `json:"maxConcurrent" doc:"Calls at the same time; null is any number."`
	Schedule           *string            `json:"schedule" example:"0 7 * * 1-5" doc:"When the client calls itself: cron's five fields, @daily or @every 90m. Its command or prompt runs then."`
	Timezone           *string            `json:"timezone" example:"Europe/Berlin" doc:"The time zone of the schedule, by its IANA name; null is server.timezone."`
	Missed             string             `json:"missed" enum:"once,skip," doc:"What follows when times of the schedule have passed while no gateway was running: once starts one run for all of them, skip none. Empty is once."`
	Redact             *clients.Redact    `json:"redact" doc:"What is blacked out of its runs before it is kept or sent out: kinds (email, phone, card, iban, jwt, key), patterns (RE2), and model, whether models see it blacked out too. The list of kinds alone will do. null is nothing. The caller's own answer stays as it is."`
	StoreContent       *bool              `json:"storeContent" nullable:"false" doc:"false: neither input nor output of its runs is kept. They are sealed until the run and its deliveries have ended, and then gone. true"`
	KeepRequests       int                `json:"keepRequests" minimum:"0" maximum:"1000" doc:"How many of its latest requests are kept, so that they can be replayed. They are kept as they came, without what proves who called. 0 is none."`
	ExpectEvery        *string            `json:"expectEvery" example:"15m" doc:"Without a call for so long the event client.silent goes out, once; null expects none."`
	NextRunAt          *string            `json:"nextRunAt" readOnly:"true" doc:"When the schedule comes next."`
	LastRunAt          *string            `json:"lastRunAt" readOnly:"true" doc:"When the schedule started its last run."`
	LastRunID          *string            `json:"lastRunId" readOnly:"true" doc:"That run."`
	LastCallAt         *string            `json:"lastCallAt" readOnly:"true" doc:"The last call that proved itself, where calls are expected."`
	SilentSince        *string            `json:"silentSince" readOnly:"true" doc:"When client.silent was sent; null when there has been a call since."`
	Token              *string            `json:"token,omitempty" readOnly:"true" doc:"In the answer that makes the client, and never again. Beckon makes it; one that is given is refused."`
	CallbackSecret     *string            `json:"callbackSecret,omitempty" readOnly:"true" doc:"Signs the webhooks of its calls. In the answer that makes the client, and never again."`
	Managed
}

type rateLimitDocument struct {
	Requests int    `json:"requests"`
	Per      string `json:"per"`
}

// Schema says that it may be null.
func (rateLimitDocument) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type:                 huma.TypeObject,
		Nullable:             true,
		Description:          "As many calls in any span of that length; null is any number.",
		AdditionalProperties: false,
		Properties: map[string]*huma.Schema{
			"requests": {Type: huma.TypeInteger},
			"per":      {Type: huma.TypeString, Examples: []any{"1m"}},
		},
	}
}

func (d *clientDocument) idField() *string { return &d.ID }

func (d *clientDocument) reveal(c clients.Client, token secret.String) {
	issued := c.Issued(token)
	d.Token, d.CallbackSecret = orNull(issued.Token.Reveal()), orNull(issued.CallbackSecret.Reveal())
}

func (d *clientDocument) show(c clients.Client) {
	enabled, storesContent := c.IsEnabled(), c.StoresContent()
	*d = clientDocument{
		ID:                 c.ID,
		Name:               cmp.Or(c.Name, c.ID),
		Enabled:            &enabled,
		Auth:               authDocuments(c.Auth),
		Source:             c.Source,
		Secret:             secretsDocument(c.Secret),
		Form:               formDocumentOf(c),
		Respond:            c.Respond,
		Passthrough:        c.TakesRequest(),
		CommandID:          orNull(c.CommandID),
		Template:           orNull(c.Template),
		Trusted:            c.Trusted,
		Filter:             orNull(c.Filter),
		Coalesce:           c.Coalesce,
		Prompt:             orNull(c.Prompt),
		Metadata:           c.Metadata,
		WebhookSecret:      orNull(c.WebhookSecret.String()),
		AllowedAgents:      orEmpty(c.AllowedAgents),
		SyncTimeout:        shownDuration(c.SyncTimeout, clients.DefaultSyncTimeout),
		CancelOnDisconnect: c.CancelOnDisconnect,
		CORS:               orEmpty(c.CORS),
		Tools:              orEmpty(c.Tools),
		Share:              c.Share,
		Gate:               orNull(c.Gate),
		GateStatus:         cmp.Or(c.GateStatus, http.StatusOK),
		MaxBodyBytes:       int64(c.MaxBodyBytes),
		Redact:             c.Redact,
		StoreContent:       &storesContent,
		KeepRequests:       c.KeepRequests,
		Schedule:           orNull(c.Schedule),
		Timezone:           orNull(c.Timezone),
		Missed:             cmp.Or(c.Missed, clients.MissedOnce),
	}
	if c.ExpectEvery != 0 {
		d.ExpectEvery = orNull(c.ExpectEvery.String())
	}
	d.Budget = budgetDocumentOf(c.Budget)
	if c.RateLimit != nil {
		d.RateLimit = &rateLimitDocument{c.RateLimit.Requests, c.RateLimit.Per.String()}
	}
	if c.MaxConcurrent != 0 {
		d.MaxConcurrent = &c.MaxConcurrent
	}
}

func (d *clientDocument) read(catalog.Kind) (c clients.Client, wrong problem.Fields) {
	c = clients.Client{
		ID:                 d.ID,
		Name:               catalog.OmitDefault(d.Name, d.ID),
		Source:             d.Source,
		Secret:             clients.Secrets(d.Secret),
		Form:               d.Form.form(),
		Respond:            d.Respond,
		Passthrough:        d.Passthrough,
		CommandID:          deref(d.CommandID),
		Template:           deref(d.Template),
		Trusted:            d.Trusted,
		Filter:             deref(d.Filter),
		Coalesce:           d.Coalesce,
		Prompt:             deref(d.Prompt),
		Metadata:           d.Metadata,
		WebhookSecret:      readSecret(d.WebhookSecret),
		AllowedAgents:      d.AllowedAgents,
		SyncTimeout:        readDuration(&wrong, "syncTimeout", d.SyncTimeout, clients.DefaultSyncTimeout),
		CancelOnDisconnect: d.CancelOnDisconnect,
		CORS:               d.CORS,
		Tools:              d.Tools,
		Share:              d.Share,
		Gate:               deref(d.Gate),
		GateStatus:         d.GateStatus,
		MaxBodyBytes:       units.Bytes(d.MaxBodyBytes),
		MaxConcurrent:      deref(d.MaxConcurrent),
		Redact:             d.Redact,
		KeepRequests:       d.KeepRequests,
		Schedule:           deref(d.Schedule),
		Timezone:           deref(d.Timezone),
		Missed:             catalog.OmitDefault(d.Missed, clients.MissedOnce),
		ExpectEvery:        readDuration(&wrong, "expectEvery", deref(d.ExpectEvery), 0),
	}
	for _, a := range d.Auth {
		c.Auth = append(c.Auth, a.Auth)
	}
	if c.GateStatus == http.StatusOK {
		c.GateStatus = 0
	}
	if d.Enabled != nil && !*d.Enabled {
		c.Enabled = d.Enabled
	}
	if d.StoreContent != nil && !*d.StoreContent {
		c.StoreContent = d.StoreContent
	}
	if d.Token != nil {
		wrong.Add("token",
			"cannot be given: Beckon makes it, and the answer to the POST that makes the client has it. "+
				"POST clients/%s/token makes another", cmp.Or(d.ID, "{id}"))
	}
	if d.CallbackSecret != nil {
		wrong.Add("callbackSecret",
			"cannot be given: it is only shown, when the client is made. To set the secret that signs its callbacks, "+
				"give webhookSecret")
	}
	if d.MaxBodyBytes < 0 {
		wrong.Add("maxBodyBytes", "must not be negative")
	}
	c.Budget = d.Budget.read()
	if d.RateLimit != nil {
		c.RateLimit = &clients.RateLimit{
			Requests: d.RateLimit.Requests,
			Per:      readDuration(&wrong, "rateLimit.per", d.RateLimit.Per, 0),
		}
	}
	return c, wrong
}

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

// omitDefaultLimit lets a client follow the server's limit when it is to have the same.
func (s *Server) omitDefaultLimit(c *clients.Client) {
	if int64(c.MaxBodyBytes) == s.Calls.MaxBodyBytes {
		c.MaxBodyBytes = 0
	}
}

// completeClients shows what the server allows to clients that have no limit of their own, and when they run and
// have called.
func (s *Server) completeClients(ctx context.Context, list []*clientDocument) error {
	s.showFormKeys(list)
	var timed []string
	for _, d := range list {
		d.MaxBodyBytes = cmp.Or(d.MaxBodyBytes, s.Calls.MaxBodyBytes)
		if d.Schedule != nil || d.ExpectEvery != nil {
			timed = append(timed, d.ID)
		}
	}
	if s.Schedules == nil || len(timed) == 0 {
		return nil
	}
	states, err := s.Schedules.States(ctx, timed)
	if err != nil {
		return err
	}
	for _, d := range list {
		state := states[d.ID]
		d.NextRunAt = timeOrNull(state.NextRun)
		d.LastRunAt = timeOrNull(state.LastRun)
		d.LastRunID = orNull(state.LastRunID)
		d.LastCallAt, d.SilentSince = timeOrNull(state.LastCall), timeOrNull(state.SilentSince)
	}
	return nil
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
