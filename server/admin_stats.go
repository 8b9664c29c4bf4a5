package server

import (
	"context"
	"time"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/runs"
)

type statsInput struct {
	Since string `query:"since" example:"24h" doc:"A time (RFC 3339), or how long ago; 24h, and 744h at most. It is taken back to the full hour."`
}

type tallyDocument struct {
	Total       int64                 `json:"total"`
	ByStatus    map[runs.Status]int64 `json:"byStatus"`
	SuccessRate *float64              `json:"successRate" doc:"Of those that completed or failed, how many completed: 0 to 1."`
	LatencyMs   struct {
		P50 int64 `json:"p50"`
		P95 int64 `json:"p95"`
	} `json:"latencyMs" doc:"Of the completed ones, to two digits."`
	Tokens int64    `json:"tokens"`
	Cost   *float64 `json:"cost,omitempty" doc:"In USD; missing where no model has a price."`
}

type hourDocument struct {
	At   *string       `json:"at" format:"date-time"`
	Runs tallyDocument `json:"runs"`
}

type unhealthyEndpointDocument struct {
	EndpointID     string  `json:"endpointId"`
	FailingSince   *string `json:"failingSince" format:"date-time"`
	DisabledAt     *string `json:"disabledAt" format:"date-time"`
	DisabledReason *string `json:"disabledReason"`
}

type failedRunDocument struct {
	RunID      string         `json:"runId"`
	ClientID   string         `json:"clientId"`
	WorkflowID string         `json:"workflowId"`
	Error      agents.Failure `json:"error"`
	CreatedAt  *string        `json:"createdAt" format:"date-time"`
}

type statsDocument struct {
	Since      *string        `json:"since" format:"date-time"`
	Runs       tallyDocument  `json:"runs"`
	Hours      []hourDocument `json:"hours" nullable:"false" doc:"The oldest first."`
	Deliveries struct {
		ByStatus map[deliveries.Status]int64 `json:"byStatus" doc:"PENDING and SENDING at this moment, the others of those made since."`
	} `json:"deliveries"`
	Artifacts struct {
		Count int64 `json:"count"`
		Bytes int64 `json:"bytes"`
	} `json:"artifacts" doc:"The files that were made since and are kept."`
	EndpointsInTrouble []unhealthyEndpointDocument `json:"endpointsInTrouble" nullable:"false"`
	LastFailures       []failedRunDocument         `json:"lastFailures" nullable:"false" doc:"The newest first, ten at most."`
}

type statsOutput struct{ Body statsDocument }

const defaultStats = 24 * time.Hour

func (s *Server) getStats(ctx context.Context, in *statsInput) (*statsOutput, error) {
	since, err := readSince(in.Since)
	if err != nil {
		return nil, err
	}
	ofRuns, err := s.Calls.Runs.Statistics.Since(ctx, since)
	if err != nil {
		return nil, err
	}
	ofDeliveries, err := s.Calls.Deliveries.Stats(ctx, ofRuns.Since)
	if err != nil {
		return nil, err
	}
	d := statsDocument{
		Since:              timeOrNull(ofRuns.Since),
		Runs:               tallyOf(ofRuns.Total),
		Hours:              make([]hourDocument, len(ofRuns.Hours)),
		EndpointsInTrouble: []unhealthyEndpointDocument{},
		LastFailures:       []failedRunDocument{},
	}
	for i, h := range ofRuns.Hours {
		d.Hours[i] = hourDocument{timeOrNull(h.At), tallyOf(h.Tally)}
	}
	for _, f := range ofRuns.Failures {
		d.LastFailures = append(d.LastFailures, failedRunDocument{
			f.RunID, f.ClientID, f.WorkflowID, f.Error, timeOrNull(f.CreatedAt),
		})
	}
	for _, t := range ofDeliveries.InTrouble {
		d.EndpointsInTrouble = append(d.EndpointsInTrouble, unhealthyEndpointDocument{
			t.EndpointID, timeOrNull(t.FailingSince), timeOrNull(t.DisabledAt), orNull(t.DisabledReason),
		})
	}
	d.Deliveries.ByStatus = ofDeliveries.ByStatus
	if s.Artifacts != nil {
		made, err := s.Artifacts.Stats(ctx, ofRuns.Since)
		if err != nil {
			return nil, err
		}
		d.Artifacts.Count, d.Artifacts.Bytes = made.Count, made.Bytes
	}
	return &statsOutput{d}, nil
}

func readSince(text string) (time.Time, error) {
	now := time.Now()
	if text == "" {
		return now.Add(-defaultStats), nil
	}
	since, ok := readTime(text, now)
	if !ok || since.After(now) || since.Before(now.Add(-runs.MaxStats)) {
		p := problem.New(problem.Invalid, problem.CodeInvalidParameter,
			"since must be a time such as 2026-02-18T12:00:00Z, or how long ago such as 24h; not in the future, "+
				"and %d days ago at most.", int(runs.MaxStats.Hours()/24))
		p.Fields.Add("since", "must be a time, or how long ago")
		return since, p
	}
	return since, nil
}

// readTime reads a time, or how long ago it was.
func readTime(text string, now time.Time) (at time.Time, ok bool) {
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

func tallyOf(t runs.Tally) tallyDocument {
	d := tallyDocument{Total: t.Runs(), ByStatus: map[runs.Status]int64{}, Tokens: t.Tokens, Cost: usd(t.Cost.OrNil())}
	for _, status := range runs.Statuses {
		d.ByStatus[status] = t.Count(status)
	}
	if rate, ok := t.SuccessRate(); ok {
		d.SuccessRate = &rate
	}
	d.LatencyMs.P50, d.LatencyMs.P95 = t.P50.Milliseconds(), t.P95.Milliseconds()
	return d
}
