package runs

import (
	"context"

	"beckon/agents"
	"beckon/internal/gate"
)

// judge sets the verdict of a run that has completed, where its client or its flow has a gate. Of two both have to
// be met.
func (s *Service) judge(ctx context.Context, r *Run, entry *agents.Entry) {
	if r.Status != Completed {
		return
	}
	gates := []*gate.Gate{entry.Gate}
	if s.Gate != nil {
		gates = append(gates, s.Gate(r.ClientID))
	}
	for _, g := range gates {
		if g != nil && r.Verdict != gate.Fail {
			r.Verdict, r.Reason = g.Judge(ctx, r.Data())
		}
	}
}

// appendVerdict adds to the data of an event what the gate has said of a run.
func appendVerdict(text []byte, r *Run) []byte {
	if r.Verdict == "" {
		return text
	}
	text = appendText(append(text, `,"verdict":`...), r.Verdict)
	return appendText(append(text, `,"verdictReason":`...), r.Reason)
}
