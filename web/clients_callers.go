package web

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"beckon/calls/senders"
	"beckon/clients"
	"beckon/internal/catalog"
)

// caller is an answer to "Who calls?", with which a new client begins.
type caller struct {
	Key, Title, About string
	// Client has what the form begins with.
	Client clients.Client
	// AsksProof says that the proof of the client has settings of its own to fill in.
	AsksProof bool
	// IsSchedule says that nobody calls: the client runs by itself.
	IsSchedule bool
}

// callerGroup is a heading with its answers.
type callerGroup struct {
	Title   string
	Callers []caller
}

// callerGroups are all answers, as people look for them.
func callerGroups() []callerGroup {
	generic := clients.Source("generic")
	proof := func(key, title, about string, a clients.Auth) caller {
		return caller{
			Key:       key,
			Title:     title,
			About:     about,
			AsksProof: true,
			Client:    clients.Client{Passthrough: true, Auth: []clients.Auth{a}},
		}
	}
	return []callerGroup{
		{"Pipelines and scripts", []caller{
			{
				Key:    generic.Name,
				Title:  "A script or a program",
				About:  "curl, a pipeline with a secret, your own code",
				Client: clients.Client{Passthrough: true},
			},
			proof("ci", "A CI job without a secret", "GitHub Actions and GitLab CI, with the token of their platform",
				clients.Auth{Scheme: "oidc", Issuer: "https://token.actions.githubusercontent.com", Audience: "beckon"}),
		}},
		{"Alerts", callersOf(senders.Alerts)},
		{"Git hosts", callersOf(senders.Git)},
		{"Payments and shops", callersOf(senders.Payments)},
		{"Chats and tickets", callersOf(senders.Chats)},
		{"Cloud events", callersOf(senders.Cloud)},
		{"On a schedule", []caller{
			{Key: "schedule", Title: "A schedule", About: "Runs by itself, such as every morning at seven", IsSchedule: true},
		}},
		{"Anything else", append(othersOf(senders.Events),
			proof("hmac", "HMAC signature", "Your own system, or one that is not listed", clients.Auth{Scheme: "hmac"}),
			proof("header", "Token in a header", "Such as X-Token: …", clients.Auth{Scheme: "header", Name: "X-Token"}),
			proof("query", "Token in the URL", "For systems that can only take a URL", clients.Auth{Scheme: "query", Name: "token"}),
		)},
	}
}

func callersOf(group senders.Group) (list []caller) {
	for _, one := range clients.Senders(group) {
		c := caller{Key: one.Name, Title: one.Title, About: one.Setup.About, Client: clients.Client{Name: one.Title, Source: one.Name}}
		if p := one.Setup.Proof; p != nil {
			c.Client.Auth = []clients.Auth{{Scheme: p.Scheme, Name: p.Name}}
			c.AsksProof = clients.Scheme(p.Scheme).Check != nil
		}
		list = append(list, c)
	}
	return list
}

// othersOf leaves out generic, which is the first of all cards.
func othersOf(group senders.Group) (list []caller) {
	for _, c := range callersOf(group) {
		if c.Key != "generic" {
			list = append(list, c)
		}
	}
	return list
}

// callerOf returns the answer with a key, or nil.
func callerOf(key string) *caller {
	for _, group := range callerGroups() {
		for _, c := range group.Callers {
			if c.Key == key {
				return &c
			}
		}
	}
	return nil
}

// Sender is what is known of the system that calls; nil for one of which nothing is.
func (c *caller) Sender() *senders.Sender {
	if c == nil || c.Client.Source == "" {
		return nil
	}
	return clients.Source(c.Client.Source)
}

// callersScreen is what the page "Who calls?" shows.
type callersScreen struct {
	Groups []callerGroup
	more   string // of the query of each card's address
}

// Crumb is its place below the list.
func (s callersScreen) Crumb() string { return "New client" }

// Address is that of the form for a caller.
func (s callersScreen) Address(c caller) string {
	return clientsPath + "/new?source=" + url.QueryEscape(c.Key) + s.more
}

// newClientPages put the question before the form of a new client.
func (w *Web) newClientPages(form page) []page {
	asks := page{path: clientsPath + "/new/callers", template: "callers", title: "New client", data: func(c echo.Context) (any, error) {
		return nil, redirect(c, clientsPath+"/new")
	}}
	draw := form.data
	form.data = func(c echo.Context) (any, error) {
		if callerOf(c.QueryParam("source")) != nil {
			return draw(c)
		}
		s := callersScreen{Groups: callerGroups()}
		for _, name := range []string{"commandId", "agent"} {
			if value := c.QueryParam(name); value != "" {
				s.more += "&" + name + "=" + url.QueryEscape(value)
			}
		}
		return nil, w.screens.draw(c, http.StatusOK, asks, s)
	}
	return []page{form, asks}
}

// newClient is what the form of a new client begins with.
func newClient(asked url.Values) clients.Client {
	item := clients.Client{Passthrough: true}
	if c := callerOf(asked.Get("source")); c != nil {
		item = c.Client
	}
	if command := asked.Get("commandId"); command != "" {
		item.CommandID, item.Passthrough = command, false
	}
	if agent := asked.Get("agent"); catalog.ValidID(agent) {
		item.AllowedAgents = []string{agent}
	}
	return item
}

// CallerFields are the settings of the caller that a new client is for.
func (s clientScreen) CallerFields() []field {
	sender := s.Caller.Sender()
	if sender == nil || !sender.Signs() || s.Caller.AsksProof {
		return nil
	}
	help := "Empty: Beckon makes one, and shows it once. You paste it into " + sender.Title + "."
	if sender.Setup.MakesSecret {
		help = sender.Setup.SecretFrom + " If you do not have it yet, leave this empty: " +
			"you are asked for it on the next page, with the URL."
	}
	return []field{s.Secret("secret", sender.Setup.Secret, "", help)}
}

// ProofInWords says how the caller proves itself where nothing has to be filled in.
func (s clientScreen) ProofInWords() string {
	sender := s.Caller.Sender()
	switch {
	case s.Caller == nil || s.Caller.IsSchedule || s.Caller.AsksProof || sender != nil && sender.Signs():
		return ""
	case len(s.Caller.Client.Auth) > 0 && s.Caller.Client.Auth[0].Scheme == "basic":
		return "Uses HTTP Basic with any user name, and a token as the password. Beckon creates the token and shows it once."
	}
	return "Uses a bearer token. Beckon creates the token and shows it once."
}

// PromptOfSource says what the prompt of a call is where its source makes it.
func (s clientScreen) PromptOfSource() string {
	if sender := clients.Source(s.Form.Source); s.Form.Source != "generic" && sender != nil && sender.Prompt != nil {
		return "Beckon writes a prompt with what matters in each call from " + sender.Title + "."
	}
	return ""
}
