package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newRecord is a database with runs and events, as far as the comparison looks at them.
func newRecord(t *testing.T, rows ...string) *record {
	r, err := openRecord("sqlite", filepath.Join(t.TempDir(), "beckon.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.close()) })
	for _, statement := range append([]string{
		"CREATE TABLE runs (id TEXT, status TEXT, error_code TEXT)",
		"CREATE TABLE events (run_id TEXT, type TEXT)",
	}, rows...) {
		_, err := r.db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	return r
}

func newLoad(accepted map[string]accepted) *load {
	receiver := &receiver{ends: map[string]map[string]bool{}}
	for id := range accepted {
		receiver.ends[id] = map[string]bool{"evt_" + id: true}
	}
	return &load{fleet: &fleet{receiver: receiver}, accepted: accepted}
}

func TestVerdict(t *testing.T) {
	const completed = "INSERT INTO runs VALUES ('a', 'COMPLETED', NULL)"
	for name, test := range map[string]struct {
		rows   []string
		change func(l *load, v *verdict)
		want   string // of the error; empty for none
	}{
		"all is well":           {rows: []string{completed}},
		"lost":                  {want: "1 accepted runs are lost: [a]"},
		"still open":            {rows: []string{"INSERT INTO runs VALUES ('a', 'RUNNING', NULL)"}, want: "1 accepted runs have not ended"},
		"failed":                {rows: []string{"INSERT INTO runs VALUES ('a', 'FAILED', 'interrupted')"}, want: "map[interrupted:1]"},
		"two ends in the log":   {rows: []string{completed, "INSERT INTO events VALUES ('a', 'run.completed'), ('a', 'run.failed')"}, want: "twice: [a]"},
		"two ids of an end":     {rows: []string{completed}, change: func(l *load, _ *verdict) { l.fleet.receiver.ends["a"]["evt_other"] = true }, want: "twice: [a]"},
		"two runs of a key":     {rows: []string{completed}, change: func(l *load, _ *verdict) { l.twice = []string{"call-1"} }, want: "twice: [call-1]"},
		"an end is not told":    {rows: []string{completed}, change: func(l *load, _ *verdict) { l.fleet.receiver.ends = nil }, want: "1 ends were not delivered"},
		"an answer is wrong":    {rows: []string{completed}, change: func(l *load, _ *verdict) { l.wrong = map[string]int{"500 ": 1} }, want: "map[500 :1]"},
		"answers come too late": {rows: []string{completed}, change: func(_ *load, v *verdict) { v.recovery = []float64{2, 31} }, want: "only 31.0 s after a kill"},
		"answered, not on record": {
			rows:   []string{"INSERT INTO runs VALUES ('a', 'FAILED', 'interrupted')"},
			change: func(l *load, _ *verdict) { l.accepted["a"] = accepted{answered: true} },
			want:   "1 accepted runs have not ended as their callers were told: [a]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, l, v := newRecord(t, test.rows...), newLoad(map[string]accepted{"a": {}}), verdict{recovery: []float64{1}, settled: []float64{1}}
			if test.change != nil {
				test.change(l, &v)
			}
			require.NoError(t, v.compare(t.Context(), l, r))
			if test.want == "" {
				require.NoError(t, v.broken())
				return
			}
			require.ErrorContains(t, v.broken(), test.want)
		})
	}
}

// A gateway answers again when it has answered a call and accepted another one that were made after the kill.
func TestAnswersSince(t *testing.T) {
	l := newLoad(map[string]accepted{})
	l.latest = map[string][2]time.Time{}
	one, two := &gateway{address: "one"}, &gateway{address: "two"}
	l.fleet.gateways = []*gateway{one, two}
	at := time.Now()
	for _, g := range l.fleet.gateways {
		l.accept(g, "before", "", at.Add(-time.Second), true)
		l.accept(g, "before, too", "", at.Add(-time.Second), false)
	}
	require.False(t, l.answersSince(at))
	l.accept(one, "a", "", at.Add(time.Second), true)
	l.accept(one, "b", "", at.Add(time.Second), false)
	l.accept(two, "c", "", at.Add(time.Second), true)
	require.False(t, l.answersSince(at), "the other one has not accepted a call for the queue")
	l.accept(two, "d", "", at.Add(time.Second), false)
	require.True(t, l.answersSince(at))
}

// A key whose calls are told of two runs has run twice.
func TestKeysWithTwoRuns(t *testing.T) {
	l := newLoad(map[string]accepted{})
	l.keys, l.latest = map[string]string{}, map[string][2]time.Time{}
	g := &gateway{address: "one"}
	l.accept(g, "a", "key", time.Now(), true)
	l.accept(g, "a", "key", time.Now(), true)
	require.Empty(t, l.twice)
	l.accept(g, "b", "key", time.Now(), true)
	require.Equal(t, []string{"key"}, l.twice)
}

func TestMarkdown(t *testing.T) {
	text := markdown([]verdict{{
		what: "the primary", database: "PostgreSQL", kills: 2, accepted: 10, ended: 9, failed: map[string]int{"interrupted": 1}, lost: []string{"a"},
		recovery: []float64{1, 3}, settled: []float64{2, 4},
	}})
	require.Contains(t, text, "2.0 s (at most 3.0 s)")
	require.Contains(t, text, "|     2 |       10 |     9 |      1 |    1 |     0 |")
}
