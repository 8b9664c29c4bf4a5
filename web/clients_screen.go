package web

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// clientScreen is what client.html shows: the form of a client, and what can be tried with it.
type clientScreen struct {
	nounForm[clientForm]
	Enabled   bool // as it is saved
	HasSecret bool
	Last      *lastCall
	Agents    []agentChoice
	Commands  []commandChoice
	Call      sampleCall
	Preview   clientPreview
	Try       clientTry
	Overlaps  []tokenOverlap
	Snippets  []snippet
}

// agentChoice is an agent or flow that a client may be allowed.
type agentChoice struct {
	ID, Kind         string
	Allowed, Default bool
}

type commandChoice struct {
	ID, Description string
	Chosen          bool
}

// Says is what is wrong with a field; empty when nothing is.
func (s clientScreen) Says(path string) string { return s.Text(path, "", "", "").Wrong }

// Limits are the fields that most clients leave empty.
func (s clientScreen) Limits() []field {
	return []field{
		s.Text("syncTimeout", "How long a call waits for its answer", s.Form.SyncTimeout,
			"Such as 30s or 5m. Then the caller gets a 202 with the run's address, and the run goes on. Empty: 5m.").Like("5m"),
		s.Text("maxBodyBytes", "Largest request", s.Form.MaxBodyBytes, "Such as 256KiB or 1MiB. What is larger gets a 413. Empty: the server's limit."),
		s.Text("maxConcurrent", "Calls at the same time", s.Form.MaxConcurrent, "More get a 429, to come again. Empty: any number."),
	}
}

// WebhookSecret is the field that is always empty.
func (s clientScreen) WebhookSecret() field {
	help, kept := "Signs the webhooks that its calls ask for. Empty: one that follows from the token.", ""
	if s.HasSecret {
		help, kept = "Signs the webhooks that its calls ask for. Empty: the one that is kept stays.", "kept"
	}
	return s.Secret("webhookSecret", "Secret for callbacks", kept, help)
}

// Unlimited reports whether the fields that most leave empty have nothing to show.
func (s clientScreen) Unlimited() bool {
	for _, f := range append(s.Limits(), s.WebhookSecret()) {
		if f.Value != "" || f.Wrong != "" {
			return false
		}
	}
	return !s.Form.Retype && s.Form.RateRequests+s.Form.RatePer+s.Says("rateLimit") == "" && !s.Form.CancelOnDisconnect
}

// screenOf shows a client as it is saved, or a new one when id is empty.
func (w *Web) screenOf(ctx context.Context, id string) (s clientScreen, record catalog.Record[clients.Client], err error) {
	s.nounForm = nounForm[clientForm]{Path: clientsPath, One: "client", Form: newClientForm()}
	if id != "" {
		if record, err = kept[clients.Client](w).Get(ctx, id); err != nil {
			return s, record, err
		}
		if s.Last, err = w.lastCallOf(ctx, id); err != nil {
			return s, record, err
		}
		aboutSaved(&s.nounForm, record)
		s.Form, s.Enabled, s.HasSecret = clientFormOf(record.Item), record.Item.IsEnabled(), record.Item.WebhookSecret != ""
		s.Overlaps, s.Snippets = overlaps(), snippets(w.PublicURL, record.Item, "")
	}
	s.Call = sampleFor(s.Form)
	return s, record, w.addChoices(ctx, &s)
}

// addChoices lists what the form can choose from: what is chosen comes first, in its order, whether it exists or not.
func (w *Web) addChoices(ctx context.Context, s *clientScreen) error {
	known, err := w.invocable(ctx)
	if err != nil {
		return err
	}
	s.Agents = nil
	for _, id := range s.Form.Allowed {
		s.Agents = append(s.Agents, agentChoice{ID: id, Kind: cmp.Or(known[id], "does not exist"), Allowed: true, Default: id == s.Form.Default})
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if !slices.Contains(s.Form.Allowed, id) {
			s.Agents = append(s.Agents, agentChoice{ID: id, Kind: known[id], Default: id == s.Form.Default})
		}
	}
	list, err := kept[commands.Command](w).List(ctx)
	if err != nil {
		return err
	}
	s.Commands = nil
	found := s.Form.CommandID == ""
	for _, r := range list {
		chosen := r.Item.ID == s.Form.CommandID
		found = found || chosen
		s.Commands = append(s.Commands, commandChoice{r.Item.ID, cmp.Or(r.Item.Description, r.Item.Name), chosen})
	}
	if !found {
		s.Commands = append(s.Commands, commandChoice{s.Form.CommandID, "does not exist", true})
	}
	return nil
}

// invocable are the agents and flows by their ids.
func (w *Web) invocable(ctx context.Context) (map[string]string, error) {
	kinds := map[string]string{}
	list, err := kept[agents.Agent](w).List(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		kinds[r.Item.ID] = "agent"
	}
	flows, err := kept[agents.Flow](w).List(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range flows {
		kinds[r.Item.ID] = "flow"
	}
	return kinds, nil
}

func (w *Web) newClientPage() page {
	path := clientsPath + "/new"
	return page{path: path, template: "client", title: "New client", data: w.showClient, sample: sampleScreen(""),
		posts: map[string]echo.HandlerFunc{path: w.createClient, path + "/preview": w.previewClient}}
}

func (w *Web) clientPage() page {
	path := clientsPath + "/:id"
	return page{path: path, template: "client", title: "Client", data: w.showClient, sample: sampleScreen("ci"),
		posts: map[string]echo.HandlerFunc{
			path:              w.saveClient,
			path + "/preview": w.previewClient,
			path + "/try":     w.tryClient,
			path + "/enabled": w.enableClient,
			path + "/delete":  w.deleteClient,
		}}
}

func (w *Web) showClient(c echo.Context) (any, error) {
	s, record, err := w.screenOf(c.Request().Context(), idIn(c))
	if err != nil {
		return nil, err
	}
	s.Notice = clientNotice(c)
	if s.ID != "" {
		s.Preview = w.preview(c, s.Form, record.Item, s.Call)
	} else if len(s.Agents) == 1 {
		s.Agents[0].Allowed, s.Agents[0].Default = true, true // there is nothing to choose
	}
	return s, nil
}

func sampleScreen(id string) clientScreen {
	item := clients.Client{ID: "ci", Passthrough: true, Template: "{{.body.text}}", AllowedAgents: []string{"triage"}, MaxConcurrent: 1}
	form := clientFormOf(item)
	return clientScreen{nounForm: nounForm[clientForm]{Path: clientsPath, One: "client", ID: id, Form: form, Managed: id == "", Errors: problem.Fields{{Path: "id", Message: "is bad"}}},
		HasSecret: true, Last: &lastCall{RunID: "run_1", Status: "COMPLETED"},
		Agents: []agentChoice{{"triage", "agent", true, true}}, Commands: []commandChoice{{"daily", "Daily", true}},
		Call: sampleFor(form), Preview: clientPreview{Made: true, Text: "hi", Agent: "triage"}, Try: clientTry{RunID: "run_1", Trouble: "No."}, Overlaps: overlaps(),
		Snippets: snippets("http://localhost:8080", item, "")}
}
