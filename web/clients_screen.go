package web

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/safety"
)

// clientScreen is what client.html shows: the form of a client, and what can be tried with it.
type clientScreen struct {
	nounForm[clientForm]
	Caller    *caller // that a new client is for; nil for one that is kept, and where nobody has asked
	Arrival   *clientArrival
	Enabled   bool // as it is saved
	HasSecret bool
	Signs     bool // there is a secret that its caller signs with
	Last      *lastCall
	Times     clientTimes
	Legs      *safety.Legs // how far its calls reach; nil for a new one
	FormURL   string       // of the form that visitors send; empty for other clients

	HasFormSecret bool
	Agents        []agentChoice
	Commands      []commandChoice
	Call          sampleCall
	Preview       clientPreview
	Try           tryResult
	Overlaps      []tokenOverlap
	Snippets      []snippet
	LocalURL      string       // of the snippets, where only this machine can use it
	Answers       answerChoice // of a new one
	Places        answersOf    // that the answers of a kept one go to
}

// Query is that of the page with the cards, so that what is chosen already stays chosen there.
func (s clientScreen) Query() string {
	agent, command := "", ""
	if len(s.Form.Allowed) > 0 {
		agent = s.Form.Allowed[0]
	}
	if s.Form.Kind == promptOfCommand {
		command = s.Form.CommandID
	}
	return filtered("", "commandId", command, "agent", agent)
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

// Limits are the fields that most clients leave empty.
func (s clientScreen) Limits() []field {
	return []field{
		s.Text("syncTimeout", "Timeout for calls", s.Form.SyncTimeout,
			"How long a call waits for its answer, such as 30s or 5m. "+
				"After that, the client gets a 202 with the run's address, and the run continues. "+
				"Empty: 10 seconds longer than the agent's timeout.").WithPlaceholder("5m"),
		s.Text("maxBodyBytes",
			"Max request size", s.Form.MaxBodyBytes, "Such as 256KiB or 1MiB. Larger requests get 413. Empty: the server's limit."),
		s.Text("maxConcurrent", "Max concurrent calls", s.Form.MaxConcurrent, "More calls get 429 with Retry-After. Empty: no limit."),
		s.Area("tools",
			"Allowed tools", s.Form.Tools, 2,
			"One per line: docs.search, or docs.* for all tools of a server. A tool runs only if the agent lists it too. Empty: none."),
	}
}

// WebhookSecret is the field that is always empty.
func (s clientScreen) WebhookSecret() field {
	help, kept := "Signs the webhooks that calls ask for. Empty: derived from the token. A replaced secret stays valid for 24 hours.", ""
	if s.HasSecret {
		help = "Signs the webhooks that calls ask for. Leave it empty to keep the saved one. A replaced secret stays valid for 24 hours."
		kept = "kept"
	}
	return s.Secret("webhookSecret", "Webhook secret", kept, help)
}

// Callers are the fields that say who calls.
func (s clientScreen) Callers() []field {
	help := "For senders that sign their calls, such as GitHub, Stripe and Slack: the secret set there. Others use the client's token."
	kept := ""
	if s.Signs {
		help, kept = "Leave it empty to keep the saved one.", "kept"
	}
	return []field{
		s.Choice("source",
			"Sender", cmp.Or(s.Form.Source, "generic"),
			"The system that sends the calls. It determines how they are read and answered; generic is any system.", clients.Sources()),
		s.Secret("secret", "Signing secret", kept, help),
	}
}

// Gates are the fields that say which answers pass.
func (s clientScreen) Gates() []field {
	return []field{
		s.Text("gate",
			"Gate", s.Form.Gate,
			"A CEL condition over data, the answer as JSON. The run's verdict is pass if it is true, else fail. Empty: no verdict.").
			WithPlaceholder(`data.findings.all(f, f.severity != "high")`),
		s.Text("gateStatus", "Status when the gate fails", s.Form.GateStatus, "422, for clients that only check the status. Empty: 200."),
	}
}

// HasNoLimits reports whether the fields that most leave empty have nothing to show.
func (s clientScreen) HasNoLimits() bool {
	for _, f := range slices.Concat(s.Limits(), s.Gates(), s.Budget(s.Form.Budget), []field{s.WebhookSecret()}) {
		if f.Value != "" || f.Error != "" {
			return false
		}
	}
	if s.Form.KeepRequests+s.ErrorOf("keepRequests")+s.Form.Redact+s.Form.StoreContent+s.ErrorOf("redact")+s.ErrorOf("storeContent") != "" {
		return false
	}
	if s.Form.Metadata+s.ErrorOf("metadata")+s.Form.CORS+s.ErrorOf("cors") != "" {
		return false
	}
	return !s.Form.Retype && s.Form.RateRequests+s.Form.RatePer+s.ErrorOf("rateLimit") == "" && !s.Form.CancelOnDisconnect && !s.Form.Share
}

// clientScreen shows a client around its form.
func (w *Web) clientScreen(c echo.Context, f nounForm[clientForm], kept *clients.Client) (_ any, err error) {
	if f.ID == "" && c.Request().Method == http.MethodGet {
		f.Form.Caller = c.QueryParam("source")
	}
	s, err := w.clientScreenOf(c.Request().Context(), f, kept)
	switch sent := c.Request().PostForm; {
	case err != nil:
		return nil, err
	case sent.Has("sample"):
		s.Call = readSample(sent)
	case f.ID == "" && c.Request().Method == http.MethodGet && len(s.Agents) == 1:
		s.Agents[0].Allowed, s.Agents[0].Default = true, true // there is nothing to choose
	case f.ID != "" && c.Request().Method == http.MethodGet:
		call, ok, err := w.keptCall(c.Request().Context(), f.ID, c.QueryParam("request"))
		if err != nil {
			return nil, err
		}
		if ok {
			s.Call = call
		}
		s.Preview = w.preview(s.Form, *kept, s.Call)
	}
	return s, nil
}

func (w *Web) clientScreenOf(ctx context.Context, f nounForm[clientForm], kept *clients.Client) (s clientScreen, err error) {
	s = clientScreen{nounForm: f, Call: sampleFor(f.Form)}
	if f.ID == "" {
		s.Caller = callerOf(f.Form.Caller)
	}
	if kept != nil {
		if s.Last, err = w.lastCallOf(ctx, kept.ID); err != nil {
			return s, err
		}
		if s.Times, err = w.clientTimes(ctx, *kept); err != nil {
			return s, err
		}
		s.Signs, s.HasFormSecret, s.FormURL = len(kept.Secret) > 0, kept.Form.Secret != "", w.formURL(*kept)
		s.addKeptSecrets(*kept)
		arrival, err := w.arrivalOf(ctx, *kept)
		if err != nil {
			return s, err
		}
		s.Arrival = &arrival
		if s.Legs, err = w.legsOf(ctx, *kept); err != nil {
			return s, err
		}
		s.Enabled, s.HasSecret, s.Overlaps, s.Snippets = kept.IsEnabled(), kept.WebhookSecret != "", overlaps(), w.snippetsOf(*kept, "")
		s.LocalURL = w.localURL()
	}
	if kept != nil {
		if s.Places, err = w.answersOf(ctx, *kept, false); err != nil {
			return s, err
		}
	} else if s.Answers, err = w.answerChoice(ctx, s); err != nil {
		return s, err
	}
	return s, w.addChoices(ctx, &s)
}

// addKeptSecrets says in a form that was sent which proofs have a saved secret.
func (s *clientScreen) addKeptSecrets(kept clients.Client) {
	for i, f := range s.Form.Proofs {
		if saved := f.saved(kept.Auth); saved != nil {
			s.Form.Proofs[i].kept = keptSecret(saved.Secret)
		}
	}
}

// addChoices lists what the form can choose from: what is chosen comes first, in its order, whether it exists or not.
func (w *Web) addChoices(ctx context.Context, s *clientScreen) error {
	known, err := w.invocable(ctx)
	if err != nil {
		return err
	}
	s.Agents = nil
	for _, id := range s.Form.Allowed {
		s.Agents = append(s.Agents, agentChoice{
			ID:      id,
			Kind:    cmp.Or(known[id], "does not exist"),
			Allowed: true,
			Default: id == s.Form.Default,
		})
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if !slices.Contains(s.Form.Allowed, id) {
			s.Agents = append(s.Agents, agentChoice{ID: id, Kind: known[id], Default: id == s.Form.Default})
		}
	}
	list, err := resources[commands.Command](w).List(ctx)
	if err != nil {
		return err
	}
	s.Commands = nil
	only := s.ID == "" && len(list) == 1 && s.Form.CommandID == "" // there is nothing to choose
	found := s.Form.CommandID == ""
	for _, r := range list {
		chosen := only || r.Item.ID == s.Form.CommandID
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
	list, err := resources[agents.Agent](w).List(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		kinds[r.Item.ID] = "agent"
	}
	flows, err := resources[agents.Flow](w).List(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range flows {
		kinds[r.Item.ID] = "flow"
	}
	return kinds, nil
}
