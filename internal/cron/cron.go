// Package cron reads the times of a schedule as cron writes them, and finds those that come.
//
// The times of an expression are those that the clocks of its time zone show. Where the clocks change:
//
//   - A time that the clocks skip comes at the moment at which they go on: 30 2 * * * at 03:00 on that day. Several
//     times that are skipped are one.
//   - A time that the clocks show twice comes once, when they show it first.
//   - An expression for every hour of the day, such as */10 * * * *, follows the time that passes: it comes in each
//     hour, also in the one that is shown twice.
//
// A schedule of @every has nothing to do with clocks: it counts from its last time.
package cron

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // machines without a list of time zones, such as small images, have this one

	robfig "github.com/robfig/cron/v3"
)

// Schedule is a list of times without an end.
type Schedule struct {
	spec  *robfig.SpecSchedule // nil with every
	every time.Duration
	zone  *time.Location
}

var parser = robfig.NewParser(robfig.Minute | robfig.Hour | robfig.Dom | robfig.Month | robfig.Dow | robfig.Descriptor)

// form says how an expression is written.
const form = `Write five fields (minute, hour, day of month, month, day of week) such as "0 7 * * 1-5", ` +
	"or @hourly, @daily, @weekly, @monthly, or @every 90m"

// Parse reads an expression of five fields or a descriptor such as @daily and @every 90m. The error is a sentence
// without its full stop that says what to write.
func Parse(expression string, zone *time.Location) (Schedule, error) {
	expression = strings.TrimSpace(expression)
	if strings.HasPrefix(expression, "TZ=") || strings.HasPrefix(expression, "CRON_TZ=") {
		return Schedule{}, fmt.Errorf("must not begin with a time zone; that has a field of its own: timezone")
	}
	parsed, err := parser.Parse(expression)
	if err != nil {
		return Schedule{}, fmt.Errorf("is not a schedule (%w). %s", err, form)
	}
	switch parsed := parsed.(type) {
	case *robfig.SpecSchedule:
		s := Schedule{spec: parsed, zone: zone}
		if parsed.Location = time.UTC; s.isHourly() {
			parsed.Location = zone
		}
		if s.Next(time.Now()).IsZero() {
			return Schedule{}, fmt.Errorf("never comes: no month has such a day. %s", form)
		}
		return s, nil
	default:
		return parseEvery(expression, zone)
	}
}

// parseEvery reads @every by itself, because the parser takes whatever is less than a second for one.
func parseEvery(expression string, zone *time.Location) (Schedule, error) {
	every, err := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(expression, "@every")))
	if err != nil || every < time.Second {
		return Schedule{}, fmt.Errorf("must have a duration of at least 1s after @every, such as @every 90m")
	}
	return Schedule{every: every.Truncate(time.Second), zone: zone}, nil
}

// Zone returns the time zone of a name such as Europe/Berlin. The error is a sentence as that of Parse.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("is not the name of a time zone. Write one of the IANA list, " +
			"such as Europe/Berlin, or UTC")
	}
	return zone, nil
}

// Zone returns the time zone whose clocks the schedule goes by.
func (s Schedule) Zone() *time.Location { return s.zone }

// isHourly reports whether the schedule is for every hour of the day.
func (s Schedule) isHourly() bool {
	const day = 1<<24 - 1
	return s.spec.Hour&day == day
}

// Next returns the first time after another one. It is zero if there is none in the next five years.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.spec == nil:
		return after.Add(s.every).Truncate(time.Second)
	case s.isHourly():
		return s.spec.Next(after).UTC()
	}
	for clock := onClock(after.In(s.zone)); ; {
		if clock = s.spec.Next(clock); clock.IsZero() {
			return time.Time{}
		}
		if at := when(clock, s.zone); at.After(after) {
			return at
		}
	}
}

// NextOf returns the first time after now of a schedule whose last time was slot.
func (s Schedule) NextOf(slot, now time.Time) time.Time {
	if now.Before(slot) {
		now = slot
	}
	if s.spec != nil {
		return s.Next(now)
	}
	return slot.Add(s.every * (now.Sub(slot)/s.every + 1))
}

// onClock returns what the clocks of t's zone show, as a time in UTC.
func onClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// when returns the moment at which the clocks of a zone first show a time, which is given in UTC. If they skip it,
// that is the moment at which they do.
func when(clock time.Time, zone *time.Location) time.Time {
	const aside = 24 * time.Hour // on either side of a change there is none that near
	before := clock.Add(-offset(clock.Add(-aside), zone))
	after := clock.Add(-offset(clock.Add(aside), zone))
	switch {
	case onClock(before.In(zone)).Equal(clock):
		return before // which of two is the first: the clocks go back where both are right
	case onClock(after.In(zone)).Equal(clock):
		return after
	}
	change, _ := before.In(zone).ZoneBounds()
	return change.UTC()
}

func offset(at time.Time, zone *time.Location) time.Duration {
	_, seconds := at.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
