// Package coalesce decides which run covers a call of a client whose calls are coalesced, so that each alert is
// handled once.
//
// Decide implements the rules without a database. Service reads what the rules need, and writes their decision in the
// transaction that writes the run. So each firing of an alert is in exactly one run, after crashes and over all
// replicas.
package coalesce

import (
	"time"
)

// Life is how long a key stays open without a call.
const Life = 24 * time.Hour

// The bounds of what one run gathers.
const (
	maxItems = 10_000
	maxBytes = 8 << 20 // of what its calls said
)

// Rules are those of a client.
type Rules struct {
	Window     time.Duration // how long after it was accepted a run takes new items of its key
	MaxRuns    int           // that start in Per
	Per        time.Duration
	OnResolved string // Note, Run, Ignore
}

// What a resolved key leads to.
const (
	Note   = "note"
	Run    = "run"
	Ignore = "ignore"
)

// Item is one thing that a call reports, such as an alert.
type Item struct {
	Fingerprint string
	StartsAt    string // empty where the sender does not say it
	Resolved    bool
}

// identity tells items of a key apart.
type identity struct{ fingerprint, startsAt string }

func (i Item) identity() identity { return identity{i.Fingerprint, i.StartsAt} }

// Call is a call as far as the rules go.
type Call struct {
	Items []Item // at least one
	// Whole says that the call tells of all that its key has: when it is resolved, so is the key.
	Whole bool
}

// Gathering is a run that may take more items.
type Gathering struct {
	RunID      string
	Storm      bool // it gathers what came above MaxRuns, of any key
	AcceptedAt time.Time
	Items      int
	Bytes      int
}

// Known is what the database knows about the items of a call before the call.
type Known struct {
	RunID     string            // the last run of the call's key; empty for a key without one
	Open      bool              // the key is
	Items     map[identity]bool // of the key, and whether each is resolved
	Gathering *Gathering        // the key's run, where it gathers
	Storm     *Gathering        // the client's storm, where one gathers
	// of the client's runs, the newest first, as many as MaxRuns: when each may leave the queue
	Starts []time.Time
}

// Decision is what becomes of a call.
type Decision struct {
	RunID    string    // answers for the call; empty where Starts says that a new run does, or nothing does
	Starts   bool      // a new run is started
	Storm    bool      // which gathers what comes above MaxRuns
	At       time.Time // it may leave the queue then
	Taken    []int     // the items of the call that are new to the run
	Resolved []int     // the items of the call that are known, and resolved by it
	Closes   bool      // the key is closed by it
	Tells    bool      // so that it is noted on the run, and told
}

// Decide decides what becomes of a call.
func (r Rules) Decide(now time.Time, call Call, known Known) Decision {
	var d Decision
	var firing, resolved []int // new to the key
	anyFires := false
	for i, item := range call.Items {
		wasResolved, isKnown := known.Items[item.identity()]
		isKnown = isKnown && (known.Open || item.Resolved) // an item of a closed key that fires again is new
		switch {
		case item.Resolved && !isKnown:
			resolved = append(resolved, i)
		case item.Resolved && !wasResolved:
			d.Resolved = append(d.Resolved, i)
		case !item.Resolved && (!isKnown || wasResolved && item.StartsAt == ""):
			firing = append(firing, i)
		}
		anyFires = anyFires || !item.Resolved
	}
	if !anyFires {
		d.Closes = known.Open && (call.Whole || allResolved(known.Items, call.Items))
		if !known.Open {
			d.Closes = r.OnResolved == Run && len(resolved) > 0
		}
		d.Tells = d.Closes && r.OnResolved == Note
	}
	if len(firing) == 0 && !(d.Closes && r.OnResolved == Run) {
		d.RunID = known.RunID
		return d
	}
	d.Taken = append(firing, resolved...)
	r.place(now, known, len(d.Taken), &d)
	return d
}

// place chooses the run that takes new items.
func (r Rules) place(now time.Time, known Known, items int, d *Decision) {
	switch own, storm := known.Gathering, known.Storm; {
	case own != nil && own.fits(items) && (own.Storm || known.Open && !now.After(own.AcceptedAt.Add(r.Window))):
		d.RunID = own.RunID
	case len(known.Starts) < r.MaxRuns || !known.Starts[r.MaxRuns-1].After(now.Add(-r.Per)):
		d.Starts, d.At = true, now
	case storm != nil && storm.fits(items):
		d.RunID = storm.RunID
	default:
		d.Starts, d.Storm, d.At = true, true, known.Starts[r.MaxRuns-1].Add(r.Per)
	}
}

func (g *Gathering) fits(items int) bool { return g.Items+items <= maxItems && g.Bytes < maxBytes }

// allResolved reports whether no item is left that fires when those of a call are resolved.
func allResolved(items map[identity]bool, call []Item) bool {
	left := 0
	for _, isResolved := range items {
		if !isResolved {
			left++
		}
	}
	for _, item := range call {
		if wasResolved, isKnown := items[item.identity()]; isKnown && !wasResolved {
			left--
		}
	}
	return left <= 0
}
