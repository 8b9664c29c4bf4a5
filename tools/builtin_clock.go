package tools

import (
	"context"
	"encoding/json"
	"time"

	"beckon/internal/cron"
	"beckon/tools/names"
)

const clockSchema = `{"type":"object","additionalProperties":false,"properties":{"timezone":{"type":"string",` +
	`"description":"A time zone of the IANA database, such as Europe/Vienna. Left out, it is UTC."}}}`

// newClock makes time.now.
func newClock(now func() time.Time) *builtIn {
	return newBuiltIn(Tool{
		Name:        names.TimeNow,
		Title:       "Time",
		Description: "Returns the date and the time of day now, with the day of the week.",
		Schema:      json.RawMessage(clockSchema),
		ReadOnly:    true,
	}, func(_ context.Context, use Use) (Result, error) {
		var wanted struct{ Timezone string }
		if err := json.Unmarshal(use.Arguments, &wanted); err != nil {
			return Result{}, &ArgumentError{err.Error()}
		}
		zone := time.UTC
		if wanted.Timezone != "" {
			var err error
			if zone, err = cron.Zone(wanted.Timezone); err != nil {
				return Result{}, &ArgumentError{"timezone " + err.Error()}
			}
		}
		at := now().In(zone)
		return Result{Text: at.Format(time.RFC3339) + ", " + at.Weekday().String() + ", " + zone.String()}, nil
	})
}
