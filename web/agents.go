package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// agentFields are those that can be wrong, in the order of the form.
var agentFields = []labelled{
	{"kind", "Kind"},
	{"provider", "Provider"},
	{"model", "Model"},
	{"systemPrompt", "Instructions"},
	{"temperature", "Temperature"},
	{"maxTokens", "Most tokens of an answer"},
	{"params", "Parameters"},
	{"fallbacks", "Fallbacks"},
	{"output", "What the answer has to be"},
	{"request", "Request"},
	{"poll", "Asking for the job"},
	{"cancel", "Stopping the job"},
	{"artifacts", "Its files"},
	{"timeout", "Time"},
	{"retryOnCrash", "Run it again after a crash"},
	{"outputKey", "Name of its output"},
	{"events", "Names of its events"},
}

// agentForm is an agent as its form has it.
type agentForm struct {
	ID, Name, Provider, Model, SystemPrompt    string
	Temperature, MaxTokens, Timeout, OutputKey string
	Params, Fallbacks, Output                  string
	Kind, Request, Poll, Cancel, Artifacts     string
	RetryOnCrash                               string // yes, no, or empty for the default
	Tools                                      bool
	Aliases                                    []alias
}

func (w *Web) agentPages() []page {
	return nounPages[agents.Agent, agentForm]{
		form: formOf("agents"), web: w,
		blank: func(_ context.Context, asked url.Values) (agents.Agent, error) {
			return agents.Agent{Provider: asked.Get("provider")}, nil
		},
		typed: agentFormOf, read: readAgent,
		choices: func(ctx context.Context) ([]string, error) { return idsOf[agents.Provider](ctx, w) },
		act:     w.listModels,
		notes:   w.notesOf,
	}.pages()
}

func agentFormOf(a agents.Agent) agentForm {
	f := agentForm{ID: a.ID, Name: a.Name, Provider: a.Provider, Model: a.Model, SystemPrompt: a.SystemPrompt, Timeout: writeDuration(a.Timeout),
		OutputKey: a.OutputKey, RetryOnCrash: writeYesNo(a.RetryOnCrash), Tools: a.TakesTools(), Aliases: aliasesOf(a.Events, "events", runEvents),
		Params: writeParams(a.Params), Fallbacks: writeFallbacks(a.Fallbacks), Output: writeJSON(a.Output),
		Kind: a.Kind, Request: writeRequest(a), Poll: writeJSON(a.Poll), Cancel: writeJSON(a.Cancel), Artifacts: a.Artifacts}
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
	f := agentForm{ID: word(sent, "id"), Name: word(sent, "name"), Provider: word(sent, "provider"), Model: word(sent, "model"), SystemPrompt: sent.Get("systemPrompt"),
		Temperature: word(sent, "temperature"), MaxTokens: word(sent, "maxTokens"), Timeout: word(sent, "timeout"), OutputKey: word(sent, "outputKey"),
		RetryOnCrash: word(sent, "retryOnCrash"), Tools: sent.Has("tools"), Params: sent.Get("params"), Fallbacks: sent.Get("fallbacks"), Output: sent.Get("output"),
		Kind: word(sent, "kind"), Request: sent.Get("request"), Poll: sent.Get("poll"), Cancel: sent.Get("cancel"), Artifacts: word(sent, "artifacts")}
	a := agents.Agent{ID: f.ID, Name: unlessIs(f.Name, f.ID), Provider: f.Provider, Model: f.Model, SystemPrompt: f.SystemPrompt, MaxTokens: readCount(&wrong, "maxTokens", f.MaxTokens, 0),
		Timeout: typedDuration(&wrong, "timeout", f.Timeout), OutputKey: f.OutputKey, RetryOnCrash: typedYesNo(&wrong, "retryOnCrash", f.RetryOnCrash), Events: aliasesIn(sent, "events", runEvents),
		Params: readParams(&wrong, f.Params), Fallbacks: readFallbacks(f.Fallbacks), Output: readJSON[agents.Output](&wrong, "output", f.Output, `{"schema": {"type": "object"}}`),
		Kind: unlessIs(f.Kind, agents.KindChat), Request: readRequest(&wrong, f.Kind, f.Request), Poll: readJSON[agents.Poll](&wrong, "poll", f.Poll, pollExample),
		Cancel: readJSON[agents.Cancel](&wrong, "cancel", f.Cancel, cancelExample), Artifacts: f.Artifacts}
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
	if !f.Tools {
		a.Tools = new(bool)
	}
	return f, a, wrong
}

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
	if w.Desk.Notes == nil {
		return nil
	}
	return w.Desk.Notes(id)
}

// listModels fills the list that the model is chosen from.
func (w *Web) listModels(ctx context.Context, _ string, f *nounForm[agentForm], a, _ agents.Agent) error {
	if a.Provider == "" {
		f.Models = &modelList{Wrong: "Choose a provider first."}
		return nil
	}
	record, err := kept[agents.Provider](w).Get(ctx, a.Provider)
	if problem.Is(err, problem.NotFound) {
		f.Models = &modelList{Wrong: problem.Of(err).Detail}
		return nil
	}
	if err != nil {
		return err
	}
	f.Models = w.askForModels(ctx, record.Item)
	return nil
}
