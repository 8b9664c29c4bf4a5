package runs

import (
	"encoding/json"

	"beckon/agents"
	"beckon/internal/spend"
)

// detailsText is what the tables have of a usage besides its tokens; nil for nothing.
func detailsText(u agents.Usage) any {
	if u.UsageDetails == (agents.UsageDetails{}) {
		return nil
	}
	text, err := json.Marshal(u.UsageDetails)
	if err != nil { // a number that JSON does not know
		return nil
	}
	return string(text)
}

func costOrNull(u agents.Usage) any {
	if !u.Cost.IsKnown {
		return nil
	}
	return int64(u.Cost.Amount)
}

// usageOf returns a usage as the tables have it.
func usageOf(prompt, completion, total int, cost *int64, details *string) agents.Usage {
	u := agents.Usage{
		PromptTokens:     prompt,
		CompletionTokens: completion,
		TotalTokens:      total,
		Cost:             spend.CostOf((*spend.Amount)(cost)),
	}
	if details != nil {
		_ = json.Unmarshal([]byte(*details), &u.UsageDetails) // what cannot be read is no reason to lose the run
	}
	return u
}
