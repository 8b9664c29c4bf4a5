package problem

// The codes that more than one package knows: programs switch on them, and the pages explain each. A code never changes
// its meaning. Codes that stand in one place only are written there.
const (
	// A call proves nothing, or its client may not do this.
	CodeUnauthorized     = "unauthorized"
	CodeClientDisabled   = "client_disabled"
	CodeClientUnusable   = "client_unusable"
	CodeAgentNotAllowed  = "agent_not_allowed"
	CodePromptNotAllowed = "prompt_not_allowed"

	// A form of a web page is not taken.
	CodeFormNotFound         = "form_not_found"
	CodeOriginNotAllowed     = "origin_not_allowed"
	CodeInvalidFields        = "invalid_fields"
	CodeChallengeFailed      = "challenge_failed"
	CodeChallengeUnavailable = "challenge_unavailable"

	// The request cannot be read.
	CodeBodyCutOff            = "body_cut_off"
	CodeBodyUnreadable        = "body_unreadable"
	CodeBodyTimeout           = "body_timeout"
	CodeBodyTooLarge          = "body_too_large"
	CodeUnsupportedMediaType  = "unsupported_media_type"
	CodeUnsupportedEncoding   = "unsupported_encoding"
	CodeInvalidJSON           = "invalid_json"
	CodeInvalidForm           = "invalid_form"
	CodeInvalidText           = "invalid_text"
	CodeInvalidUTF8           = "invalid_utf8"
	CodeInvalidEncoding       = "invalid_encoding"
	CodeEmptyPrompt           = "empty_prompt"
	CodeInvalidPrompt         = "invalid_prompt"
	CodeInvalidParameter      = "invalid_parameter"
	CodeInvalidWebhook        = "invalid_webhook"
	CodeInvalidCursor         = "invalid_cursor"
	CodeInvalidEventID        = "invalid_event_id"
	CodeInvalidIdempotencyKey = "invalid_idempotency_key"
	CodeTemplateFailed        = "template_failed"
	CodeFilterFailed          = "filter_failed"
	CodeSkippedByFilter       = "skipped_by_filter"
	CodeSkippedEmpty          = "skipped_empty_prompt"
	CodeSkippedResolved       = "skipped_resolved"

	// The request clashes with an earlier one, or with how things are.
	CodeIdempotencyInFlight  = "idempotency_in_flight"
	CodeIdempotencyKeyReused = "idempotency_key_reused"
	CodeRunEnded             = "run_ended"
	CodeRunGoesOn            = "run_goes_on"
	CodeRouteNotFound        = "route_not_found"
	CodeRunNotFound          = "run_not_found"
	CodeMethodNotAllowed     = "method_not_allowed"

	// A limit of the client or of the gateway is used up.
	CodeRateLimitExceeded      = "rate_limit_exceeded"
	CodeTooManyConcurrentCalls = "too_many_concurrent_calls"
	CodeTooManyStreams         = "too_many_streams"
	CodeGatewayFull            = "gateway_full"
	CodeQueueFull              = "queue_full"
	CodeMemoryFull             = "memory_full"
	CodeBudgetExhausted        = "budget_exhausted"
	CodeNoPrice                = "no_price"

	// The gateway cannot serve now.
	CodeShuttingDown         = "shutting_down"
	CodeStorageUnavailable   = "storage_unavailable"
	CodeSecretsUnavailable   = "secrets_unavailable"
	CodeAgentUnavailable     = "agent_unavailable"
	CodeCommandUnavailable   = "command_unavailable"
	CodeArtifactsUnavailable = "artifacts_unavailable"

	// A run has ended without an answer of its agent.
	CodeCanceled             = "canceled"
	CodeInterrupted          = "interrupted"
	CodeContentUnreadable    = "content_unreadable"
	CodeContentErased        = "content_erased"
	CodeAgentTimeout         = "agent_timeout"
	CodeResultNotReady       = "result_not_ready"
	CodePromptTemplateFailed = "prompt_template_failed"
	CodeToolLimit            = "tool_limit"
	CodeFlowNoAnswer         = "flow_no_answer"
	CodeFlowStateTooLarge    = "flow_state_too_large"
	CodeFlowOutputTooLarge   = "flow_output_too_large"
	CodeFlowExpressionFailed = "flow_expression_failed"
	CodeOutputInvalid        = "output_invalid"
	CodeArtifactUnavailable  = "artifact_unavailable"
	CodeNoSound              = "no_sound"
	CodeJobFailed            = "job_failed"
	CodeArtifactTooLarge     = "artifact_too_large"

	// A model's provider has failed, or its answer cannot be used.
	CodeProviderUnauthorized    = "provider_unauthorized"
	CodeProviderRateLimited     = "provider_rate_limited"
	CodeProviderQuota           = "provider_quota"
	CodeProviderRejected        = "provider_rejected"
	CodeProviderError           = "provider_error"
	CodeProviderInvalidResponse = "provider_invalid_response"
	CodeProviderUnreachable     = "provider_unreachable"
	CodeProviderTimeout         = "provider_timeout"
	CodeProviderSkipped         = "provider_skipped"
	CodeModelNotFound           = "model_not_found"
	CodeParameterRejected       = "parameter_rejected"
	CodeContextTooLong          = "context_too_long"
	CodeCompletionRefused       = "completion_refused"
	CodeCompletionTruncated     = "completion_truncated"
	CodeCompletionEmpty         = "completion_empty"
)
