package web

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/runs"
	"beckon/share"
)

// maxRunDeliveries is how many deliveries the page of a run has.
const maxRunDeliveries = 20

// runScreen is what the page of a run shows.
type runScreen struct {
	Run            *runs.Run
	Notice         string
	Error          string // what could not be done
	Live           bool   // something may still happen to it
	Waited, Took   time.Duration
	Input, Output  shownText
	Rendered       template.HTML // the answer, or how it begins, as Markdown shows it
	Ticks          []time.Duration
	Uploads        []artifactRow // the files that its call brought
	Artifacts      []artifactRow
	ShareAddress   string // a link to its page for recipients; empty where it has none
	Metadata       shownText
	Nodes          []nodeBar
	LeftOut        int       // nodes in the middle that are not among Nodes
	Flow           *stepForm // its flow, with what has become of the steps; nil where it is none
	Events         []eventRow
	MoreEvents     bool
	Deliveries     []deliveryRow
	Sent           []deliveryBar // the same on the timeline
	MoreDeliveries string        // the address of all of them; empty when they are here
	NotRepeatable  string        // why it cannot be run again; empty when it can
	Replayable     bool          // its request is kept
	Advice         advice        // on what has failed
}

// maxTitle is how long the title of a run is, in bytes.
const maxTitle = 80

// How many nodes the timeline has at first: the first, and the last, which may wait for somebody.
const (
	maxFirstNodes = 100
	maxLastNodes  = 50
)

// leaveOutNodes shortens a long timeline.
func (s *runScreen) leaveOutNodes() {
	if n := len(s.Nodes) - maxFirstNodes - maxLastNodes; n > 0 {
		s.Nodes, s.LeftOut = slices.Delete(s.Nodes, maxFirstNodes, maxFirstNodes+n), n
	}
}

// Heading is what the run is called: what its event says, or how its input begins.
func (s runScreen) Heading() string {
	first, _, _ := strings.Cut(strings.TrimSpace(cmp.Or(s.Run.Headline(), s.Run.Input)), "\n")
	return cmp.Or(firstCharacters(strings.TrimSpace(first), maxTitle), "Run")
}

// Crumb is its place below the list.
func (s runScreen) Crumb() string {
	if s.Run == nil {
		return "" // the run could not be read
	}
	return s.Heading()
}

// ticks are the times that are written above the timeline.
func ticks(whole time.Duration) (list []time.Duration) {
	if whole <= 0 {
		return nil
	}
	for i := range 5 {
		list = append(list, whole*time.Duration(i)/4)
	}
	return list
}

// Path is the address of the run's page.
func (s runScreen) Path() string { return runAddress(s.Run.ID, "") }

// ClientAddress is the page of its client.
func (s runScreen) ClientAddress() string { return addressOf(clientsPath, s.Run.ClientID) }

// AgentAddress is the page of what was invoked.
func (s runScreen) AgentAddress() string {
	if s.Run.IsFlow {
		return addressOf("/admin/flows", s.Run.WorkflowID)
	}
	return addressOf("/admin/agents", s.Run.WorkflowID)
}

// Conversation is the page of its session; empty where it has none.
func (s runScreen) Conversation() string {
	if s.Run.Session == "" {
		return ""
	}
	return conversationAddress(s.Run.ClientID, s.Run.Session)
}

// ReplayedAddress is the page of the run that it repeats; empty where that is none.
func (s runScreen) ReplayedAddress() string {
	if !strings.HasPrefix(s.Run.ReplayOf, "run_") {
		return ""
	}
	return runAddress(s.Run.ReplayOf, "")
}

// tokens are what a run has used.
type tokens struct{ Total, Prompt, Completion int64 }

// CanErase reports whether there is content that may be erased.
func (s runScreen) CanErase() bool { return !s.Live && s.Run.Erased != runs.ErasedByAdmin }

// Tokens are those of the run.
func (s runScreen) Tokens() tokens {
	u := s.Run.Usage
	return tokens{int64(u.TotalTokens), int64(u.PromptTokens), int64(u.CompletionTokens)}
}

// Cost is what it has cost; empty where no model has a price.
func (s runScreen) Cost() string { return costText(s.Run.Usage.Cost) }

func (w *Web) runPage() page {
	path := runsPath + "/:id"
	return page{path: path, template: "run", title: "Run", data: w.showRun, posts: map[string]echo.HandlerFunc{
		path + "/cancel": w.cancelRun,
		path + "/again":  w.repeatRun,
		path + "/replay": w.replayRun,
		path + "/decide": w.decideCall,

		path + "/artifacts/:artifact/remove": w.removeArtifact,
		path + "/share/revoke":               w.revokeShare,
		path + "/content/erase":              w.eraseContent,
	}}
}

func (w *Web) showRun(c echo.Context) (any, error) {
	s, err := w.runScreenOf(c.Request().Context(), c.Param("id"))
	if err == nil && s.LeftOut > 0 && c.QueryParam("nodes") == "all" {
		s.Nodes, s.LeftOut = w.nodeBars(s.Run, w.timelineOf(s.Run), newTexts(s.Path()+"/text")), 0
	}
	s.Notice = runNotice(c)
	return s, err
}

func (w *Web) runScreenOf(ctx context.Context, id string) (s runScreen, err error) {
	run, err := w.Backend.Runs.Get(ctx, id)
	if err != nil {
		return s, err
	}
	s = runScreen{Run: run, Live: !run.Status.Ended(), Waited: unknown, Took: w.timeTaken(run)}
	if !run.StartedAt.IsZero() {
		s.Waited = max(run.StartedAt.Sub(run.CreatedAt), 0)
	}
	texts := newTexts(s.Path() + "/text")
	s.Input = texts.show("Input", run.Fence.Mark(run.Input), "part", "prompt")
	s.Output = texts.show("Answer", run.Output, "part", "output")
	if s.Output.Size > 0 {
		s.Rendered = balanced(share.SafeHTML(s.Output.Text, run.By.IsData))
	}
	s.Metadata = texts.show("Metadata", string(run.Metadata), "part", "metadata")
	s.Uploads, s.Artifacts = w.artifactRows(s.Path(), run.Uploads), w.artifactRows(s.Path(), run.Artifacts)
	if run.Share == runs.HasPage {
		s.ShareAddress = w.Backend.Share.Link(run.ID)
	}
	if s.Flow, err = w.progressOf(ctx, run); err != nil {
		return s, err
	}
	if s.Events, s.MoreEvents, err = w.eventsOf(ctx, run); err != nil {
		return s, err
	}
	list, next, err := w.Backend.Deliveries.List(ctx, deliveries.Query{RunID: run.ID, Limit: maxRunDeliveries})
	if err != nil {
		return s, err
	}
	if s.Deliveries, err = w.deliveryRows(ctx, list); err != nil {
		return s, err
	}
	line := w.timelineOf(run)
	if s.Sent, err = w.deliveryBars(ctx, &line, list, s.Deliveries); err != nil {
		return s, err
	}
	s.Nodes = w.nodeBars(run, line, texts)
	s.leaveOutNodes()
	if !run.StartedAt.IsZero() {
		s.Ticks = ticks(line.whole())
	}
	if next != "" {
		s.MoreDeliveries = filtered(deliveriesPath, "run", run.ID)
	}
	if s.Advice, err = w.adviseOnRun(ctx, run); err != nil {
		return s, err
	}
	request, err := w.keptOfRun(ctx, run)
	if err != nil {
		return s, err
	}
	s.Replayable = request != nil && !s.Live
	s.NotRepeatable, err = w.whyNotRepeatable(ctx, run)
	return s, err
}

// runEventsPage streams what happens to a run.
func (w *Web) runEventsPage() page {
	return page{path: runsPath + "/:id/events", template: "run", title: "Run", data: func(c echo.Context) (any, error) {
		protect(c.Response().Header())
		return nil, w.Backend.Follow(c.Response(), c.Request(), c.Param("id"))
	}}
}

// runNotice says what the last action has done. The address only names the action, so that nobody can put words on the page.
func runNotice(c echo.Context) string {
	return map[string]string{
		"canceled": "The run is being canceled. This can take a second or two.",
		"decided":  "Your decision is saved, and the run continues.",
		"removed":  "The file is removed. Links to it no longer work.",
		"erased":   "The content of the run is erased. Its files are deleted within a minute.",
		"revoked":  "The result page is revoked. Links to it no longer work.",
		"again":    "This is the new run. It counts as a call of its client.",
	}[c.QueryParam("done")]
}

// userMessage returns the sentence that the page shows of an error, and the status of the answer. ok is false for errors that a
// user can do nothing about.
func userMessage(err error) (sentence string, status int, ok bool) {
	fields, status := formErrors(err)
	p := problem.Of(err)
	switch {
	case status != 0 && len(fields) > 0 && fields[0].Path == "":
		return fields[0].Message, status, true
	case status != 0:
		return p.Detail, status, true
	case p.Kind == problem.Exhausted:
		return p.Detail, http.StatusTooManyRequests, true
	case p.Kind == problem.Denied || p.Kind == problem.TooLarge || p.Kind == problem.Unsupported:
		return p.Detail, http.StatusUnprocessableEntity, true
	}
	return "", 0, false
}

func eventTextAddress(runID, eventID string) string {
	return runAddress(runID, "") + "/text?" + url.Values{"event": {eventID}}.Encode()
}
