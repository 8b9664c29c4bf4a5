package web

import (
	"context"
	"fmt"
	"time"

	"beckon/clients"
)

// clientTimes says when a client runs by itself, and when it has called. What is empty is not known, or not the case.
type clientTimes struct {
	Next, Last string // in the time zone of its schedule
	LastRunID  string
	Scheduled  bool
	Called     string // how long ago, where calls are expected
	Expected   string
	Silent     bool // client.silent was sent, and there was no call since
}

func (w *Web) clientTimes(ctx context.Context, kept clients.Client) (t clientTimes, err error) {
	if w.Backend.Schedules == nil || !kept.IsEnabled() {
		return t, nil
	}
	states, err := w.Backend.Schedules.States(ctx, []string{kept.ID})
	if err != nil {
		return t, err
	}
	state, ok := states[kept.ID]
	if !ok {
		return t, nil
	}
	if t.Scheduled = kept.Schedule != ""; t.Scheduled && state.Zone != nil {
		t.Next, t.Last, t.LastRunID = clockIn(state.NextRun, state.Zone), clockIn(state.LastRun, state.Zone), state.LastRunID
	}
	if kept.ExpectEvery > 0 {
		t.Expected, t.Silent = kept.ExpectEvery.String(), !state.SilentSince.IsZero()
		if !state.LastCall.IsZero() {
			t.Called = ago(w.Now().Sub(state.LastCall))
		}
	}
	return t, nil
}

// clockIn writes a time as the clocks of a zone show it; nothing for none.
func clockIn(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("Monday 2 January 2006 15:04:05 MST") + " (" + zone.String() + ")"
}

// ago writes how long ago something was in its largest unit, such as "3 minutes".
func ago(d time.Duration) string {
	for _, unit := range []struct {
		name string
		long time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if n := int(d / unit.long); n == 1 {
			return "1 " + unit.name
		} else if n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return fmt.Sprintf("%d seconds", max(int(d/time.Second), 0))
}

// Schedule are the fields that say when a client runs by itself, and when others are expected to call.
func (s clientScreen) Schedule() []field {
	return []field{
		s.Text("schedule", "Schedule", s.Form.Schedule,
			"When to run the command or the default prompt. Five cron fields (minute, hour, day of month, month, day of week), @daily, "+
				"or @every 90m. Empty: only when called.").
			WithPlaceholder("0 7 * * 1-5"),
		s.Text("timezone",
			"Time zone", s.Form.Timezone,
			"For the schedule, such as Europe/Berlin. Empty: server.timezone.").WithPlaceholder("Europe/Berlin"),
		s.Choice("missed",
			"Missed runs", s.Form.Missed,
			"If Beckon was not running at scheduled times: once starts one run for all of them, skip starts none.",
			[]string{clients.MissedOnce, clients.MissedSkip}).WithPlaceholder("Default: once"),
		s.Text("expectEvery", "Expect a call every", s.Form.ExpectEvery,
			"Such as 15m or 25h. If no call comes in that time, "+
				"the event client.silent is sent once. Empty: no check.").WithPlaceholder("15m"),
	}
}

// HasNoSchedule reports whether these fields have nothing to show.
func (s clientScreen) HasNoSchedule() bool {
	for _, f := range s.Schedule() {
		if f.Value != "" || f.Error != "" {
			return false
		}
	}
	return true
}
