package calls

import (
	"context"
	"strconv"

	"beckon/calls/coalesce"
	"beckon/clients"
	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/runs"
)

// coalesces reports whether the call may share a run with others.
func (c *Call) coalesces() bool {
	return c.channel == Webhook && c.service.Coalesce != nil && c.Client.Coalescing != nil
}

// coalesce returns the function that decides, when the run of the call is queued, which run covers the call. p is the
// call's prompt. It returns nil if each call of the client has a run of its own.
func (c *Call) coalesce(p Prompt) (runs.Admit, error) {
	if !c.coalesces() {
		return nil, nil
	}
	r, client := c.request, c.Client
	key, err := r.coalesceKey(client)
	if err != nil {
		if !c.isLenient() {
			return nil, err
		}
		r.warn("The key of the call could not be found out; that of its event was used.", client, err)
		key = r.event(client).Key
	}
	a := coalesce.Arrival{
		Rules: coalesce.Rules{
			Window:     client.Coalescing.Window,
			MaxRuns:    client.Coalescing.MaxRuns,
			Per:        client.Coalescing.Per,
			OnResolved: client.Coalescing.OnResolved,
		},
		Key:      key,
		Event:    r.event(client),
		Source:   client.Sender,
		ClientID: client.ID,
		Content:  client.Content,
	}
	if !p.isFromSource {
		a.Prompt = fence.Text{Text: p.Text, Spans: p.spans}
	}
	return c.service.Coalesce.Admit(a), nil
}

// coalesceKey returns the value of the client's coalesce.by. Calls with the same key may share a run. The error is a
// problem.
func (r *Request) coalesceKey(client *clients.Member) (string, error) {
	data, err := r.callData(client, client.Coalescing.Key)
	if err != nil {
		return "", err
	}
	value, err := client.Coalescing.Key.Value(context.Background(), data)
	switch v := value.(type) {
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	if err != nil {
		return "", problem.New(problem.Unprocessable, problem.CodeFilterFailed,
			"The client's coalesce.by cannot be evaluated for this call: %v.", err)
	}
	return "", problem.New(problem.Unprocessable, problem.CodeFilterFailed,
		"The client's coalesce.by is not a text, number or boolean for this call.")
}
