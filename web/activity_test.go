package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/runs"
)

// The key figures of a page are measured like those of the overview: without the wait in the queue, to two digits, of the same time.
func TestKeyFigures(t *testing.T) {
	now := time.Date(2026, 2, 18, 12, 34, 0, 0, time.UTC)
	day := spanOf("24h")
	since := day.since(now)
	require.Equal(t, time.Date(2026, 2, 17, 12, 0, 0, 0, time.UTC), since)
	run := func(age, wait, took time.Duration) *runs.Run {
		at := now.Add(-age)
		return &runs.Run{Status: runs.Completed, CreatedAt: at, StartedAt: at.Add(wait), CompletedAt: at.Add(wait + took)}
	}
	var a activity
	a.count([]*runs.Run{run(time.Minute, time.Hour, 1239*time.Millisecond), run(24*time.Hour, 0, 3*time.Millisecond), run(25*time.Hour, 0, time.Hour)}, day.Title, since)
	require.Equal(t, "2", a.Calls)
	require.Equal(t, "24 hours", a.Period)
	require.Equal(t, "100%", a.Rate)
	require.Equal(t, 1200*time.Millisecond, a.P95)
	var many []*runs.Run
	for range maxCounted {
		many = append(many, run(time.Minute, 0, time.Second))
	}
	a.count(many, day.Title, since)
	require.Equal(t, "100+", a.Calls)
	require.Equal(t, "latest 100 runs", a.Period)
}

func TestTwoDigits(t *testing.T) {
	for ms, want := range map[int]int{0: 0, 7: 7, 99: 99, 101: 100, 123: 120, 999: 990, 1000: 1000, 1234: 1200, 12_345: 12_000, 123_456: 120_000} {
		require.Equal(t, time.Duration(want)*time.Millisecond, twoDigits(time.Duration(ms)*time.Millisecond), ms)
	}
}

// Mistakes are sentences that begin with the label of their field.
func TestMistakesAreSentences(t *testing.T) {
	for message, want := range map[string][2]string{
		"is required":                        {"Provider is required", "Headers are required"},
		"is required: the id of a provider":  {"Provider is required", "Headers are required"},
		"must be a whole number":             {"Provider must be a whole number", "Headers must be a whole number"},
		"has no value":                       {"Provider has no value", "Headers have no value"},
		"there is no agent x":                {"Provider: there is no agent x", "Headers: there is no agent x"},
		`"x" is there twice`:                 {`Provider: "x" is there twice`, `Headers: "x" is there twice`},
		"needs both: how many calls, and so": {"Provider needs both: how many calls, and so", "Headers need both: how many calls, and so"},
	} {
		require.Equal(t, want[0], "Provider"+afterLabel("Provider", message))
		require.Equal(t, want[1], "Headers"+afterLabel("Headers", message))
	}
	require.Equal(t, " is too large a number", afterLabel("Max concurrent calls", "is too large a number"))
	require.Equal(t, "Required", besideField("is required"))
	require.Equal(t, "Must be a number", besideField("must be a number"))
	require.Empty(t, besideField(""))
}

// The steps are counted in the order of the page, and the page says when all are done until it is dismissed or in use.
func TestFirstSteps(t *testing.T) {
	s := setup{Model: true, Agent: true, Caller: true}
	require.Equal(t, 4, s.Now(), "where answers go is asked before the first call")
	s.Outbound = true
	require.Equal(t, 5, s.Now())
	require.False(t, s.ShowsDone())
	s.Call = true
	require.True(t, s.Done())
	require.True(t, s.ShowsDone())
	for _, hidden := range []setup{{Dismissed: true}, {InUse: true}} {
		hidden.Model, hidden.Agent, hidden.Caller, hidden.Outbound, hidden.Call = true, true, true, true, true
		require.False(t, hidden.ShowsDone())
	}
}
