package gateway

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/render"
	"beckon/internal/units"
	"beckon/runs"
)

// maxRunView bounds the texts of a run that a template of an endpoint may read.
const maxRunView units.Bytes = 4 << 20

// runView is what the templates of endpoints know as .run; see deliveries.Config.
func (g *Gateway) runView(ctx context.Context, id string) (map[string]any, error) {
	r, err := g.runs.View(ctx, id)
	if err != nil {
		return nil, err
	}
	nodes := r.AllNodes()
	if entry := g.catalog().Agents.Get(r.WorkflowID); !r.IsFlow && entry != nil && len(nodes) == 1 {
		nodes[0].OutputKey = entry.OutputKey
	}
	size := len(r.Input) + len(r.Output)
	for _, n := range nodes {
		size += len(n.Output)
	}
	if size > int(maxRunView) {
		return nil, problem.New(problem.Unprocessable, "run_too_large",
			"The run's input and outputs have %d bytes together; the template of an endpoint may read %d of them. "+
				"Leave .run out of the template, or have the agents write less.", size, int(maxRunView))
	}
	origin, err := originView(r.Origin)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"event":         origin,
		"input":         parsedInput(r.Input),
		"output":        textOrNil(r.Output),
		"outputs":       outputsOf(nodes),
		"nodes":         nodeViews(nodes),
		"verdict":       textOrNil(r.Verdict),
		"verdictReason": textOrNil(r.Reason),
		"client":        g.clientView(r.ClientID),
		"links": map[string]any{
			"run":   g.publicURL() + "/admin/runs/" + url.PathEscape(r.ID),
			"share": textOrNil(g.shareURL(r)),
		},
	}, nil
}

// originView is what a template sees of what the call of a run has told; nil where that is not on record.
func originView(origin []byte) (any, error) {
	if origin == nil {
		return nil, nil
	}
	return render.JSON(origin)
}

// shareURL is a link to a run's page for recipients; empty where it has none.
func (g *Gateway) shareURL(r *runs.Run) string {
	if r.Share != runs.HasPage {
		return ""
	}
	return g.share.Link(r.ID)
}

// shareLink is shareURL of the run with that id.
func (g *Gateway) shareLink(ctx context.Context, runID string) (string, error) {
	has, err := g.runs.HasSharePage(ctx, runID)
	if err != nil || !has {
		return "", err
	}
	return g.share.Link(runID), nil
}

// parsedInput is the object that an input is in JSON, or else the text.
func parsedInput(input string) any {
	if strings.HasPrefix(strings.TrimSpace(input), "{") {
		if object, err := render.JSON([]byte(input)); err == nil {
			return object
		}
	}
	return input
}

// outputsOf returns what the nodes have answered, by the names of their outputs, and by their ids where they have
// none. Of several of a name the last counts, and a flow's own before those of flows within it.
func outputsOf(nodes []agents.Node) map[string]any {
	outputs := map[string]any{}
	for _, within := range []bool{true, false} {
		for _, n := range nodes {
			if n.Status == agents.NodeCompleted && strings.Contains(n.ID, "/") == within {
				outputs[cmp.Or(n.OutputKey, n.ID)] = strings.TrimSpace(n.Output)
			}
		}
	}
	return outputs
}

func nodeViews(nodes []agents.Node) []any {
	list := make([]any, len(nodes))
	for i, n := range nodes {
		var failure any
		if n.Error != nil {
			failure = map[string]any{"code": n.Error.Code, "message": n.Error.Message}
		}
		list[i] = map[string]any{
			"nodeId":      n.ID,
			"nodeType":    n.Type,
			"outputKey":   textOrNil(n.OutputKey),
			"status":      string(n.Status),
			"output":      textOrNil(n.Output),
			"error":       failure,
			"startedAt":   timeOrNil(n.StartedAt),
			"completedAt": timeOrNil(n.CompletedAt),
		}
	}
	return list
}

// clientView is what a template sees of a client, also of one that is gone.
func (g *Gateway) clientView(id string) map[string]any {
	view := map[string]any{"id": id, "name": id, "metadata": map[string]any{}}
	if client := g.catalog().Clients.Get(id); client != nil {
		view["name"] = cmp.Or(client.Name, id)
		if client.Metadata != nil {
			view["metadata"] = map[string]any(client.Metadata)
		}
	}
	return view
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func timeOrNil(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format(runs.TimeFormat)
}

// originOf returns the events.Origin of a client's run. Only clients with a source have such runs: nothing is read
// for the others.
func (g *Gateway) originOf(ctx context.Context, clientID, runID string) ([]byte, error) {
	if client := g.catalog().Clients.Get(clientID); client != nil && !client.HasSource() {
		return nil, nil
	}
	return g.runs.Origin(ctx, runID)
}
