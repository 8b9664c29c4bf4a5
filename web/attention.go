package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/runs"
)

// attention is something that somebody should look at.
type attention struct {
	Bad          bool // else it only warns
	Title        string
	Text         string
	Since, Until time.Time // zero for unknown
	Address, Act string    // where to, and what the link says
}

// needsAttention lists what is wrong now, the worst first.
func needsAttention(o overview) (list []attention) {
	for _, n := range o.NotInForce {
		what := "The configuration file"
		if n.ID != "" {
			what = fmt.Sprintf("The %s “%s”", n.What, n.ID)
		}
		list = append(list, attention{Bad: true, Title: what + " is not active", Text: n.Why, Address: n.Address, Act: "Fix"})
	}
	for _, e := range o.Troubled {
		state := "is failing"
		if e.Disabled() {
			state = "is disabled"
		}
		text := e.Reason
		if e.Pending > 0 {
			text += " " + number(e.Pending) + " deliveries are waiting."
		}
		if e.Failed > 0 {
			text += " " + number(e.Failed) + " have failed."
		}
		list = append(list, attention{Bad: true, Title: "The endpoint “" + e.EndpointID + "” " + state, Text: text, Since: e.FailingSince, Address: addressOf(endpointsPath, e.EndpointID), Act: "Open endpoint"})
	}
	for _, p := range o.Failing {
		list = append(list, attention{Title: "The provider “" + p.Provider + "” is failing", Text: "Last error: " + p.Code + ". Agents with a fallback use it meanwhile.", Until: p.Until, Address: "/admin/providers/" + p.Provider, Act: "Open provider"})
	}
	return list
}

// setup is how far somebody is with the first steps.
type setup struct {
	Model, Agent, Caller, Call, Outbound bool
	InUse                                bool // there are as many runs as the page lists: nobody needs first steps
	Dismissed                            bool // somebody has read that all is set
	Vendors                              []vendor
	Demo                                 string // the address of a client to try; empty for none
	AgentID                              string // the first agent that answers by a model
}

// Done reports whether all steps are taken. Who only wants answers in responses needs no endpoint, and is done when there are runs.
func (s setup) Done() bool {
	return s.Model && s.Agent && s.Caller && s.Call && (s.Outbound || s.InUse)
}

// ShowsDone reports whether the page says that all steps are taken: until there are more runs than the page lists.
func (s setup) ShowsDone() bool { return s.Done() && !s.InUse && !s.Dismissed }

// Count is how many of the five steps are taken.
func (s setup) Count() (n int) {
	for _, done := range s.steps() {
		if done {
			n++
		}
	}
	return n
}

// steps are those of the checklist, in its order.
func (s setup) steps() []bool { return []bool{s.Model, s.Agent, s.Caller, s.Outbound, s.Call} }

// Now is the number of the first step that is not taken.
func (s setup) Now() int {
	for i, done := range s.steps() {
		if !done {
			return i + 1
		}
	}
	return 0
}

// setupOf looks how far somebody is.
func (w *Web) setupOf(ctx context.Context) (s setup, err error) {
	v, err := w.Backend.Editor.View(ctx)
	if err != nil {
		return s, err
	}
	real := map[string]bool{}
	for _, p := range catalog.Records[agents.Provider](v) {
		if p.Item.Type != providerTemplate {
			real[p.Item.ID], s.Model = true, true
		}
	}
	for _, a := range catalog.Records[agents.Agent](v) {
		if real[a.Item.Provider] || a.Item.KindOrChat() == agents.KindHTTP {
			s.Agent, s.AgentID = true, cmp.Or(s.AgentID, a.Item.ID)
		}
	}
	s.Model = s.Model || s.Agent
	for _, c := range v.RecordsOf("clients") {
		if c.Item.Key() == demoClient {
			s.Demo = addressOf(clientsPath, demoClient)
		} else {
			s.Caller = true
		}
	}
	s.Outbound = len(v.RecordsOf("endpoints")) > 0
	s.Vendors = vendors()
	for i := range s.Vendors {
		s.Vendors[i].Next = nextAgent
	}
	if w.Backend.Runs == nil {
		return s, nil
	}
	list, _, err := w.Backend.Runs.List(ctx, runs.Query{Limit: maxShown, Brief: true})
	s.Call = slices.ContainsFunc(list, func(r *runs.Run) bool {
		return r.ClientID != "" && r.Status == runs.Completed // else somebody only tried an agent, or it failed
	})
	s.InUse = len(list) == maxShown
	return s, err
}

// setupCookie remembers in a browser that somebody has read that all is set.
const setupCookie = "beckon_setup"

// dismissSetup hides that all is set.
func (w *Web) dismissSetup(c echo.Context) error {
	own := w.sessions.manager.Cookie
	c.SetCookie(&http.Cookie{
		Name:     setupCookie,
		Value:    "dismissed",
		Path:     own.Path,
		MaxAge:   int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true,
		Secure:   own.Secure,
		SameSite: own.SameSite,
	})
	return redirect(c, homePath)
}

// demoClient is the client that the first start makes.
const demoClient = "demo"

// noModel says what follows while no model is connected; empty where one is.
func (w *Web) noModel(ctx context.Context) string {
	v, err := w.Backend.Editor.View(ctx)
	if err != nil {
		return "" // the page itself says what is wrong
	}
	list := catalog.Records[agents.Provider](v)
	for _, p := range list {
		if p.Item.Type != providerTemplate {
			return ""
		}
	}
	for _, a := range catalog.Records[agents.Agent](v) {
		if a.Item.KindOrChat() == agents.KindHTTP {
			return ""
		}
	}
	if len(list) > 0 {
		return "Agents answer from templates until you connect one."
	}
	return "Calls are refused until you connect one."
}

// vendor is where models can be had, with what its provider begins with.
type vendor struct {
	Key, Title, About, Glyph string
	provider                 agents.Provider
	Current                  bool   // the form has what its provider begins with
	Next                     string // what is created after it: nextAgent, or empty
}

// vendorOther is the key of any server with OpenAI's API. There is no URL that its provider could begin with.
const vendorOther = "other"

// Address is the form of a new provider of the vendor.
func (v vendor) Address() string {
	return filtered("/admin/providers/new", "vendor", v.Key, "next", v.Next)
}

func vendors() []vendor {
	return []vendor{
		{Key: "openai", Title: "OpenAI", About: "GPT models", Glyph: "OA", provider: agents.Provider{Name: "OpenAI", Type: providerOpenAI, URL: "https://api.openai.com/v1"}},
		{Key: "anthropic", Title: "Anthropic", About: "Claude models", Glyph: "An", provider: agents.Provider{Name: "Anthropic", Type: "anthropic", URL: "https://api.anthropic.com/v1"}},
		{Key: "gemini", Title: "Google", About: "Gemini models", Glyph: "Ge", provider: agents.Provider{Name: "Gemini", Type: providerOpenAI, URL: "https://generativelanguage.googleapis.com/v1beta/openai"}},
		{Key: "azure", Title: "Azure", About: "OpenAI on Azure", Glyph: "Az", provider: agents.Provider{Name: "Azure", Type: providerOpenAI, URL: "https://YOUR-RESOURCE.openai.azure.com/openai/v1"}},
		{Key: "ollama", Title: "Ollama", About: "On your machine", Glyph: "Ol", provider: agents.Provider{Name: "Ollama", Type: providerOpenAI, URL: "http://localhost:11434/v1"}},
		{Key: "vllm", Title: "vLLM", About: "Your own server", Glyph: "vL", provider: agents.Provider{Name: "vLLM", Type: providerOpenAI, URL: "http://localhost:8000/v1"}},
		{Key: vendorOther, Title: "Other server", About: "With an OpenAI-compatible API", Glyph: "+", provider: agents.Provider{Type: providerOpenAI}},
		{Key: "template", Title: "Test model", About: "No key needed", Glyph: "T", provider: agents.Provider{Name: "Test", Type: providerTemplate, Template: "You asked: {{ .prompt }}"}},
	}
}

// nextAgent says that an agent is created after a provider, as in the first steps.
const nextAgent = "agent"

// blankProvider is what the form of a new provider begins with.
func blankProvider(key string) agents.Provider {
	for _, v := range vendors() {
		if v.Key == key {
			return v.provider
		}
	}
	return agents.Provider{Type: providerOpenAI}
}
