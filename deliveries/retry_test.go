package deliveries

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/units"
)

var start = time.Date(2026, 2, 18, 12, 0, 0, 0, time.UTC)

// waits returns all waits of a receiver that never answers, with attempts that take no time.
func waits(r Retry, random float64) (list []time.Duration) {
	for now := start; ; {
		wait, again := r.next(len(list)+1, start, now, random)
		if !again || len(list) > 100 {
			return list
		}
		list, now = append(list, wait), now.Add(wait)
	}
}

func seconds(list ...float64) (all []time.Duration) {
	for _, s := range list {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}

func TestRetryPolicies(t *testing.T) {
	const middle = 0.5 // no jitter
	for name, tt := range map[string]struct {
		retry Retry
		want  []time.Duration
	}{
		"default": {Retry{}, seconds(5, 300, 1800, 7200, 28800)},
		"svix":    {Retry{Policy: "svix"}, seconds(5, 300, 1800, 7200, 28800)},
		"fast":    {Retry{Policy: "fast"}, seconds(1, 2, 4, 8, 16, 30, 30, 30, 30)},
		"exponential": {Retry{Policy: "exponential"}, seconds(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
			86400-65535)},
		"a list": {Retry{Waits: []units.Duration{units.Duration(time.Minute), units.Duration(time.Second)}}, seconds(60, 1)},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, waits(tt.retry, middle)) })
	}
}

func TestRetriesAreSpread(t *testing.T) {
	for _, policy := range []string{"svix", "fast"} {
		r := Retry{Policy: policy}
		for random, factor := range map[float64]float64{0: 0.8, 0.25: 0.9, 0.75: 1.1, 0.999999: 1.2} {
			for i, wait := range waits(r, random) {
				require.InEpsilon(t, factor*float64(r.list()[i]), float64(wait), 1e-5)
			}
		}
	}
}

func TestExponentialEndsADayAfterTheFirstAttempt(t *testing.T) {
	for _, random := range []float64{0, 0.3, 0.5, 0.999999} {
		list, sum := waits(Retry{Policy: "exponential"}, random), time.Duration(0)
		for _, wait := range list {
			require.Positive(t, wait)
			sum += wait
		}
		require.Equal(t, 24*time.Hour, sum, "the last attempt is there")
		require.Len(t, list, 17)
	}
	r := Retry{Policy: "exponential"}
	_, again := r.next(3, start, start.Add(24*time.Hour), 0.5) // the gateway was down in between
	require.False(t, again)
	wait, again := r.next(1<<30, start, start, 0.5)
	require.True(t, again)
	require.Equal(t, 24*time.Hour, wait)
}

func TestRetriesEndWhenThePolicyHasBecomeShorter(t *testing.T) {
	_, again := Retry{Waits: []units.Duration{units.Duration(time.Second)}}.next(5, start, start, 0.5)
	require.False(t, again)
}

func TestRetryBounds(t *testing.T) {
	long := make([]units.Duration, 51)
	for i := range long {
		long[i] = 1
	}
	for name, tt := range map[string]struct {
		waits []units.Duration
		path  string
	}{
		"fine":      {long[:50], "fine"},
		"most":      {[]units.Duration{units.Duration(7 * 24 * time.Hour)}, "fine"},
		"too many":  {long, ""},
		"zero":      {[]units.Duration{1, 0}, "[1]"},
		"too long":  {[]units.Duration{units.Duration(7*24*time.Hour) + 1}, "[0]"},
		"backwards": {[]units.Duration{-1}, "[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Retry{Waits: tt.waits}.Check()
			if tt.path == "fine" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Equal(t, tt.path, found[0].Path)
		})
	}
}
