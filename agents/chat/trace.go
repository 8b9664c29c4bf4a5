package chat

import (
	"context"
	"time"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/telemetry"
)

// apiOf is what OpenTelemetry calls the API of a provider's type.
func apiOf(providerType string) string {
	if providerType == "anthropic" {
		return providerType
	}
	return "openai"
}

// traced makes one attempt, in a span of its own.
func (s *sender) traced(ctx context.Context, q *question) (*completion.Completion, *failure) {
	ctx, span := s.startSpan(ctx, "chat")
	begun := time.Now()
	answer, failed := s.attempt(ctx, q)
	var used agents.Usage
	switch {
	case answer != nil:
		used = answer.Usage
	case failed != nil && failed.answer != nil:
		used = failed.answer.Usage
	}
	s.endSpan(ctx, span, "chat", begun, used, failed)
	return answer, failed
}

func (s *sender) startSpan(ctx context.Context, operation string) (context.Context, *telemetry.Span) {
	ctx, span := telemetry.Start(ctx, telemetry.Client, operation, s.model)
	span.Operation(operation)
	span.Text("gen_ai.provider.name", s.api)
	span.Text("gen_ai.request.model", s.model)
	span.Text("beckon.provider.id", s.provider)
	return ctx, span
}

// endSpan ends the span of a request that was begun at a time, and measures it.
func (s *sender) endSpan(
	ctx context.Context, span *telemetry.Span, operation string, begun time.Time, used agents.Usage, failed *failure,
) {
	failure := ""
	switch {
	case failed == nil:
	case failed.own != nil:
		failure = failed.own.Code
	default:
		failure = failed.diagnose().code
	}
	telemetry.Measure(ctx, telemetry.Request{
		Operation: operation,
		API:       s.api,
		Model:     s.model,
		Failure:   failure,
		Took:      time.Since(begun),
		Input:     used.PromptTokens,
		Output:    used.CompletionTokens,
	})
	span.Tokens(used.PromptTokens, used.CompletionTokens)
	span.End(failure)
}
