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
	// when it was made; what was before is of another one that had its id
	Since time.Time `json:"since,omitzero" yaml:"-"`
	Name  string    `json:"name,omitempty" yaml:"name,omitempty"`
	// nil is true
	Enabled *bool `json:"enabled,omitempty" yaml:"enabled,omitempty"`
	// from a configuration file only; the database has hashes
	Token secret.String `json:"-" yaml:"token,omitempty"`
	// how callers may prove themselves; empty is [bearer]
	Auth []Auth `json:"auth,omitempty" yaml:"auth,omitempty"`
	// the system that calls; empty is generic
	Source string `json:"source,omitempty" yaml:"source,omitempty"`
	// that the source signs with
	Secret Secrets `json:"secret,omitempty" yaml:"secret,omitempty"`
	// of source form
	Form forms.Form `json:"form,omitzero" yaml:"form,omitempty"`
	// sync, async; empty is as the source is used to it
	Respond     string `json:"respond,omitempty" yaml:"respond,omitempty"`
	Passthrough bool   `json:"passthrough" yaml:"passthrough"`
	CommandID   string `json:"commandId,omitempty" yaml:"commandId,omitempty"`
	Template    string `json:"template,omitempty" yaml:"template,omitempty"`
	// only the owner's own systems write what its calls contain; nil: see IsTrusted
	Trusted *bool `json:"trusted,omitempty" yaml:"trusted,omitempty"`
	// CEL: the calls that are let through; empty is all
	Filter string `json:"filter,omitempty" yaml:"filter,omitempty"`
	// nil: those of alert sources
	Coalesce *Coalesce `json:"coalesce,omitempty" yaml:"coalesce,omitempty"`
	// for calls that bring none; comes before that of the command, agent or flow
	Prompt string `json:"prompt,omitempty" yaml:"prompt,omitempty"`
	// of all its runs, under that of the call
	Metadata units.Object `json:"metadata,omitempty" yaml:"metadata,omitempty"`
	// signs its callbacks; empty: one that is derived from the token
	WebhookSecret secret.String `json:"webhookSecret,omitempty" yaml:"webhookSecret,omitempty"`
	// Retired are the secrets for callbacks that another one has replaced, newest first. An empty one is what
	// follows from the token.
	Retired []signature.Retired `json:"retired,omitempty" yaml:"-"`
	// agents and flows; the first is the default
	AllowedAgents []string `json:"allowedAgents" yaml:"allowedAgents"`
	// how long a call waits; 10 s longer than its agent may take
	SyncTimeout        units.Duration `json:"syncTimeout,omitempty" yaml:"syncTimeout,omitempty"`
	CancelOnDisconnect bool           `json:"cancelOnDisconnect,omitempty" yaml:"cancelOnDisconnect,omitempty"`
	// origins whose pages may call it from a browser
	CORS []string `json:"cors,omitempty" yaml:"cors,omitempty"`
	// that its runs may use at most: "docs.*"; empty is none
	Tools []string `json:"tools,omitempty" yaml:"tools,omitempty"`
	// its runs have pages for recipients
	Share bool `json:"share,omitempty" yaml:"share,omitempty"`
	// 0 is the server's limit
	MaxBodyBytes units.Bytes `json:"maxBodyBytes,omitempty" yaml:"maxBodyBytes,omitempty"`
	// CEL over data: whether an answer passes; see gate.Gate
	Gate string `json:"gate,omitempty" yaml:"gate,omitempty"`
	// of an answer that does not pass: 200 or 422; 200
	GateStatus int `json:"gateStatus,omitempty" yaml:"gateStatus,omitempty"`
	// of its calls' runs; nil is none
	Budget    *spend.Budget `json:"budget,omitempty" yaml:"budget,omitempty"`
	RateLimit *RateLimit    `json:"rateLimit,omitempty" yaml:"rateLimit,omitempty"`
	// calls at the same time; 0 is no limit
	MaxConcurrent int `json:"maxConcurrent,omitempty" yaml:"maxConcurrent,omitempty"`
	// when the client calls itself, as package cron reads it
	Schedule string `json:"schedule,omitempty" yaml:"schedule,omitempty"`
	// of the schedule; empty is the server's
	Timezone string `json:"timezone,omitempty" yaml:"timezone,omitempty"`
	// once, skip; empty is once
	Missed string `json:"missed,omitempty" yaml:"missed,omitempty"`
	// what is blacked out of its runs
	Redact *Redact `json:"redact,omitempty" yaml:"redact,omitempty"`
	// nil is true; false: neither input nor output is kept
	StoreContent *bool `json:"storeContent,omitempty" yaml:"storeContent,omitempty"`
	// how many of its latest requests are kept, to be replayed; 0 is none
	KeepRequests int `json:"keepRequests,omitempty" yaml:"keepRequests,omitempty"`
	// without a call for so long it is silent; 0 expects none
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
