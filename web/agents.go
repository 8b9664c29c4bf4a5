package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

// agentFields are the fields of the form, in its order.
var agentFields = []labelled{
	{"kind", "Kind"},
	{"provider", "Provider"},
	{"model", "Model"},
	{"temperature", "Temperature"},
	{"maxTokens", "Max output tokens"},
	{"fallbacks", "Fallbacks"},
	{"systemPrompt", "Instructions"},
	{"prompt", "Default prompt"},
	{"output", "Output schema"},
	{"tools", "Tools"},
	{"approve", "Tools that need approval"},
	{"approveWithin", "Approval timeout"},
	{"maxSteps", "Max steps"},
	{"skills", "Skills"},
	{"budget.perRun", "Budget per run"},
	{"budget.perDay", "Budget per day"},
	{"budget.perMonth", "Budget per month"},
	{"timeout", "Timeout"},
	{"retryOnCrash", "Retry after a crash"},
	{"session", "Conversations"},
	{"request", "Request"},
	{"poll", "Poll request"},
	{"cancel", "Cancel request"},
	{"artifacts", "Files"},
	{"params", "Parameters"},
	{"outputKey", "Output name"},
	{"events", "Event names"},
}

// agentForm is an agent as its form has it.
type agentForm struct {
	ID, Name, Provider, Model                  string
	SystemPrompt, Prompt                       string
	Temperature, MaxTokens, Timeout, OutputKey string
	Params, Fallbacks, Output, Session         string
	Kind, Request, Poll, Cancel, Artifacts     string
	Skills                                     string // a name a line
	RetryOnCrash                               string // yes, no, or empty for the default
	Tools, Approve                             string // a pattern a line
	ApproveWithin, MaxSteps                    string
	FlowTools, Share                           bool
	Budget                                     budgetForm
	Aliases                                    []alias
	NeedsModel                                 bool // its provider has models to choose from, or none is chosen yet
}

// NeedsProvider reports whether an agent of this kind uses a provider.
func (f agentForm) NeedsProvider() bool { return f.Kind != agents.KindHTTP }

func (w *Web) agentPages() []page {
	return nounPages[agents.Agent, agentForm]{
		form: formOf("agents"), web: w,
		newItem: w.blankAgent, formFor: agentFormOf, read: readAgent,
		screen: func(c echo.Context, f nounForm[agentForm], _ *agents.Agent) (any, error) {
			answers, err := w.answersByItself(c.Request().Context(), f.Form.Provider)
			f.Form.NeedsModel = f.Form.NeedsProvider() && !answers
			return f, err
		},
		choices:   func(ctx context.Context) ([]string, error) { return idsOf[agents.Provider](ctx, w) },
		onButton:  w.listModels,
		invocable: true,
		pageNotes: w.notesOf,
		budget:    func(a agents.Agent) *spend.Budget { return a.Budget },
	}.pages()
}

// blankAgent uses the provider that the address names, or the only one there is.
func (w *Web) blankAgent(ctx context.Context, asked url.Values) (agents.Agent, error) {
	if provider := asked.Get("provider"); provider != "" {
		return agents.Agent{Provider: provider}, nil
	}
	ids, err := idsOf[agents.Provider](ctx, w)
	if len(ids) != 1 {
		return agents.Agent{}, err
	}
	return agents.Agent{Provider: ids[0]}, err
}

// answersByItself reports whether a provider answers without a model.
func (w *Web) answersByItself(ctx context.Context, provider string) (bool, error) {
	if provider == "" {
		return false, nil
	}
	record, err := resources[agents.Provider](w).Get(ctx, provider)
	if problem.Is(err, problem.NotFound) {
		return false, nil
	}
	return record.Item.Type == providerTemplate, err
}

func agentFormOf(a agents.Agent) agentForm {
	f := agentForm{
		ID:            a.ID,
		Name:          a.Name,
		Provider:      a.Provider,
		Model:         a.Model,
		SystemPrompt:  a.SystemPrompt,
		Prompt:        a.Prompt,
		Timeout:       writeDuration(a.Timeout),
		OutputKey:     a.OutputKey,
		RetryOnCrash:  writeYesNo(a.RetryOnCrash),
		FlowTools:     a.TakesFlowTools(),
		Share:         a.Share,
		Aliases:       aliasesOf(a.Events, "events", runEvents),
		Params:        writeParams(a.Params),
		Fallbacks:     writeFallbacks(a.Fallbacks),
		Output:        writeJSON(a.Output),
		Budget:        budgetFormOf(a.Budget),
		Kind:          a.Kind,
		Request:       writeRequest(a),
		Poll:          writeJSON(a.Poll),
		Cancel:        writeJSON(a.Cancel),
		Artifacts:     a.Artifacts,
		Skills:        strings.Join(a.Skills, "\n"),
		Session:       writeJSON(a.Session),
		Tools:         strings.Join(a.Tools, "\n"),
		Approve:       strings.Join(a.Approve, "\n"),
		ApproveWithin: writeDuration(a.ApproveWithin),
	}
	if a.MaxSteps != 0 {
		f.MaxSteps = strconv.Itoa(a.MaxSteps)
	}
	if a.Temperature != nil {
		f.Temperature = strconv.FormatFloat(*a.Temperature, 'g', -1, 64)
	}
	if a.MaxTokens != 0 {
		f.MaxTokens = strconv.Itoa(a.MaxTokens)
	}
	return f
}

func readAgent(sent url.Values, _ agents.Agent) (agentForm, agents.Agent, problem.Fields) {
	var wrong problem.Fields
	f := agentForm{
		ID:            trimmed(sent, "id"),
		Name:          trimmed(sent, "name"),
		Provider:      trimmed(sent, "provider"),
		Model:         trimmed(sent, "model"),
		SystemPrompt:  sent.Get("systemPrompt"),
		Prompt:        sent.Get("prompt"),
		Temperature:   trimmed(sent, "temperature"),
		MaxTokens:     trimmed(sent, "maxTokens"),
		Timeout:       trimmed(sent, "timeout"),
		OutputKey:     trimmed(sent, "outputKey"),
		RetryOnCrash:  trimmed(sent, "retryOnCrash"),
		FlowTools:     sent.Has("flowTools"),
		Share:         sent.Has("share"),
		Params:        sent.Get("params"),
		Fallbacks:     sent.Get("fallbacks"),
		Output:        sent.Get("output"),
		Budget:        readBudgetForm(sent),
		Kind:          trimmed(sent, "kind"),
		Request:       sent.Get("request"),
		Poll:          sent.Get("poll"),
		Cancel:        sent.Get("cancel"),
		Artifacts:     trimmed(sent, "artifacts"),
		Skills:        sent.Get("skills"),
		Session:       sent.Get("session"),
		Tools:         sent.Get("tools"),
		Approve:       sent.Get("approve"),
		ApproveWithin: trimmed(sent, "approveWithin"),
		MaxSteps:      trimmed(sent, "maxSteps"),
	}
	a := agents.Agent{
		ID:            f.ID,
		Share:         f.Share,
		Name:          catalog.OmitDefault(f.Name, f.ID),
		Provider:      f.Provider,
		Model:         f.Model,
		SystemPrompt:  f.SystemPrompt,
		Prompt:        f.Prompt,
		MaxTokens:     readCount(&wrong, "maxTokens", f.MaxTokens, 0),
		Timeout:       typedDuration(&wrong, "timeout", f.Timeout),
		OutputKey:     f.OutputKey,
		RetryOnCrash:  typedYesNo(&wrong, "retryOnCrash", f.RetryOnCrash),
		Events:        aliasesIn(sent, "events", runEvents),
		Params:        readParams(&wrong, f.Params),
		Fallbacks:     readFallbacks(f.Fallbacks),
		Output:        readJSON[agents.Output](&wrong, "output", f.Output, `{"schema": {"type": "object"}}`),
		Budget:        f.Budget.budget(&wrong),
		Kind:          catalog.OmitDefault(f.Kind, agents.KindChat),
		Request:       readRequest(&wrong, f.Kind, f.Request),
		Poll:          readJSON[agents.Poll](&wrong, "poll", f.Poll, pollExample),
		Cancel:        readJSON[agents.Cancel](&wrong, "cancel", f.Cancel, cancelExample),
		Artifacts:     f.Artifacts,
		Skills:        strings.Fields(f.Skills),
		Session:       readJSON[agents.Session](&wrong, "session", f.Session, sessionExample),
		Tools:         strings.Fields(f.Tools),
		Approve:       strings.Fields(f.Approve),
		ApproveWithin: typedDuration(&wrong, "approveWithin", f.ApproveWithin),
		MaxSteps:      readCount(&wrong, "maxSteps", f.MaxSteps, 1),
	}
	if f.NeedsProvider() && a.Provider == "" && a.Model == "" { // a provider that is known asks for the model itself
		wrong.Add("model", "is required")
	}
	if a.Request != nil {
		f.Request = writeRequest(a) // a secret that was typed is not shown again
	}
	f.Aliases = aliasesOf(a.Events, "events", runEvents)
	if f.Temperature != "" {
		t, err := strconv.ParseFloat(f.Temperature, 64)
		if err != nil || t != t { // NaN is within no bounds
			wrong.Add("temperature", "must be a number from 0 to 2, such as 0.2")
		} else {
			a.Temperature = &t
		}
	}
	if !f.FlowTools {
		a.FlowTools = new(bool)
	}
	return f, a, wrong
}

const sessionExample = `{"window": 20, "maxTokens": 8000, "ttl": "720h"}`

// Examples of what a job's API wants.
const (
	requestExample = `{"method": "POST", "url": "https://api.example.com/v1/jobs", "headers": {"Authorization": "Bearer …"}, "body": "…"}`
	pollExample    = `{"url": "https://api.example.com/v1/jobs/{{ .answer.id }}", "until": "answer.status == \"completed\"", "every": "5s"}`
	cancelExample  = `{"method": "DELETE", "url": "https://api.example.com/v1/jobs/{{ .answer.id }}"}`
)

// writeRequest writes the request of kind http as JSON, with its secrets masked, and any other as the template that it is.
func writeRequest(a agents.Agent) string {
	if a.Request == nil || a.KindOrChat() == agents.KindHTTP {
		return writeJSON(a.Request)
	}
	return a.Request.Body
}

func readRequest(wrong *problem.Fields, kind, text string) *agents.Request {
	switch {
	case kind == agents.KindHTTP:
		return readJSON[agents.Request](wrong, "request", text, requestExample)
	case strings.TrimSpace(text) == "":
		return nil
	}
	return &agents.Request{Body: text}
}

// notesOf says what was learnt of the models of an agent.
func (w *Web) notesOf(id string) []string {
	if w.Backend.Notes == nil {
		return nil
	}
	return w.Backend.Notes(id)
}

// listModels fills the list that the model is chosen from.
func (w *Web) listModels(ctx context.Context, _ string, f *nounForm[agentForm], a, _ agents.Agent) error {
	if a.Provider == "" {
		f.Models = &modelList{Error: "Choose a provider first."}
		return nil
	}
	record, err := resources[agents.Provider](w).Get(ctx, a.Provider)
	if problem.Is(err, problem.NotFound) {
		f.Models = &modelList{Error: problem.Of(err).Detail}
		return nil
	}
	if err != nil {
		return err
	}
	f.Models = w.askForModels(ctx, record.Item)
	return nil
}
