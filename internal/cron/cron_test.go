package cron_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/cron"
)

// times returns the next n times of a schedule in its zone.
func times(t *testing.T, expression, zone, after string, n int) (list []string) {
	t.Helper()
	in, err := cron.Zone(zone)
	require.NoError(t, err)
	s, err := cron.Parse(expression, in)
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04", after, in)
	require.NoError(t, err)
	for range n {
		next := s.Next(at)
		require.True(t, next.After(at))
		at = next
		list = append(list, at.In(in).Format("2006-01-02 15:04 MST"))
	}
	return list
}

func TestNext(t *testing.T) {
	const berlin = "Europe/Berlin"
	for name, c := range map[string]struct {
		expression, zone, after string
		want                    []string
	}{
		"workdays":  {"0 7 * * 1-5", berlin, "2026-12-03 08:00", []string{"2026-12-04 07:00 CET", "2026-12-07 07:00 CET"}},
		"daily":     {"@daily", "UTC", "2026-12-31 10:00", []string{"2027-01-01 00:00 UTC", "2027-01-02 00:00 UTC"}},
		"every":     {"@every 90m", "UTC", "2026-12-31 23:00", []string{"2027-01-01 00:30 UTC", "2027-01-01 02:00 UTC"}},
		"leap day":  {"0 0 29 2 *", "UTC", "2026-12-31 10:00", []string{"2028-02-29 00:00 UTC"}},
		"over both": {"0 7 * * *", berlin, "2026-03-28 08:00", []string{"2026-03-29 07:00 CEST", "2026-03-30 07:00 CEST"}},

		// In Berlin the clocks went from 02:00 to 03:00 on 29 March 2026.
		"skipped": {"30 2 * * *", berlin, "2026-03-28 01:00",
			[]string{"2026-03-28 02:30 CET", "2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"}},
		"several skipped are one": {"*/20 2 * * *", berlin, "2026-03-28 02:40",
			[]string{"2026-03-29 03:00 CEST", "2026-03-30 02:00 CEST"}},
		"skipped, and the hour after it": {"0 2,3 * * *", berlin, "2026-03-28 03:00",
			[]string{"2026-03-29 03:00 CEST", "2026-03-30 02:00 CEST"}},
		"every hour in spring": {"0 * * * *", berlin, "2026-03-29 00:30",
			[]string{"2026-03-29 01:00 CET", "2026-03-29 03:00 CEST", "2026-03-29 04:00 CEST"}},
		"every second hour in spring": {"0 */2 * * *", berlin, "2026-03-28 23:30",
			[]string{"2026-03-29 00:00 CET", "2026-03-29 03:00 CEST", "2026-03-29 04:00 CEST"}},

		// They went from 03:00 to 02:00 on 25 October 2026.
		"shown twice": {"30 2 * * *", berlin, "2026-10-24 03:00",
			[]string{"2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"}},
		"several shown twice": {"*/30 2 * * *", berlin, "2026-10-24 03:00",
			[]string{"2026-10-25 02:00 CEST", "2026-10-25 02:30 CEST", "2026-10-26 02:00 CET"}},
		"every hour in autumn": {"0 * * * *", berlin, "2026-10-25 01:30",
			[]string{"2026-10-25 02:00 CEST", "2026-10-25 02:00 CET", "2026-10-25 03:00 CET"}},
		"every half hour in autumn": {"*/30 * * * *", berlin, "2026-10-25 01:30",
			[]string{"2026-10-25 02:00 CEST", "2026-10-25 02:30 CEST", "2026-10-25 02:00 CET", "2026-10-25 02:30 CET", "2026-10-25 03:00 CET"}},
		"midnight that is skipped": {"0 0 * * *", "America/Santiago", "2026-09-05 12:00",
			[]string{"2026-09-06 01:00 -03", "2026-09-07 00:00 -03"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, times(t, c.expression, c.zone, c.after, len(c.want)))
		})
	}
}

// Whoever asks in the hour that is shown a second time does not get what has come in the first.
func TestNextInTheSecondPass(t *testing.T) {
	berlin, _ := cron.Zone("Europe/Berlin")
	s, err := cron.Parse("30 2 * * *", berlin)
	require.NoError(t, err)
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	require.Equal(t, first, s.Next(first.Add(-time.Second)))
	for _, later := range []time.Duration{0, 20 * time.Minute, 50 * time.Minute, time.Hour, 2 * time.Hour} {
		require.Equal(t, "2026-10-26T01:30:00Z", s.Next(first.Add(later)).Format(time.RFC3339), later)
	}
}

func TestNextOfKeepsTheRhythm(t *testing.T) {
	s, err := cron.Parse("@every 10m", time.UTC)
	require.NoError(t, err)
	slot := time.Date(2026, 1, 1, 12, 0, 7, 0, time.UTC)
	require.Equal(t, slot.Add(10*time.Minute), s.NextOf(slot, slot.Add(time.Second)))
	require.Equal(t, slot.Add(40*time.Minute), s.NextOf(slot, slot.Add(35*time.Minute)))
	require.Equal(t, slot.Add(40*time.Minute), s.NextOf(slot, slot.Add(30*time.Minute)))
	require.Equal(t, slot.Add(10*time.Minute), s.NextOf(slot, slot.Add(-time.Minute)), "a clock that goes back")

	s, err = cron.Parse("0 12 * * *", time.UTC)
	require.NoError(t, err)
	require.Equal(t, 3, s.NextOf(slot, slot.Add(30*time.Hour)).Day())
	require.Equal(t, 2, s.NextOf(slot, slot.Add(-time.Hour)).Day())
}

func TestParseRefuses(t *testing.T) {
	for expression, why := range map[string]string{
		"":                            "five fields",
		"0 7 * *":                     "found 4",
		"0 0 7 * * *":                 "found 6",
		"61 * * * *":                  "above maximum (59)",
		"0 7 * * mon-frx":             "five fields",
		"@fortnightly":                "@daily",
		"@every 5 minutes":            "@every 90m",
		"@every 100ms":                "at least 1s",
		"@every -5m":                  "at least 1s",
		"0 0 30 2 *":                  "never comes",
		"TZ=Europe/Berlin 0 7 * * *":  "timezone",
		"CRON_TZ=UTC":                 "timezone",
		"every day at seven, please.": "five fields",
	} {
		_, err := cron.Parse(expression, time.UTC)
		require.ErrorContains(t, err, why, expression)
	}
	for _, zone := range []string{"", "Local", "Berlin", "Europe/Bonn", "../etc/passwd", "CEST"} {
		_, err := cron.Zone(zone)
		require.ErrorContains(t, err, "Europe/Berlin", zone)
	}
}

func FuzzParse(f *testing.F) {
	for _, expression := range []string{"0 7 * * 1-5", "@every 90m", "@daily", "TZ=x 0 7 * * *", "*/0 * * * *", "0-59/7 2 29 2 ?", "0 7 * * mon"} {
		f.Add(expression)
	}
	berlin, _ := cron.Zone("Europe/Berlin")
	now := time.Date(2026, 3, 29, 0, 59, 59, 5, time.UTC)
	f.Fuzz(func(t *testing.T, expression string) {
		s, err := cron.Parse(expression, berlin)
		if err != nil {
			return
		}
		if next := s.Next(now); !next.IsZero() && !next.After(now) {
			t.Fatalf("%q: %s does not come after %s", expression, next, now)
		}
	})
}
