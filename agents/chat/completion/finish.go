package completion

import "strings"

// ends are the finish reasons that servers are known to give, in lower case and without what stands in front of a
// dot or behind a colon.
var ends = map[string]End{
	"stop":           Whole,
	"end_turn":       Whole,
	"stop_sequence":  Whole,
	"eos":            Whole,
	"eos_token":      Whole,
	"end":            Whole,
	"done":           Whole,
	"stopped":        Whole,
	"finished":       Whole,
	"complete":       Whole,
	"completed":      Whole,
	"tool_calls":     Whole,
	"tool_call":      Whole,
	"tool_use":       Whole,
	"function_call":  Whole,
	"function_calls": Whole,

	"length":                        CutOff,
	"max_tokens":                    CutOff,
	"max_length":                    CutOff,
	"model_length":                  CutOff,
	"max_output_tokens":             CutOff,
	"max_completion_tokens":         CutOff,
	"max_new_tokens":                CutOff,
	"token_limit":                   CutOff,
	"context_length":                CutOff,
	"context_length_exceeded":       CutOff,
	"model_context_window_exceeded": CutOff,
	"incomplete":                    CutOff,

	"content_filter":       Refused,
	"content_filtered":     Refused,
	"safety":               Refused,
	"image_safety":         Refused,
	"recitation":           Refused,
	"blocklist":            Refused,
	"blocked":              Refused,
	"prohibited_content":   Refused,
	"spii":                 Refused,
	"refusal":              Refused,
	"sensitive":            Refused,
	"guardrail_intervened": Refused,
	"language":             Refused,
	"model_armor":          Refused,

	"error":                        Failed,
	"failed":                       Failed,
	"abort":                        Failed,
	"aborted":                      Failed,
	"cancelled":                    Failed,
	"canceled":                     Failed,
	"timeout":                      Failed,
	"insufficient_system_resource": Failed,
	"network_error":                Failed,
	"server_error":                 Failed,
	"internal_error":               Failed,
	"malformed_function_call":      Failed,
	"unexpected_tool_call":         Failed,
	"other":                        Failed,
}

// endOf says what a finish reason means. The same one comes as "STOP", "FinishReason.STOP" and "stop"; Google adds the
// filter: "content_filter: SAFETY".
func endOf(reason string) (end End, known bool) {
	word, _, _ := strings.Cut(strings.TrimSpace(reason), ":")
	if i := strings.LastIndexByte(word, '.'); i >= 0 {
		word = word[i+1:]
	}
	if end, known = ends[word]; !known {
		end, known = ends[strings.ToLower(word)]
	}
	return end, known
}
