package events

import (
	"context"
	"encoding/json"
	"fmt"
)

// A run that is written at its end, as a whole, has its events in its own row: one statement instead of two, on the way
// of every quick call. To followers it makes no difference.

// wholeEvent is an event in such a row.
type wholeEvent struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// EncodeWhole writes the events of one run for its row.
func EncodeWhole(list []Event) string {
	text := make([]byte, 0, 1024)
	for i, e := range list {
		separator := ","
		if i == 0 {
			separator = "["
		}
		// Ids and types need no escapes, and a payload is JSON.
		text = append(append(append(append(append(append(append(text, separator...), `{"id":"`...), e.ID...), `","type":"`...), e.Type...), `","payload":`...), e.Payload...)
		text = append(text, '}')
	}
	return string(append(text, ']'))
}

// readWhole returns the events behind the one with the id after of a run that was written as a whole; of another, none.
func (l *Log) readWhole(ctx context.Context, runID, after string) ([]Event, error) {
	var texts []*string
	if err := l.store.Read(ctx).Raw("SELECT events FROM runs WHERE id = ?", runID).Scan(&texts).Error; err != nil {
		return nil, fmt.Errorf("read the events of run %s: %w", runID, err)
	}
	if len(texts) == 0 || texts[0] == nil {
		return nil, nil
	}
	var all []wholeEvent
	if err := json.Unmarshal([]byte(*texts[0]), &all); err != nil {
		return nil, fmt.Errorf("decode the events of run %s: %w", runID, err)
	}
	var list []Event
	for _, e := range all {
		if e.ID > after {
			list = append(list, Event{ID: e.ID, RunID: runID, Type: e.Type, Payload: e.Payload})
		}
	}
	return list, nil
}
