package coalesce

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	rules = Rules{Window: 30 * time.Second, MaxRuns: 2, Per: time.Minute, OnResolved: Note}
	t0    = time.UnixMilli(1_700_000_000_000)
)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

func fires(name string) Item    { return Item{Fingerprint: name, StartsAt: "09:00"} }
func resolved(name string) Item { return Item{Fingerprint: name, StartsAt: "09:00", Resolved: true} }
func timeless(name string, isResolved bool) Item {
	return Item{Fingerprint: name, Resolved: isResolved}
}

// items are those of a key on record.
func items(list ...Item) map[identity]bool {
	m := map[identity]bool{}
	for _, item := range list {
		m[item.identity()] = item.Resolved
	}
	return m
}

func TestDecide(t *testing.T) {
	open := func(list ...Item) Known { return Known{RunID: "run_1", Open: true, Items: items(list...)} }
	gathers := func(k Known, accepted time.Time) Known {
		k.Gathering = &Gathering{RunID: "run_1", AcceptedAt: accepted, Items: len(k.Items)}
		return k
	}
	full := []time.Time{at(-1), at(-20)}
	closed := Known{RunID: "run_1", Items: items(resolved("a"))}
	runs := func(r Rules) Rules { r.OnResolved = Run; return r }
	for name, row := range map[string]struct {
		rules Rules
		known Known
		call  []Item
		part  bool // it is not the whole key
		want  Decision
	}{
		"the first call starts a run":      {call: []Item{fires("a")}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"a repeated call starts nothing":   {known: open(fires("a")), call: []Item{fires("a")}, want: Decision{RunID: "run_1"}},
		"also while its run gathers":       {known: gathers(open(fires("a")), t0), call: []Item{fires("a")}, want: Decision{RunID: "run_1"}},
		"a new item joins":                 {known: gathers(open(fires("a")), at(-30)), call: []Item{fires("a"), fires("b")}, want: Decision{RunID: "run_1", Taken: []int{1}}},
		"not after the window":             {known: gathers(open(fires("a")), at(-31)), call: []Item{fires("a"), fires("b")}, want: Decision{Starts: true, At: t0, Taken: []int{1}}},
		"not once the model was asked":     {known: open(fires("a")), call: []Item{fires("b")}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"another time is a new item":       {known: open(fires("a")), call: []Item{{Fingerprint: "a", StartsAt: "10:00"}}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"a full run takes no more":         {known: Known{RunID: "run_1", Open: true, Gathering: &Gathering{RunID: "run_1", AcceptedAt: t0, Items: maxItems}}, call: []Item{fires("b")}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"above maxRuns begins a storm":     {known: Known{Starts: full}, call: []Item{fires("a")}, want: Decision{Starts: true, Storm: true, At: at(40), Taken: []int{0}}},
		"the storm takes what follows":     {known: Known{Starts: full, Storm: &Gathering{RunID: "run_s", AcceptedAt: at(-500)}}, call: []Item{fires("a")}, want: Decision{RunID: "run_s", Taken: []int{0}}},
		"a full storm is followed by one":  {known: Known{Starts: []time.Time{at(40), at(-1)}, Storm: &Gathering{RunID: "run_s", Bytes: maxBytes}}, call: []Item{fires("a")}, want: Decision{Starts: true, Storm: true, At: at(59), Taken: []int{0}}},
		"a place that is free comes first": {known: Known{Starts: []time.Time{at(-1), at(-60)}, Storm: &Gathering{RunID: "run_s"}}, call: []Item{fires("a")}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"a key's own storm":                {known: Known{RunID: "run_s", Open: true, Items: items(fires("a")), Gathering: &Gathering{RunID: "run_s", Storm: true, AcceptedAt: at(-500)}}, call: []Item{fires("b")}, want: Decision{RunID: "run_s", Taken: []int{0}}},

		"resolved closes":                       {known: open(fires("a")), call: []Item{resolved("a")}, want: Decision{RunID: "run_1", Resolved: []int{0}, Closes: true, Tells: true}},
		"once":                                  {known: closed, call: []Item{resolved("a")}, want: Decision{RunID: "run_1"}},
		"of a key that nobody knows":            {call: []Item{resolved("a")}, want: Decision{}},
		"one of two does not":                   {known: open(fires("a"), fires("b")), call: []Item{resolved("a"), fires("b")}, want: Decision{RunID: "run_1", Resolved: []int{0}}},
		"nor of a part of the key":              {known: open(fires("a"), fires("b")), call: []Item{resolved("a")}, part: true, want: Decision{RunID: "run_1", Resolved: []int{0}}},
		"the last of a part does":               {known: open(resolved("a"), fires("b")), call: []Item{resolved("b")}, part: true, want: Decision{RunID: "run_1", Resolved: []int{0}, Closes: true, Tells: true}},
		"the whole, whatever is known":          {known: open(fires("a"), fires("b")), call: []Item{resolved("a")}, want: Decision{RunID: "run_1", Resolved: []int{0}, Closes: true, Tells: true}},
		"ignored, it closes":                    {rules: Rules{Window: 1, MaxRuns: 2, Per: time.Minute, OnResolved: Ignore}, known: open(fires("a")), call: []Item{resolved("a")}, want: Decision{RunID: "run_1", Resolved: []int{0}, Closes: true}},
		"a closed key that fires again is new":  {known: closed, call: []Item{fires("a")}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"also while its run gathers still":      {known: gathers(closed, t0), call: []Item{fires("a")}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"an old firing after its end":           {known: open(resolved("a"), fires("b")), call: []Item{fires("a")}, want: Decision{RunID: "run_1"}},
		"without a time it is a new firing":     {known: open(timeless("a", true), fires("b")), call: []Item{timeless("a", false)}, want: Decision{Starts: true, At: t0, Taken: []int{0}}},
		"without a time it is known":            {known: open(timeless("a", false)), call: []Item{timeless("a", false)}, want: Decision{RunID: "run_1"}},
		"a run for what is resolved":            {rules: runs(rules), known: open(fires("a")), call: []Item{resolved("a")}, want: Decision{Starts: true, At: t0, Resolved: []int{0}, Closes: true}},
		"once too":                              {rules: runs(rules), known: closed, call: []Item{resolved("a")}, want: Decision{RunID: "run_1"}},
		"also of a key that nobody knows":       {rules: runs(rules), call: []Item{resolved("a")}, want: Decision{Starts: true, At: t0, Taken: []int{0}, Closes: true}},
		"what was resolved before is listed":    {call: []Item{fires("a"), resolved("b")}, want: Decision{Starts: true, At: t0, Taken: []int{0, 1}}},
		"two of one identity are one and known": {known: open(fires("a")), call: []Item{fires("a"), fires("a")}, want: Decision{RunID: "run_1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if row.rules.MaxRuns == 0 {
				row.rules = rules
			}
			require.Equal(t, row.want, row.rules.Decide(t0, Call{Items: row.call, Whole: !row.part}, row.known))
		})
	}
}

// However calls come, no more than MaxRuns runs start in any Per.
func TestStormsKeepTheRate(t *testing.T) {
	var starts []time.Time // the newest first
	var storm *Gathering
	for second := range 600 {
		now := at(second)
		if storm != nil && !starts[0].After(now) {
			storm = nil // it has left the queue
		}
		newest := starts[:min(len(starts), rules.MaxRuns)]
		d := rules.Decide(now, Call{Items: []Item{fires(now.String())}}, Known{Starts: newest, Storm: storm})
		if !d.Starts {
			require.Equal(t, storm.RunID, d.RunID)
			continue
		}
		if d.Storm {
			require.Nil(t, storm)
			storm = &Gathering{RunID: "run_s"}
		}
		starts = append([]time.Time{d.At}, starts...)
		if len(starts) > rules.MaxRuns {
			require.GreaterOrEqual(t, d.At.Sub(starts[rules.MaxRuns]), rules.Per)
		}
	}
	require.GreaterOrEqual(t, len(starts), 2*600/60-1, "and no place is left empty")
}
