package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// clientFields are the fields of the form, in its order.
var clientFields = []labelled{
	{"source", "Sender"},
	{"secret", "Signing secret"},
	{"kind", "Prompt source"},
	{"template", "Template"},
	{"commandId", "Command"},
	{"auth", "Authentication"},
	{"respond", "Response"},
	{"filter", "Filter"},
	{"trusted", "Trusted"},
	{"coalesce", "Group calls"},
	{"prompt", "Default prompt"},
	{"allowedAgents", "Allowed agents and flows"},
	{"sendTo", "Send the answer to"},
	{"newEndpoint", "New endpoint"},
	{"endpointURL", "URL of the new endpoint"},
	{"form.origins", "Origins"},
	{"form.redirect", "Redirect"},
	{"form.fields", "Fields"},
	{"form.honeypot", "Honeypot field"},
	{"form.perAddress", "Rate limit per address"},
	{"form.challenge", "Challenge"},
	{"form.siteKey", "Site key"},
	{"form.secret", "Challenge secret"},
	{"form.show", "Visitors see"},
	{"form.language", "Language"},
	{"form.thanks", "Thank-you message"},
	{"schedule", "Schedule"},
	{"timezone", "Time zone"},
	{"missed", "Missed runs"},
	{"expectEvery", "Expect a call every"},
	{"syncTimeout", "Timeout for calls"},
	{"maxBodyBytes", "Max request size"},
	{"maxConcurrent", "Max concurrent calls"},
	{"rateLimit", "Rate limit"},
	{"tools", "Allowed tools"},
	{"budget.perRun", "Budget per run"},
	{"budget.perDay", "Budget per day"},
	{"budget.perMonth", "Budget per month"},
	{"cors", "Allowed origins"},
	{"gate", "Gate"},
	{"gateStatus", "Status when the gate fails"},
	{"redact", "Redact"},
	{"storeContent", "Store prompts and answers"},
	{"keepRequests", "Requests to keep"},
	{"metadata", "Metadata"},
	{"webhookSecret", "Webhook secret"},
}

// The ways in which a client gets its prompt.
const (
	promptOfCommand  = "command"
	promptOfRequest  = "passthrough"
	promptOfTemplate = "template"
)

// clientForm is a client as its form has it: as it was typed, right or wrong.
type clientForm struct {
	ID, Name              string
	Kind                  string
	CommandID, Template   string
	Filter, Coalesce      string
	Prompt, Metadata      string
	Allowed               []string // agents and flows
	Default               string   // one of them
	Enabled               bool
	SyncTimeout           string
	CancelOnDisconnect    bool
	Share                 bool
	Redact                string
	KeepRequests          string
	StoreContent          string // yes, no, or empty for the default
	Gate, GateStatus      string
	MaxBodyBytes          string
	RateRequests, RatePer string
	MaxConcurrent         string
	Budget                budgetForm
	CORS                  string // an origin a line
	Tools                 string // a pattern a line
	Source, Respond       string
	Trusted               string      // true, false; empty is the default
	Caller                string      // the answer to "Who calls?" that a new client began with; empty for one that is kept
	Proofs                []proofForm // how its caller may prove itself
	Schedule, Timezone    string
	Missed, ExpectEvery   string
	Visitors              visitorForm
	SendTo                []string // endpoints that a new client's answers go to
	NewEndpoint           string   // the kind of endpoint that is created with it
	EndpointURL           string
	webhookSecret         secret.String // never shown again, nor is secret
	secret                secret.String
	Retype                bool // a secret was typed, and is not in the form any more
}

// clientFormOf is the form of a client that there is.
func clientFormOf(item clients.Client) clientForm {
	f := clientForm{
		ID:                 item.ID,
		Name:               item.Name,
		Kind:               promptOfCommand,
		CommandID:          item.CommandID,
		Template:           item.Template,
		Filter:             item.Filter,
		Coalesce:           writeJSON(item.Coalesce),
		Prompt:             item.Prompt,
		Metadata:           writeParams(item.Metadata),
		Source:             cmp.Or(item.Source, "generic"),
		Respond:            item.Respond,
		Allowed:            item.AllowedAgents,
		Enabled:            item.IsEnabled(),
		CancelOnDisconnect: item.CancelOnDisconnect,
		Share:              item.Share,
		Redact:             writeJSON(item.Redact),
		StoreContent:       writeYesNo(item.StoreContent),
		CORS:               strings.Join(item.CORS, "\n"),
		Tools:              strings.Join(item.Tools, "\n"),
		Gate:               item.Gate,
	}
	if item.Trusted != nil {
		f.Trusted = strconv.FormatBool(*item.Trusted)
	}
	if item.GateStatus != 0 {
		f.GateStatus = strconv.Itoa(item.GateStatus)
	}
	if item.TakesRequest() {
		f.Kind = promptOfRequest
	}
	if item.Template != "" {
		f.Kind = promptOfTemplate
	}
	if len(item.AllowedAgents) > 0 {
		f.Default = item.AllowedAgents[0]
	}
	if item.SyncTimeout != 0 {
		f.SyncTimeout = item.SyncTimeout.String()
	}
	if item.MaxBodyBytes != 0 {
		f.MaxBodyBytes = writeBytes(item.MaxBodyBytes)
	}
	if r := item.RateLimit; r != nil {
		f.RateRequests, f.RatePer = strconv.Itoa(r.Requests), r.Per.String()
	}
	if item.KeepRequests != 0 {
		f.KeepRequests = strconv.Itoa(item.KeepRequests)
	}
	if item.MaxConcurrent != 0 {
		f.MaxConcurrent = strconv.Itoa(item.MaxConcurrent)
	}
	f.Proofs, f.Budget = proofFormsOf(item.Auth), budgetFormOf(item.Budget)
	f.Visitors = visitorFormOf(item.Form)
	f.Schedule, f.Timezone, f.Missed = item.Schedule, item.Timezone, item.Missed
	if item.ExpectEvery != 0 {
		f.ExpectEvery = item.ExpectEvery.String()
	}
	return f
}

func writeBytes(b units.Bytes) string {
	text, _ := b.MarshalYAML() // never fails
	return fmt.Sprint(text)
}

// readClientForm takes a form as it was sent.
func readClientForm(sent url.Values) clientForm {
	text := func(name string) string { return trimmed(sent, name) }
	f := clientForm{
		ID:                 text("id"),
		Name:               text("name"),
		Kind:               text("kind"),
		CommandID:          text("commandId"),
		Template:           sent.Get("template"),
		Filter:             text("filter"),
		Coalesce:           sent.Get("coalesce"),
		Prompt:             sent.Get("prompt"),
		Metadata:           sent.Get("metadata"),
		Allowed:            sent["allowedAgents"],
		Default:            text("default"),
		Enabled:            sent.Has("enabled"),
		SyncTimeout:        text("syncTimeout"),
		CancelOnDisconnect: sent.Has("cancelOnDisconnect"),
		Share:              sent.Has("share"),
		Redact:             sent.Get("redact"),
		StoreContent:       text("storeContent"),
		KeepRequests:       text("keepRequests"),
		MaxBodyBytes:       text("maxBodyBytes"),
		RateRequests:       text("rateRequests"),
		RatePer:            text("ratePer"),
		MaxConcurrent:      text("maxConcurrent"),
		Budget:             readBudgetForm(sent),
		CORS:               sent.Get("cors"),
		Tools:              sent.Get("tools"),
		Gate:               text("gate"),
		GateStatus:         text("gateStatus"),
		Source:             text("source"),
		Respond:            text("respond"),
		Trusted:            text("trusted"),
		Schedule:           text("schedule"),
		Timezone:           text("timezone"),
		Missed:             text("missed"),
		ExpectEvery:        text("expectEvery"),
		webhookSecret:      typedSecret(sent, "webhookSecret"),
		secret:             typedSecret(sent, "secret"),
		Visitors:           readVisitorForm(sent),
	}
	f.Caller = text("caller")
	f.SendTo, f.NewEndpoint, f.EndpointURL = sent["sendTo"], text("newEndpoint"), text("endpointURL")
	f.Proofs, _ = readProofForms(sent)
	typed := []secret.String{f.webhookSecret, f.secret, f.Visitors.secret}
	for _, proof := range f.Proofs {
		typed = append(typed, proof.typed)
	}
	for _, one := range typed {
		f.Retype = f.Retype || one != "" && one != secret.Removed
	}
	return f
}

// unixLines undoes what browsers do to the lines of a text: HTML's forms end them with CR LF.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// client reads what was typed, and says what cannot be read.
func (f clientForm) client() (item clients.Client, wrong problem.Fields) {
	item = clients.Client{
		ID:                 f.ID,
		Name:               catalog.OmitDefault(f.Name, f.ID),
		WebhookSecret:      f.webhookSecret,
		Source:             catalog.OmitDefault(f.Source, "generic"),
		Respond:            f.Respond,
		Filter:             f.Filter,
		CancelOnDisconnect: f.CancelOnDisconnect,
		Share:              f.Share,
		AllowedAgents:      f.agentsDefaultFirst(&wrong),
		Prompt:             f.Prompt,
		Schedule:           f.Schedule,
		Timezone:           f.Timezone,
		Missed:             catalog.OmitDefault(f.Missed, clients.MissedOnce),
		CORS:               strings.Fields(f.CORS),
		Tools:              strings.Fields(f.Tools),
		Gate:               f.Gate,
	}
	if f.secret != "" {
		item.Secret = clients.Secrets{f.secret}
	}
	for _, proof := range f.Proofs {
		item.Auth = append(item.Auth, proof.auth(&wrong))
	}
	if !f.Enabled {
		item.Enabled = new(bool)
	}
	if f.Trusted != "" {
		trusted, err := strconv.ParseBool(f.Trusted)
		if item.Trusted = &trusted; err != nil {
			wrong.Add("trusted", "must be true or false")
		}
	}
	if metadata := readJSON[units.Object](&wrong, "metadata", f.Metadata, `{"team": "web"}`); metadata != nil {
		item.Metadata = *metadata
	}
	item.Form = f.Visitors.form(&wrong)
	item.Coalesce = readJSON[clients.Coalesce](&wrong, "coalesce", f.Coalesce, `{"by": "event.key", "window": "30s"}`)
	item.Redact = readJSON[clients.Redact](&wrong, "redact", f.Redact, `["email", "card"]`)
	item.StoreContent = typedYesNo(&wrong, "storeContent", f.StoreContent)
	f.readKind(&item, &wrong)
	readInto(&wrong, "expectEvery", f.ExpectEvery, &item.ExpectEvery)
	readInto(&wrong, "syncTimeout", f.SyncTimeout, &item.SyncTimeout)
	readInto(&wrong, "maxBodyBytes", f.MaxBodyBytes, &item.MaxBodyBytes)
	item.MaxConcurrent = readCount(&wrong, "maxConcurrent", f.MaxConcurrent, 0)
	item.KeepRequests = readCount(&wrong, "keepRequests", f.KeepRequests, 0)
	item.GateStatus = readCount(&wrong, "gateStatus", f.GateStatus, 0)
	item.RateLimit, item.Budget = f.rateLimit(&wrong), f.Budget.budget(&wrong)
	return item, wrong
}

// rateLimit is said to be wrong in the words of its two inputs.
func (f clientForm) rateLimit(wrong *problem.Fields) *clients.RateLimit {
	if f.RateRequests == "" && f.RatePer == "" {
		return nil
	}
	if f.RateRequests == "" || f.RatePer == "" {
		wrong.Add("rateLimit", "needs both: how many calls, and in which time (such as 1m)")
		return nil
	}
	var of problem.Fields
	limit := &clients.RateLimit{Requests: readCount(&of, "calls", f.RateRequests, 1)}
	for _, e := range of {
		wrong.Add("rateLimit", "%s %s", e.Path, e.Message)
	}
	had := len(*wrong)
	readInto(wrong, "rateLimit", f.RatePer, &limit.Per)
	if limit.Per <= 0 && len(*wrong) == had {
		wrong.Add("rateLimit", "the time must be longer than 0, such as 1m")
	}
	return limit
}

func (f clientForm) readKind(item *clients.Client, wrong *problem.Fields) {
	switch f.Kind {
	case promptOfCommand:
		item.CommandID = f.CommandID
		if f.CommandID == "" && strings.TrimSpace(f.Prompt) == "" {
			wrong.Add("commandId", "choose the command that this client runs")
		}
	case promptOfTemplate:
		item.Passthrough, item.Template = true, f.Template
		if strings.TrimSpace(f.Template) == "" {
			wrong.Add("template", "is empty: write one, or let the request be the prompt")
		}
	default:
		item.Passthrough = true
		if f.Kind != promptOfRequest {
			wrong.Add("kind", "choose where the prompt comes from")
		}
	}
}

// agentsDefaultFirst returns the allowed agents with the default first; the others keep their order.
func (f clientForm) agentsDefaultFirst(wrong *problem.Fields) []string {
	if len(f.Allowed) == 0 && f.Default != "" {
		return []string{f.Default} // who is the default may answer
	}
	if len(f.Allowed) == 0 {
		wrong.Add("allowedAgents", "choose at least one agent or flow")
		return nil
	}
	first := cmp.Or(f.Default, f.Allowed[0])
	if !slices.Contains(f.Allowed, first) {
		wrong.Add("allowedAgents", "%q is to be the default, and is not among those that are allowed", first)
		return f.Allowed
	}
	rest := slices.DeleteFunc(slices.Clone(f.Allowed), func(id string) bool { return id == first })
	return append([]string{first}, rest...)
}

// readInto reads what is typed, unless nothing is.
func readInto(wrong *problem.Fields, path, text string, into interface{ UnmarshalText([]byte) error }) {
	if text == "" {
		return
	}
	if err := into.UnmarshalText([]byte(text)); err != nil {
		wrong.Add(path, "%v", err)
	}
}

// readCount reads how many of something there are to be, unless nothing is typed.
func readCount(wrong *problem.Fields, path, text string, least int) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) && n > 0:
		wrong.Add(path, "is too large a number")
	case err != nil || n < least:
		wrong.Add(path, "must be a whole number, %d or more", least)
	}
	return n
}

// fieldOf returns the field of a form that a path belongs to: "allowedAgents" for "allowedAgents[1]", and of what visitors send
// "form.fields" for "form.fields.email.type".
func fieldOf(path string) string {
	if rest, ok := strings.CutPrefix(path, "form."); ok {
		return "form." + fieldOf(rest)
	}
	if end := strings.IndexAny(path, "[."); end >= 0 {
		return path[:end]
	}
	return path
}
