package gateway

import (
	"context"
	"time"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/deliveries"
	"beckon/runs"
	"beckon/web"
)

// overview counts what the overview page shows.
type overview struct {
	runs       *runs.Statistics
	deliveries *deliveries.Service
	artifacts  *artifacts.Service
	breakers   *agents.Breakers
	refused    interface {
		RefusedSince(ctx context.Context, since time.Time) (n int64, more bool, err error)
	}
}

// maxTroubled bounds for how many endpoints in trouble it is looked up what they have answered last.
const maxTroubled = 20

// Stats implements web.Numbers.
func (o overview) Stats(ctx context.Context, since time.Time) (web.Stats, error) {
	counted, err := o.runs.Since(ctx, since)
	if err != nil {
		return web.Stats{}, err
	}
	s := web.Stats{Total: countOf(counted.Total), P50: counted.Total.P50, P95: counted.Total.P95}
	for _, h := range counted.Hours {
		if c := countOf(h.Tally); c.Runs() > 0 {
			s.Hours = append(s.Hours, web.Hour{Start: h.At, Count: c, P50: h.P50, P95: h.P95})
		}
	}
	for _, f := range counted.Failures {
		s.Failures = append(s.Failures, web.Failure{RunID: f.RunID, Client: f.ClientID, Agent: f.WorkflowID, Code: f.Error.Code, Message: f.Error.Message, At: f.CreatedAt})
	}
	for _, b := range o.breakers.States() {
		if b.State != agents.BreakerClosed {
			s.Failing = append(s.Failing, web.Provider{ID: b.Provider, Code: b.Code, Until: b.Until})
		}
	}
	if s.Refused, s.RefusedMore, err = o.refused.RefusedSince(ctx, since); err != nil {
		return s, err
	}
	made, err := o.artifacts.Stats(ctx, since)
	if err != nil {
		return s, err
	}
	s.Artifacts, s.ArtifactBytes = made.Count, made.Bytes
	failed, err := o.deliveries.FailedSince(ctx, since)
	if err != nil {
		return s, err
	}
	for _, count := range failed {
		s.Undelivered += count
	}
	s.Troubled, err = o.troubled(ctx, failed)
	return s, err
}

func countOf(t runs.Tally) web.Count {
	return web.Count{Completed: t.ByStatus[runs.Completed], Failed: t.ByStatus[runs.Failed], Canceled: t.ByStatus[runs.Canceled],
		Open: t.ByStatus[runs.Queued] + t.ByStatus[runs.Running], Tokens: t.Tokens}
}

func (o overview) troubled(ctx context.Context, failed map[string]int64) ([]web.Endpoint, error) {
	list, err := o.deliveries.InTrouble(ctx)
	if err != nil {
		return nil, err
	}
	list = list[:min(len(list), maxTroubled)]
	ids := make([]string, len(list))
	for i, t := range list {
		ids[i] = t.EndpointID
	}
	waiting, err := o.deliveries.Waiting(ctx, ids)
	if err != nil {
		return nil, err
	}
	var troubled []web.Endpoint
	for _, t := range list {
		e := web.Endpoint{ID: t.EndpointID, Disabled: !t.DisabledAt.IsZero(), Reason: deliveries.WhyDisabled(t.DisabledReason), FailingSince: t.FailingSince, Pending: waiting[t.EndpointID], Failed: failed[t.EndpointID]}
		if !e.Disabled {
			if e.Reason, err = o.lastFailure(ctx, t.EndpointID); err != nil {
				return nil, err
			}
		}
		troubled = append(troubled, e)
	}
	return troubled, nil
}

// lastFailure is what came of the last attempts at an endpoint.
func (o overview) lastFailure(ctx context.Context, id string) (string, error) {
	const lately = 10
	list, _, err := o.deliveries.List(ctx, deliveries.Query{EndpointID: id, Limit: lately})
	if err != nil {
		return "", err
	}
	for _, d := range list {
		if d.Error != nil {
			return d.Error.Message, nil
		}
	}
	return "Its attempts fail.", nil
}
