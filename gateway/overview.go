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
	s := web.Stats{Stats: *counted}
	for _, b := range o.breakers.States() {
		if b.State != agents.BreakerClosed {
			s.Failing = append(s.Failing, b)
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
		e := web.Endpoint{
			UnhealthyEndpoint: t,
			Reason:            deliveries.WhyDisabled(t.DisabledReason),
			Pending:           waiting[t.EndpointID],
			Failed:            failed[t.EndpointID],
		}
		if !e.Disabled() {
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
