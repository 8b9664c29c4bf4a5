package server

import (
	"cmp"
	"time"

	"beckon/agents"
	"beckon/commands"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// The documents of what can be invoked. A value at its default is shown, and not kept: the default may change.

type providerDocument struct {
	ID         string            `json:"id" doc:"Lower-case letters, digits and hyphens. Left out of a POST, it is made from the name."`
	Name       string            `json:"name" doc:"To display; the id, where there is none."`
	Type       string            `json:"type" doc:"openai, for everything that speaks OpenAI's chat completions; anthropic, for Anthropic's own API; responses, for OpenAI's Responses API; or template."`
	URL        *string           `json:"url" doc:"The base URL, without /chat/completions, /messages or /responses. The values of a query are shown as •••, and sent like this they stay while scheme, host and path do."`
	APIKey     *string           `json:"apiKey" doc:"Shown as •••; left out or sent like this, it stays; an empty text removes it. ${NAME} takes it from that variable of the environment, if admin.variables lists it."`
	Headers    map[string]string `json:"headers" doc:"Sent with every request. The values are shown as •••, and sent like this they stay."`
	Timeout    string            `json:"timeout" example:"120s" doc:"For one attempt."`
	MaxRetries *int              `json:"maxRetries" nullable:"false" doc:"Attempts after the first; 2."`
	Stream     string            `json:"stream,omitempty" enum:"auto,never,always" doc:"When answers are asked for as streams; auto: where somebody reads along."`
	Reasoning  string            `json:"reasoning,omitempty" enum:"strip,keep" doc:"What becomes of what the model thinks: strip keeps it out of the answer."`
	Params     agents.Object     `json:"params,omitempty" doc:"Members of every request, as they stand; null removes one."`
	Template   *string           `json:"template" doc:"For type template: what it answers."`
	Managed
}

func (d *providerDocument) idField() *string { return &d.ID }

func (d *providerDocument) show(p agents.Provider) {
	retries := p.Retries()
	*d = providerDocument{
		ID:         p.ID,
		Name:       cmp.Or(p.Name, p.ID),
		Type:       p.Type,
		URL:        orNull(p.URL),
		APIKey:     orNull(p.APIKey.Shown()),
		Headers:    shownHeaders(p.Headers),
		Timeout:    shownDuration(p.Timeout, agents.DefaultProviderTimeout),
		MaxRetries: &retries,
		Template:   orNull(p.Template),
		Stream:     cmp.Or(p.Stream, agents.StreamAuto),
		Reasoning:  cmp.Or(p.Reasoning, agents.ReasoningStrip),
		Params:     p.Params,
	}
}

func (d *providerDocument) read(catalog.Kind) (p agents.Provider, wrong problem.Fields) {
	p = agents.Provider{
		ID:         d.ID,
		Name:       catalog.OmitDefault(d.Name, d.ID),
		Type:       d.Type,
		URL:        deref(d.URL),
		APIKey:     readSecret(d.APIKey),
		Headers:    readHeaders(d.Headers),
		Timeout:    readDuration(&wrong, "timeout", d.Timeout, agents.DefaultProviderTimeout),
		MaxRetries: d.MaxRetries,
		Template:   deref(d.Template),
		Stream:     catalog.OmitDefault(d.Stream, agents.StreamAuto),
		Reasoning:  catalog.OmitDefault(d.Reasoning, agents.ReasoningStrip),
		Params:     d.Params,
	}
	if d.MaxRetries != nil && *d.MaxRetries == agents.DefaultMaxRetries {
		p.MaxRetries = nil
	}
	return p, wrong
}

type agentDocument struct {
	ID            string            `json:"id" doc:"Lower-case letters, digits and hyphens. Left out of a POST, it is made from the name."`
	Name          string            `json:"name" doc:"To display; the id, where there is none."`
	Kind          string            `json:"kind,omitempty" enum:"chat,image,speech,transcription,http" doc:"What it does; chat. image, speech and transcription need a provider of type openai, http needs none."`
	Provider      string            `json:"provider,omitempty" doc:"The id of a provider."`
	Model         *string           `json:"model"`
	SystemPrompt  *string           `json:"systemPrompt" doc:"May be a template."`
	Prompt        *string           `json:"prompt" doc:"What it does when a call brings no prompt; null refuses such calls."`
	Temperature   *float64          `json:"temperature" doc:"0 to 2; null leaves it to the provider."`
	Budget        *budgetDocument   `json:"budget" doc:"What its requests to models may cost at most; null is no limit."`
	MaxTokens     *int              `json:"maxTokens" doc:"Of the answer; null leaves it to the provider."`
	Params        agents.Object     `json:"params,omitempty" doc:"Members of the request, over those of the provider; null removes one."`
	Fallbacks     []agents.Fallback `json:"fallbacks,omitempty" doc:"Who answers when the provider does not, in order."`
	Output        *agents.Output    `json:"output,omitempty" doc:"What the answer has to be: JSON of a schema, which may be the name of a built-in one: findings. Of kind http, text says where it is: CEL over answer."`
	Request       *agents.Request   `json:"request,omitempty" doc:"Of kind http: what is sent. Its parts are templates; the values of headers are shown as •••, and sent like this they stay. Of kind image and speech body alone: a template for the provider's JSON."`
	Poll          *agents.Poll      `json:"poll,omitempty" doc:"Of kind http: how to ask what became of the job."`
	Cancel        *agents.Cancel    `json:"cancel,omitempty" doc:"Of kind http: the request that stops the job."`
	Artifacts     string            `json:"artifacts,omitempty" doc:"Of kind http: CEL over answer, to the URLs of the files that are fetched."`
	Timeout       string            `json:"timeout" example:"5m" doc:"For the whole invocation, retries included."`
	OutputKey     *string           `json:"outputKey" doc:"Names its output within a flow."`
	RetryOnCrash  *bool             `json:"retryOnCrash" doc:"Whether a run that a crash of the gateway interrupts is run again, or fails. Null is the default: it is run again where all its tools only read."`
	Share         bool              `json:"share" doc:"Whether its runs have pages for recipients."`
	Tools         []string          `json:"tools" nullable:"false" example:"[\"docs.*\", \"deploy.status\"]" doc:"The tools that it may use where the client allows them too. Empty is none."`
	FlowTools     *bool             `json:"flowTools" nullable:"false" doc:"Whether a flow offers it tools of its own; true."`
	Approve       []string          `json:"approve" nullable:"false" doc:"The tools of which a person has to allow each call."`
	ApproveWithin string            `json:"approveWithin" example:"24h" doc:"How long a call waits for that; then it is denied."`
	MaxSteps      int               `json:"maxSteps" doc:"How often its model is asked in one turn; 20."`
	Session       *agents.Session   `json:"session" doc:"How it takes part in conversations; null knows each call alone. {} has the defaults."`
	Skills        []string          `json:"skills,omitempty" doc:"The names of the skills that it may load: folders of skills.path in the configuration file."`
	Events        map[string]string `json:"events" doc:"Renames its events: run.completed to lead.completed, run.* to video.*."`
	Managed
}

func (d *agentDocument) idField() *string { return &d.ID }

func (d *agentDocument) show(a agents.Agent) {
	flowTools := a.TakesFlowTools()
	*d = agentDocument{
		ID:            a.ID,
		Name:          cmp.Or(a.Name, a.ID),
		Provider:      a.Provider,
		Model:         orNull(a.Model),
		SystemPrompt:  orNull(a.SystemPrompt),
		Prompt:        orNull(a.Prompt),
		Temperature:   a.Temperature,
		Timeout:       shownDuration(a.Timeout, agents.DefaultTimeout),
		OutputKey:     orNull(a.OutputKey),
		RetryOnCrash:  a.RetryOnCrash,
		Share:         a.Share,
		FlowTools:     &flowTools,
		Events:        orEmptyMap(a.Events),
		Params:        a.Params,
		Fallbacks:     a.Fallbacks,
		Output:        a.Output,
		Kind:          a.KindOrChat(),
		Request:       a.Request,
		Poll:          a.Poll,
		Cancel:        a.Cancel,
		Artifacts:     a.Artifacts,
		Skills:        a.Skills,
		Tools:         orEmpty(a.Tools),
		Approve:       orEmpty(a.Approve),
		ApproveWithin: shownDuration(a.ApproveWithin, agents.DefaultApproveWithin),
		MaxSteps:      a.Steps(),
		Session:       a.Session,
	}
	d.Budget = budgetDocumentOf(a.Budget)
	if a.MaxTokens != 0 {
		d.MaxTokens = &a.MaxTokens
	}
}

func (d *agentDocument) read(catalog.Kind) (a agents.Agent, wrong problem.Fields) {
	a = agents.Agent{
		ID:            d.ID,
		Name:          catalog.OmitDefault(d.Name, d.ID),
		Provider:      d.Provider,
		Model:         deref(d.Model),
		SystemPrompt:  deref(d.SystemPrompt),
		Prompt:        deref(d.Prompt),
		Temperature:   d.Temperature,
		Timeout:       readDuration(&wrong, "timeout", d.Timeout, agents.DefaultTimeout),
		OutputKey:     deref(d.OutputKey),
		RetryOnCrash:  d.RetryOnCrash,
		Share:         d.Share,
		Events:        d.Events,
		Params:        d.Params,
		Fallbacks:     d.Fallbacks,
		Output:        d.Output,
		Kind:          catalog.OmitDefault(d.Kind, agents.KindChat),
		Request:       d.Request,
		Poll:          d.Poll,
		Cancel:        d.Cancel,
		Artifacts:     d.Artifacts,
		Skills:        d.Skills,
		Tools:         d.Tools,
		Approve:       d.Approve,
		ApproveWithin: readDuration(&wrong, "approveWithin", d.ApproveWithin, agents.DefaultApproveWithin),
		MaxSteps:      d.MaxSteps,
		Session:       d.Session,
	}
	if a.MaxSteps == agents.DefaultMaxSteps {
		a.MaxSteps = 0
	}
	if d.FlowTools != nil && !*d.FlowTools {
		a.FlowTools = d.FlowTools
	}
	a.Budget = d.Budget.read()
	if d.MaxTokens != nil {
		a.MaxTokens = *d.MaxTokens
	}
	return a, wrong
}

type flowDocument struct {
	ID           string            `json:"id" doc:"Lower-case letters, digits and hyphens. Left out of a POST, it is made from the name."`
	Name         string            `json:"name" doc:"To display; the id, where there is none."`
	Prompt       *string           `json:"prompt" doc:"What it does when a call brings no prompt; null refuses such calls."`
	Timeout      string            `json:"timeout" example:"5m" doc:"For the whole flow."`
	RetryOnCrash *bool             `json:"retryOnCrash" doc:"Whether a run that a crash of the gateway interrupts goes on, or fails. Null is the default: it goes on where all tools of its agents only read."`
	Share        bool              `json:"share" doc:"Whether its runs have pages for recipients."`
	Gate         *string           `json:"gate" doc:"CEL over data: whether an answer passes. Null is no gate."`
	Root         agents.Step       `json:"root" doc:"The first step, and those within it."`
	Events       map[string]string `json:"events" doc:"Renames its events, those of its nodes included; run.* and node.* are several at once."`
	Managed
}

func (d *flowDocument) idField() *string { return &d.ID }

func (d *flowDocument) show(f agents.Flow) {
	*d = flowDocument{
		ID:           f.ID,
		Name:         cmp.Or(f.Name, f.ID),
		Prompt:       orNull(f.Prompt),
		Timeout:      shownDuration(f.Timeout, agents.DefaultTimeout),
		RetryOnCrash: f.RetryOnCrash,
		Share:        f.Share,
		Gate:         orNull(f.Gate),
		Root:         f.Root,
		Events:       orEmptyMap(f.Events),
	}
}

func (d *flowDocument) read(catalog.Kind) (f agents.Flow, wrong problem.Fields) {
	return agents.Flow{
		ID:           d.ID,
		Name:         catalog.OmitDefault(d.Name, d.ID),
		Prompt:       deref(d.Prompt),
		Timeout:      readDuration(&wrong, "timeout", d.Timeout, agents.DefaultTimeout),
		RetryOnCrash: d.RetryOnCrash,
		Share:        d.Share,
		Gate:         deref(d.Gate),
		Root:         d.Root,
		Events:       d.Events,
	}, wrong
}

type commandDocument struct {
	ID          string  `json:"id" doc:"Lower-case letters, digits and hyphens. Left out of a POST, it is made from the name."`
	Name        string  `json:"name" doc:"To display; the id, where there is none."`
	Description *string `json:"description"`
	Prompt      string  `json:"prompt"`
	AgentID     *string `json:"agentId" doc:"The agent or flow that it runs on; null is the client's first."`
	Managed
}

func (d *commandDocument) idField() *string { return &d.ID }

func (d *commandDocument) show(c commands.Command) {
	*d = commandDocument{
		ID:          c.ID,
		Name:        cmp.Or(c.Name, c.ID),
		Description: orNull(c.Description),
		Prompt:      c.Prompt,
		AgentID:     orNull(c.AgentID),
	}
}

func (d *commandDocument) read(catalog.Kind) (c commands.Command, wrong problem.Fields) {
	return commands.Command{
		ID:          d.ID,
		Name:        catalog.OmitDefault(d.Name, d.ID),
		Description: deref(d.Description),
		Prompt:      d.Prompt,
		AgentID:     deref(d.AgentID),
	}, nil
}

func deref[T any](value *T) (v T) {
	if value != nil {
		v = *value
	}
	return v
}

// readSecret knows what is left out from what is empty.
func readSecret(given *string) secret.String {
	switch {
	case given == nil:
		return ""
	case *given == "":
		return secret.Removed
	}
	return secret.String(*given)
}

func shownHeaders(headers map[string]secret.String) map[string]string {
	shown := make(map[string]string, len(headers))
	for name, value := range headers {
		shown[name] = value.String()
	}
	return shown
}

func readHeaders(headers map[string]string) map[string]secret.String {
	if len(headers) == 0 {
		return nil
	}
	secrets := make(map[string]secret.String, len(headers))
	for name, value := range headers {
		secrets[name] = secret.String(value)
	}
	return secrets
}

func orEmptyMap(names map[string]string) map[string]string {
	if names == nil {
		return map[string]string{}
	}
	return names
}

func shownDuration(d units.Duration, standard time.Duration) string {
	return units.Duration(d.Or(standard)).String()
}

func readDuration(wrong *problem.Fields, path, text string, standard time.Duration) (d units.Duration) {
	if text == "" {
		return 0
	}
	if d.UnmarshalText([]byte(text)) != nil {
		wrong.Add(path, "must be a duration such as 30s, 5m or 720h")
	}
	if time.Duration(d) == standard {
		return 0
	}
	return d
}
