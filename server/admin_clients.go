package server

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

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
