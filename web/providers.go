package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// providerFields are the fields of the form, in its order.
var providerFields = []labelled{
	{"type", "Type"},
	{"url", "URL"},
	{"apiKey", "API key"},
	{"timeout", "Timeout per attempt"},
	{"maxRetries", "Retries"},
	{"stream", "Streaming"},
	{"reasoning", "Reasoning in the answer"},
	{"params", "Parameters"},
	{"headers", "Headers"},
	{"template", "Template"},
}

// The types of providers.
const (
	providerOpenAI   = "openai"
	providerTemplate = "template"
)

// codeNoModels is the code of a server that answers, and has no list of models.
const codeNoModels = "provider_no_models"

// providerForm is a provider as its form has it. No value of a header is in it, and no key.
type providerForm struct {
	ID, Name, Type, URL, Timeout, MaxRetries, Template string
	Stream, Reasoning, Params                          string
	APIKey                                             string // what nounForm.Secret shows
	Headers                                            []headerLine
	Next                                               string // what is created after it: nextAgent, or empty
	Vendor                                             string // the card that a new one began with; empty for none
	Retype                                             bool   // a secret was typed, and is not in the form any more
}

// Streams are the choices of when a provider is asked to stream.
func (providerForm) Streams() []string {
	return []string{agents.StreamAuto, agents.StreamNever, agents.StreamAlways}
}

// Vendors are those whose providers the form can begin with.
func (f providerForm) Vendors() []vendor {
	list := vendors()
	for i, v := range list {
		list[i].Next = f.Next
		list[i].Current = v.Key == f.Vendor
	}
	return list
}

// OwnURL is an example of a URL where none can be fallen back on.
func (f providerForm) OwnURL() string {
	if f.NeedsURL() {
		return "https://models.example.com/v1"
	}
	return ""
}

// NeedsURL reports whether there is no URL to fall back on.
func (f providerForm) NeedsURL() bool { return f.Vendor == vendorOther && f.Type != providerTemplate }

// HasHeaders reports whether requests get headers.
func (f providerForm) HasHeaders() bool {
	return slices.ContainsFunc(f.Headers, func(l headerLine) bool { return l.Name != "" })
}

// Reasonings are the choices of what becomes of the thoughts in an answer.
func (providerForm) Reasonings() []string {
	return []string{agents.ReasoningStrip, agents.ReasoningKeep}
}

func (w *Web) providerPages() []page {
	return nounPages[agents.Provider, providerForm]{
		form: formOf("providers"), web: w,
		newItem: func(_ context.Context, asked url.Values) (agents.Provider, error) {
			return blankProvider(asked.Get("vendor")), nil
		},
		formFor: providerFormOf, read: readProvider, onButton: w.testConnection,
		screen: func(c echo.Context, f nounForm[providerForm], _ *agents.Provider) (any, error) {
			if f.ID == "" && c.QueryParam("next") == nextAgent {
				f.Form.Next = nextAgent
			}
			if f.ID == "" && c.Request().Method == http.MethodGet {
				f.Form.Vendor = c.QueryParam("vendor")
			}
			return f, nil
		},
		afterCreate: func(c echo.Context, p agents.Provider, _ secret.String) error {
			if c.Request().PostForm.Get("next") == nextAgent {
				return redirect(c, filtered("/admin/agents/new", "provider", p.ID, "done", "connected"))
			}
			return redirect(c, addressOf("/admin/providers", p.ID)+"?done=created")
		},
		choices: func(context.Context) ([]string, error) { return w.Backend.Editor.File().Variables(), nil },
	}.pages()
}

func providerFormOf(p agents.Provider) providerForm {
	f := providerForm{
		ID:        p.ID,
		Name:      p.Name,
		Type:      p.Type,
		URL:       secret.ShownURL(p.URL),
		Timeout:   writeDuration(p.Timeout),
		Template:  p.Template,
		APIKey:    p.APIKey.Shown(),
		Headers:   headerLines(p.Headers),
		Stream:    p.Stream,
		Reasoning: p.Reasoning,
		Params:    writeParams(p.Params),
	}
	if p.MaxRetries != nil {
		f.MaxRetries = strconv.Itoa(*p.MaxRetries)
	}
	return f
}

func readProvider(sent url.Values, have agents.Provider) (providerForm, agents.Provider, problem.Fields) {
	var wrong problem.Fields
	f := providerForm{
		Next:       trimmed(sent, "next"),
		Vendor:     trimmed(sent, "vendor"),
		ID:         trimmed(sent, "id"),
		Name:       trimmed(sent, "name"),
		Type:       trimmed(sent, "type"),
		URL:        trimmed(sent, "url"),
		Timeout:    trimmed(sent, "timeout"),
		MaxRetries: trimmed(sent, "maxRetries"),
		Template:   sent.Get("template"),
		APIKey:     have.APIKey.Shown(),
		Stream:     trimmed(sent, "stream"),
		Reasoning:  trimmed(sent, "reasoning"),
		Params:     sent.Get("params"),
	}
	p := agents.Provider{
		ID:        f.ID,
		Name:      catalog.OmitDefault(f.Name, f.ID),
		Type:      f.Type,
		URL:       f.URL,
		APIKey:    typedSecret(sent, "apiKey"),
		Timeout:   typedDuration(&wrong, "timeout", f.Timeout),
		Template:  f.Template,
		Stream:    f.Stream,
		Reasoning: f.Reasoning,
		Params:    readParams(&wrong, f.Params),
	}
	if f.NeedsURL() && f.URL == "" {
		wrong.Add("url", "is required")
	}
	f.Headers, p.Headers, f.Retype = typedHeaders(sent, have.Headers, &wrong)
	if p.APIKey.IsReference() {
		f.APIKey = p.APIKey.Reveal()
	} else if p.APIKey != "" && p.APIKey != secret.Removed {
		f.Retype = true
	}
	if f.MaxRetries != "" {
		n := readCount(&wrong, "maxRetries", f.MaxRetries, 0)
		p.MaxRetries = &n
	}
	return f, p, wrong
}

// testConnection asks the provider that was typed for its models. What is kept of its secrets goes only where it was
// kept for: who cannot see a key must not have it sent to an address of their own.
func (w *Web) testConnection(ctx context.Context, _ string, f *nounForm[providerForm], typed, have agents.Provider) error {
	if f.Managed { // a form that cannot be changed sends nothing
		f.Models = w.askForModels(ctx, have)
		return nil
	}
	if f.Form.NeedsURL() && typed.URL == "" {
		f.Models = &modelList{Error: "Enter the URL first."}
		return nil
	}
	revised := resources[agents.Provider](w).Revised(have, typed)
	withKept := have.APIKey.IsKeptBy(typed.APIKey)
	for name, value := range typed.Headers {
		withKept = withKept || secret.InHeaders(have.Headers, name).IsKeptBy(value)
	}
	if withKept && revised.URL != have.URL {
		f.Models = &modelList{Error: "The secrets were saved for another URL. Type the API key and header values again to test this one, " +
			"or save first."}
		return nil
	}
	f.Models = w.askForModels(ctx, revised)
	return nil
}

// askForModels asks a provider which models it has, and shows what came of it.
func (w *Web) askForModels(ctx context.Context, p agents.Provider) *modelList {
	if p.Type == providerTemplate {
		return &modelList{Note: "This provider answers from its template. There is no connection to test, and there are no models to list."}
	}
	p, err := resources[agents.Provider](w).Used(p)
	var names []string
	if err == nil {
		names, err = w.Backend.Models(ctx, p)
	}
	if err != nil {
		w.Log.InfoContext(ctx, "the models of a provider could not be listed", slog.String("provider", p.ID), slog.Any("error", err))
		return noModels(problem.Of(err))
	}
	return &modelList{Names: names}
}

// noModels says why the models could not be listed. A server that has no list can be used all the same.
func noModels(why *problem.Error) *modelList {
	detail := strings.ReplaceAll(why.Detail, `provider "" `, "provider ") // a new one has no ID yet
	if why.Code == codeNoModels || why.Code == problem.CodeProviderInvalidResponse {
		return &modelList{Note: detail}
	}
	return &modelList{Error: detail}
}
