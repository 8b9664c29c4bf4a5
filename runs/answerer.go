package runs

import (
	"encoding/json"
	"fmt"

	"beckon/agents"
)

// answererText is who answered as the tables have it; "" for nobody. Most answers took one attempt, and are written by
// hand: this is on the way of every call.
func answererText(by agents.Answerer) string {
	if by.Provider == "" && len(by.Attempts)+len(by.Responses) == 0 && !by.Degraded && !by.IsData {
		return ""
	}
	if len(by.Attempts)+len(by.Responses) == 0 {
		text := appendText([]byte(`{"provider":`), by.Provider)
		text = appendText(append(text, `,"model":`...), by.Model)
		if by.Degraded {
			text = append(text, `,"degraded":true`...)
		}
		if by.IsData {
			text = append(text, `,"isData":true`...)
		}
		return string(append(text, '}'))
	}
	text, err := json.Marshal(by)
	if err != nil { // a time beyond the year 9999
		by.Attempts = nil
		return answererText(by)
	}
	return storable(string(text))
}

func answererOf(text *string) (by agents.Answerer, err error) {
	if text == nil {
		return by, nil
	}
	if err := json.Unmarshal([]byte(*text), &by); err != nil {
		return by, fmt.Errorf("decode who answered: %w", err)
	}
	return by, nil
}

// appendFallback adds to the data of an event that a fallback answered, and which.
func appendFallback(text []byte, by agents.Answerer) []byte {
	if !by.Degraded {
		return text
	}
	text = appendText(append(text, `,"degraded":true,"provider":`...), by.Provider)
	return appendText(append(text, `,"model":`...), by.Model)
}
