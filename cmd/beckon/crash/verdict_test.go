package crash_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// verdict says what has become of all that was accepted while something was interrupted.
type verdict struct {
	name, database string
	gateways       int

	accepted       int
	lost           int            // accepted, and not on record
	nameless       int            // named by a 503, and not on record
	ended          int            // accepted, and over
	failed         map[string]int // accepted, and not COMPLETED, by the code of their errors
	other          int            // completed with an output that is not the model's
	askedTwice     int            // models that were asked for the same more than once: right where a process has died
	askedAgain     int            // models that were asked for what was done and on record
	runTwice       int            // calls with an Idempotency-Key that have made two runs
	twoIDs         int            // events that have two ids, in the log or at the receiver
	sentAgain      int            // events that were posted after the record that they were accepted
	untold         int            // ends that the webhook of the call never heard of
	openRuns       int            // when everything should have ended
	openDeliveries int
	endless        int            // runs and deliveries that had still not ended when the lab gave up
	all            map[string]int // runs on record, by status and code
	refused, wrong map[string]int // answers
	took           time.Duration  // from the end of the interruption until everything had ended
}

// patient is how long the lab looks on when not everything has ended in time, to tell late from never.
const patient = 35 * time.Second

// settle waits until everything has ended, and compares.
func (l *lab) settle(name string, back time.Time, limit time.Duration) verdict {
	v := verdict{name: name, database: l.record.database, gateways: len(l.gateways), failed: map[string]int{}, all: map[string]int{}}
	noted := false
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ; ; <-tick.C {
		runs, deliveries, err := l.record.open()
		v.took = time.Since(back)
		if err == nil && runs+deliveries == 0 {
			break
		}
		if !noted && v.took > limit {
			noted, v.openRuns, v.openDeliveries = true, runs, deliveries
		}
		if v.took > limit+patient {
			v.endless = runs + deliveries
			break
		}
	}
	l.compareRuns(&v)
	l.compareEvents(&v)
	return v
}

func (l *lab) compareRuns(v *verdict) {
	rows, err := l.record.runs()
	require.NoError(l.t, err)
	l.load.mu.Lock()
	defer l.load.mu.Unlock()
	v.refused, v.wrong, v.accepted = l.load.refused, l.load.wrong, len(l.load.accepted)
	byID, byPrompt := map[string]runRow{}, map[string]int{}
	for _, w := range rows {
		byID[w.id] = w
		v.all[strings.TrimSpace(w.status+" "+w.code)]++
		byPrompt[w.input]++
	}
	for id, a := range l.load.accepted {
		w, found := byID[id]
		switch {
		case !found:
			v.lost++
			continue
		case w.status == "COMPLETED":
			v.ended++
			if w.output != a.answer {
				v.other++
			}
		case w.status == "FAILED" || w.status == "CANCELED":
			v.ended++
			v.failed[w.code]++
		}
		if a.once && byPrompt[a.prompt] > 1 {
			v.runTwice++
		}
		if a.webhook && w.status == "COMPLETED" && !l.receiver.accepted(told{"callback", id, "run.completed", ""}) {
			v.untold++
		}
	}
	for _, id := range l.load.named {
		if _, found := byID[id]; !found {
			v.nameless++
		}
	}
	done := l.record.seen()
	l.model.mu.Lock()
	defer l.model.mu.Unlock()
	for key, asked := range l.model.asked {
		if len(asked) > 1 {
			v.askedTwice++
		}
		if at, ok := done[key]; ok && asked[len(asked)-1].After(at) {
			v.askedAgain++
		}
	}
}

func (l *lab) compareEvents(v *verdict) {
	twice, err := l.record.eventsTwice()
	require.NoError(l.t, err)
	for _, event := range twice {
		l.t.Logf("twice: %+v", event)
	}
	deliveries, err := l.record.deliveries()
	require.NoError(l.t, err)
	v.twoIDs = len(twice)
	l.receiver.mu.Lock()
	defer l.receiver.mu.Unlock()
	for _, ids := range l.receiver.ids {
		if len(ids) > 1 {
			v.twoIDs++
		}
	}
	for _, d := range deliveries {
		arrivals := l.receiver.arrivals[d.key]
		late := len(arrivals) > 0 && arrivals[len(arrivals)-1].at.After(d.completed.Add(time.Second))
		if d.status == "DELIVERED" && (d.again > 0 || late) {
			v.sentAgain++
		}
	}
}

// require fails the test for every promise that was not kept.
func (v verdict) require(l *lab) {
	t := l.t
	assert.Zero(t, v.lost, "runs that were accepted and are not on record")
	assert.Zero(t, v.nameless, "runs that a 503 names and that are not on record")
	assert.Equal(t, v.accepted, v.ended, "runs that were accepted, and those of them that have ended")
	assert.Empty(t, v.failed, "accepted runs that have failed")
	assert.Zero(t, v.other, "runs with another output than the model's")
	if !l.wakes { // one that wakes may ask before it notices that its run was taken; it cannot record the answer
		assert.Zero(t, v.askedAgain, "models that were asked for what was done and on record")
	}
	assert.Zero(t, v.runTwice, "calls that have run twice in spite of their Idempotency-Key")
	assert.Zero(t, v.twoIDs, "events with two ids")
	assert.Zero(t, v.sentAgain, "events that were sent after the record that they were accepted")
	assert.Zero(t, v.untold, "ends of runs that the webhook of the call never heard of")
	assert.Zero(t, v.openRuns, "runs that are open long after the interruption")
	assert.Zero(t, v.openDeliveries, "deliveries that are open long after the interruption")
	assert.Empty(t, v.wrong, "answers that are neither 200, 202 nor 503 with Retry-After")
}

// row is the verdict as a line of the table.
func (v verdict) row() string {
	after := "never"
	if v.endless == 0 {
		after = fmt.Sprintf("%.1f s", v.took.Seconds())
	}
	open := "0"
	if v.openRuns+v.openDeliveries > 0 {
		open = fmt.Sprintf("%d runs, %d deliveries", v.openRuns, v.openDeliveries)
	}
	database := v.database
	if v.gateways > 1 {
		database = fmt.Sprintf("%s, %d gateways", v.database, v.gateways)
	}
	return fmt.Sprintf("| %s | %s | %d | %d | %s | %d | %d | %d | %d | %s | %s | %s |", v.name, database, v.accepted, v.ended, counts(v.failed),
		v.askedTwice, v.askedAgain+v.runTwice, v.twoIDs, v.sentAgain, open, counts(v.wrong), after)
}

// counts prints numbers with what they count, and 0 for nothing.
func counts(m map[string]int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%d %s", m[name], name))
	}
	if list == nil {
		return "0"
	}
	return strings.Join(list, ", ")
}

// conclude settles, puts the verdict into the table, and requires what is promised.
func (l *lab) conclude(table *results, name string, back time.Time) verdict {
	return l.concludeWithin(table, name, back, within)
}

// concludeWithin is conclude where it may take longer until everything has ended.
func (l *lab) concludeWithin(table *results, name string, back time.Time, limit time.Duration) verdict {
	v := l.settle(name, back, time.Duration(float64(limit)*l.slowness))
	table.add(v)
	l.t.Logf("on record: %s; refused: %s; untold ends: %d; open at last: %d; lost: %d; named by a 503 and lost: %d; slowness: %.1f", counts(v.all), counts(v.refused), v.untold, v.endless,
		v.lost, v.nameless, l.slowness)
	v.require(l)
	return v
}

// errors are the errors that the gateways have logged, with how often, and those of runs.
func (l *lab) errors() string {
	found := map[string]int{}
	details := regexp.MustCompile(`[0-9A-Z]{26}|\S*/\S*|[0-9]+`)
	for n := range l.gateways {
		for line := range strings.Lines(l.gateway(n).log.String()) {
			var entry struct{ Level, Msg, Error string }
			if json.Unmarshal([]byte(line), &entry) == nil && (entry.Level == "ERROR" || entry.Msg == "run ended" && entry.Error != "") {
				found[entry.Msg+": "+details.ReplaceAllString(entry.Error, "…")]++
			}
		}
	}
	messages := slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Compare(found[b], found[a]) })
	var text strings.Builder
	for _, message := range messages {
		fmt.Fprintf(&text, "%4d %s\n", found[message], message)
	}
	return text.String()
}
