// Package clients knows who may call, how they prove it, what they may reach, and what they have used of their limits.
//
// A Set never changes; a new configuration makes a new one. The Limits outlive it: a Member counts its calls there,
// with atomic counters and a limiter that is safe for concurrent use. Limits.mu guards the list of clients only.
package clients

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"beckon/calls/forms"
	"beckon/internal/gate"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/spend"
	"beckon/internal/units"
	"beckon/tools/names"
)

// The defaults and bounds of a client.
const (
	DefaultSyncTimeout = 5 * time.Minute
	MaxSyncTimeout     = 24 * time.Hour
	MaxBodyBytes       = 64 << 20            // what a client may at most be allowed
	MaxMetadataBytes   = 16 << 10            // of a client and of a call, as JSON
	MaxKeptRequests    = 1000                // that a client may at most have kept
	MaxOverlap         = 30 * 24 * time.Hour // how long an old token may stay good beside a new one
)

// Client is a caller, with its own URL and token.
type Client struct {
	ID string `json:"id" yaml:"id"`
	// Since is when the client was created. Older records with its id belong to an earlier client.
	Since time.Time `json:"since,omitzero" yaml:"-"`
	Name  string    `json:"name,omitempty" yaml:"name,omitempty"`
	// Enabled is true if nil.
	Enabled *bool `json:"enabled,omitempty" yaml:"enabled,omitempty"`
	// Token is only set in configuration files. The database stores hashes.
	Token secret.String `json:"-" yaml:"token,omitempty"`
	// Auth lists how callers may authenticate. Empty is [bearer].
	Auth []Auth `json:"auth,omitempty" yaml:"auth,omitempty"`
	// Source is the system that calls. Empty is generic.
	Source string `json:"source,omitempty" yaml:"source,omitempty"`
	// Secret is what the source signs with.
	Secret Secrets `json:"secret,omitempty" yaml:"secret,omitempty"`
	// Form has the settings of source form.
	Form forms.Form `json:"form,omitzero" yaml:"form,omitempty"`
	// Respond is sync or async. Empty is what the source expects.
	Respond     string `json:"respond,omitempty" yaml:"respond,omitempty"`
	Passthrough bool   `json:"passthrough" yaml:"passthrough"`
	CommandID   string `json:"commandId,omitempty" yaml:"commandId,omitempty"`
	Template    string `json:"template,omitempty" yaml:"template,omitempty"`
	// Trusted says that only systems of the operator write the content of calls. nil: see IsTrusted.
	Trusted *bool `json:"trusted,omitempty" yaml:"trusted,omitempty"`
	// Filter is CEL that says which calls start a run. Empty is all.
	Filter string `json:"filter,omitempty" yaml:"filter,omitempty"`
	// Coalesce says which calls share a run. nil: those of alert sources do.
	Coalesce *Coalesce `json:"coalesce,omitempty" yaml:"coalesce,omitempty"`
	// Prompt is used for calls without a prompt. It takes precedence over that of the command, agent or flow.
	Prompt string `json:"prompt,omitempty" yaml:"prompt,omitempty"`
	// Metadata is added to all runs. Members of the call's own metadata take precedence.
	Metadata units.Object `json:"metadata,omitempty" yaml:"metadata,omitempty"`
	// WebhookSecret signs its callbacks. If empty, a secret derived from the token does.
	WebhookSecret secret.String `json:"webhookSecret,omitempty" yaml:"webhookSecret,omitempty"`
	// Retired are replaced secrets for callbacks, newest first. An empty one stands for the derived secret.
	Retired []signature.Retired `json:"retired,omitempty" yaml:"-"`
	// AllowedAgents are agents and flows. The first is the default.
	AllowedAgents []string `json:"allowedAgents" yaml:"allowedAgents"`
	// SyncTimeout is how long a call waits for its answer. The default is 10 s longer than its agent may take.
	SyncTimeout        units.Duration `json:"syncTimeout,omitempty" yaml:"syncTimeout,omitempty"`
	CancelOnDisconnect bool           `json:"cancelOnDisconnect,omitempty" yaml:"cancelOnDisconnect,omitempty"`
	// CORS lists the origins whose pages may call the client from a browser.
	CORS []string `json:"cors,omitempty" yaml:"cors,omitempty"`
	// Tools lists the tools that its runs may use at most, such as "docs.*". Empty is none.
	Tools []string `json:"tools,omitempty" yaml:"tools,omitempty"`
	// Share gives each of its runs a page for recipients.
	Share bool `json:"share,omitempty" yaml:"share,omitempty"`
	// MaxBodyBytes is 0 for the server's limit.
	MaxBodyBytes units.Bytes `json:"maxBodyBytes,omitempty" yaml:"maxBodyBytes,omitempty"`
	// Gate is CEL over data that says whether an answer passes; see gate.Gate.
	Gate string `json:"gate,omitempty" yaml:"gate,omitempty"`
	// GateStatus is the status of an answer that does not pass: 200, the default, or 422.
	GateStatus int `json:"gateStatus,omitempty" yaml:"gateStatus,omitempty"`
	// Budget limits the cost of its runs. nil is no limit.
	Budget    *spend.Budget `json:"budget,omitempty" yaml:"budget,omitempty"`
	RateLimit *RateLimit    `json:"rateLimit,omitempty" yaml:"rateLimit,omitempty"`
	// MaxConcurrent is how many calls may run at the same time. 0 is no limit.
	MaxConcurrent int `json:"maxConcurrent,omitempty" yaml:"maxConcurrent,omitempty"`
	// Schedule is when the client calls itself, in the syntax of package cron.
	Schedule string `json:"schedule,omitempty" yaml:"schedule,omitempty"`
	// Timezone is that of the schedule. Empty is the server's.
	Timezone string `json:"timezone,omitempty" yaml:"timezone,omitempty"`
	// Missed is once, the default, or skip.
	Missed string `json:"missed,omitempty" yaml:"missed,omitempty"`
	// Redact says what is redacted in its runs.
	Redact *Redact `json:"redact,omitempty" yaml:"redact,omitempty"`
	// StoreContent is true if nil. If false, neither input nor output is stored.
	StoreContent *bool `json:"storeContent,omitempty" yaml:"storeContent,omitempty"`
	// KeepRequests is how many of its latest requests are stored, to be replayed. 0 is none.
	KeepRequests int `json:"keepRequests,omitempty" yaml:"keepRequests,omitempty"`
	// ExpectEvery is how long the client may be silent before an event reports it. 0 is any time.
	ExpectEvery units.Duration `json:"expectEvery,omitempty" yaml:"expectEvery,omitempty"`
}

// RateLimit allows Requests calls in any span of Per, and as many at once.
type RateLimit struct {
	Requests int            `json:"requests" yaml:"requests"`
	Per      units.Duration `json:"per" yaml:"per"`
}

// Key returns the id.
func (c Client) Key() string { return c.ID }

// IsEnabled reports whether the client may call.
func (c Client) IsEnabled() bool { return c.Enabled == nil || *c.Enabled }

// IsTrusted reports whether the content of the client's calls is trusted, because only systems of the operator
// write it. If the client does not set it, calls are trusted unless a source, a form or a template makes the prompt
// from what third parties have written.
func (c Client) IsTrusted() bool {
	if c.Trusted != nil {
		return *c.Trusted
	}
	return !c.HasSource() && c.Template == ""
}

// NamesCallbacks reports whether a call may name a webhook for the events of its run. If a source or a template
// reads the request, a member of that name has no such meaning.
func (c Client) NamesCallbacks() bool { return !c.HasSource() && c.Template == "" }

// metadata returns the metadata as JSON; nil is none.
func (c Client) metadata() (json.RawMessage, error) {
	if len(c.Metadata) == 0 {
		return nil, nil
	}
	return jsonv2.Marshal(c.Metadata, jsonv2.Deterministic(true))
}

// Check returns the mistakes in the client, without looking at other resources. Whether its agents and its command
// exist is checked elsewhere.
func (c Client) Check() (found problem.Fields) {
	if len(c.AllowedAgents) == 0 {
		found.Add("allowedAgents", "must name at least one agent or flow")
	}
	seen := map[string]bool{}
	for i, id := range c.AllowedAgents {
		if seen[id] {
			found.Add(fmt.Sprintf("allowedAgents[%d]", i), "%q is there twice", id)
		}
		seen[id] = true
	}
	if len(c.Tools) > 0 && (c.Redact != nil || c.StoreContent != nil && !*c.StoreContent) {
		found.Add("tools",
			"cannot be used with redact or storeContent: false, since what tools are given and give is kept as it is")
	}
	found = append(found, c.checkCaller()...)
	found = append(found, c.checkSchedule()...)
	found = append(found, c.checkCORS()...)
	c.checkContent(&found)
	switch {
	case c.Passthrough && c.CommandID != "":
		found.Add("commandId", "is for clients with passthrough: false; this one takes the prompt from the request")
	case !c.TakesRequest() && c.CommandID == "" && strings.TrimSpace(c.Prompt) == "":
		found.Add("commandId", "is required unless passthrough is true or the client has a prompt")
	case !c.TakesRequest() && c.Template != "":
		found.Add("template", "is for clients with passthrough: true; this one runs a command")
	}
	if c.Filter != "" {
		if _, err := compileFilter(c.Filter); err != nil {
			found.Add("filter", "%v", err)
		}
	}
	if c.Coalesce != nil {
		c.Coalesce.check(&found)
		if c.Coalesce.Mode != CoalesceOff && c.Respond == RespondSync {
			found.Add("coalesce", "answers each call at once, so that respond: sync is not for this client")
		}
	}
	if c.WebhookSecret != "" {
		if err := signature.Check(signature.Standard, c.WebhookSecret); err != nil {
			found.Add("webhookSecret", "%v", err)
		}
	}
	if metadata, err := c.metadata(); err != nil {
		found.Add("metadata", "cannot be written as JSON")
	} else if len(metadata) > MaxMetadataBytes {
		found.Add("metadata", "has %d bytes as JSON; %d are allowed", len(metadata), MaxMetadataBytes)
	}
	if time.Duration(c.SyncTimeout) > MaxSyncTimeout {
		found.Add("syncTimeout", "must be at most %s", units.Duration(MaxSyncTimeout))
	}
	if c.MaxBodyBytes > MaxBodyBytes {
		found.Add("maxBodyBytes", "must be at most %d", MaxBodyBytes)
	}
	found.Under("tools", names.Check(c.Tools))
	if c.Gate != "" {
		if _, err := gate.Parse(c.Gate); err != nil {
			found.Add("gate", "%s", err)
		}
	}
	if c.GateStatus != 0 && c.GateStatus != http.StatusOK && c.GateStatus != http.StatusUnprocessableEntity {
		found.Add("gateStatus", "must be 200 or 422")
	}
	found.Under("budget", c.Budget.Check())
	if c.MaxConcurrent < 0 {
		found.Add("maxConcurrent", "must not be negative")
	}
	if r := c.RateLimit; r != nil && (r.Requests < 1 || r.Per <= 0) {
		found.Add("rateLimit", "needs requests (at least 1) and per (a duration)")
	}
	return found
}
