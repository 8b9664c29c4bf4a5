package runs

import (
	"context"

	"beckon/agents"
	"beckon/internal/telemetry"
)

// startSpan begins the span of the work on a run, which a retry makes anew.
func startSpan(ctx context.Context, a *Active) (context.Context, *telemetry.Span) {
	operation, name := "invoke_agent", "gen_ai.agent.name"
	if a.run.IsFlow {
		operation, name = "invoke_workflow", "gen_ai.workflow.name"
	}
	ctx, span := telemetry.Start(ctx, telemetry.Internal, operation, a.run.WorkflowID)
	span.Operation(operation)
	span.Text(name, a.run.WorkflowID)
	span.Text("beckon.run.id", a.ID)
	span.Text("beckon.client.id", a.run.ClientID)
	span.Number("beckon.run.attempt", a.run.Attempts)
	return ctx, span
}

// endSpan ends the span of a run that is worked on no more; failed is the code of its failure, or of why it goes
// back into the queue.
func (w *working) endSpan(status Status, used agents.Usage, failed string) {
	w.span.Text("beckon.run.status", string(status))
	w.span.Tokens(used.PromptTokens, used.CompletionTokens)
	w.span.End(failed)
}
