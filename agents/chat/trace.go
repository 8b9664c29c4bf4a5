package chat

import (
	"context"

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
	answer, failed := s.attempt(ctx, q)
	var used agents.Usage
	switch {
	case answer != nil:
		used = answer.Usage
	case failed != nil && failed.answer != nil:
		used = failed.answer.Usage
	}
	endSpan(span, used, failed)
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

func endSpan(span *telemetry.Span, used agents.Usage, failed *failure) {
	if span == nil {
		return
	}
	span.Tokens(used.PromptTokens, used.CompletionTokens)
	switch {
	case failed == nil:
		span.End("")
	case failed.own != nil:
		span.End(failed.own.Code)
	default:
		span.End(failed.diagnose().code)
	}
}
