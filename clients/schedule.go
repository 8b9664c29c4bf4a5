package clients

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"beckon/internal/cron"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// The values of Client.Missed.
const (
	MissedOnce = "once" // one run for all times that have passed
	MissedSkip = "skip" // none
)

// The bounds of Client.ExpectEvery.
const (
	MinExpectEvery = time.Second
	MaxExpectEvery = 366 * 24 * time.Hour
)

// Times returns the times of the client's schedule. zone is the time zone that is used if the client has none.
func (c Client) Times(zone *time.Location) (cron.Schedule, error) {
	if c.Timezone != "" {
		own, err := cron.Zone(c.Timezone)
		if err != nil {
			return cron.Schedule{}, fmt.Errorf("timezone %w", err)
		}
		zone = own
	}
	return cron.Parse(c.Schedule, zone)
}

// SkipsMissed reports whether times that have passed while no gateway was running are left out.
func (c Client) SkipsMissed() bool { return c.Missed == MissedSkip }

// checkSchedule finds what is wrong with when the client calls itself, and when others are expected to.
func (c Client) checkSchedule() (found problem.Fields) {
	if c.Timezone != "" {
		if _, err := cron.Zone(c.Timezone); err != nil {
			found.Add("timezone", "%s", err)
		}
	}
	if missed := cmp.Or(c.Missed, MissedOnce); missed != MissedOnce && missed != MissedSkip {
		found.Add("missed", "must be once (one run for all times that were missed) or skip (none)")
	}
	if every := time.Duration(c.ExpectEvery); every != 0 && (every < MinExpectEvery || every > MaxExpectEvery) {
		found.Add("expectEvery",
			"must be from %s to %s", units.Duration(MinExpectEvery), units.Duration(MaxExpectEvery))
	}
	if c.Schedule == "" {
		return found
	}
	if _, err := cron.Parse(c.Schedule, time.UTC); err != nil {
		found.Add("schedule", "%s", err)
	}
	if c.CommandID == "" && strings.TrimSpace(c.Prompt) == "" {
		found.Add("schedule", "needs work to do: give the client a commandId or a prompt")
	}
	return found
}
