package senders

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// severities in the words of several senders, the worst first.
var severities = []string{
	"disaster", "emergency", "fatal", "critical", "page", "alert", "error", "major", "high", "warning",
	"warn", "minor", "average", "medium",
	"low", "notice", "info", "information", "debug", "none",
}

// badness is smaller for worse severities; a word that is not known is between error and warning.
func badness(severity string) int {
	if severity == "" {
		return len(severities) + 1
	}
	if i := slices.Index(severities, severity); i >= 0 {
		return i
	}
	return slices.Index(severities, "high")
}

// Fingerprint identifies an alert by its labels, for senders that do not.
func Fingerprint(labels map[string]string) string {
	h := sha256.New()
	for _, name := range labelNames(labels) {
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(labels[name]), labels[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Summarize sets the members of an event that describe all of its alerts: the state, the worst severity, a title,
// the labels that all items share, and the time of the latest change.
func (e *Event) Summarize() {
	if len(e.Items) == 0 {
		return
	}
	shared := sharedOf(e.Items)
	e.Labels = shared.Labels
	firing, severity := 0, ""
	for i := range e.Items {
		item := &e.Items[i]
		if item.State != Resolved {
			firing++
			if badness(item.Severity) < badness(severity) {
				severity = item.Severity
			}
		}
		e.OccurredAt = max(e.OccurredAt, item.OccurredAt)
	}
	e.State = Resolved
	if firing > 0 {
		e.State = Firing
	}
	e.Severity = cmp.Or(severity, shared.Severity)
	e.Title = cmp.Or(shared.Title, e.Title)
	if len(e.Items) > 1 {
		about := shared.Title
		if about == "" {
			about = kinds(pointers(e.Items))
		}
		e.Title = Clip(countAlerts(firing, len(e.Items)-firing)+": "+about, maxTitle)
	}
	e.Text = cmp.Or(shared.Text, e.Text)
}

// Merge makes one event of at least one of the same sender, as for a storm. Of an alert that is in more than one,
// the last counts. An event that is no alert is an item as well, so that it is not lost.
func Merge(events ...Event) Event {
	type identity struct{ fingerprint, startsAt string }
	merged, at, truncated := events[len(events)-1], map[identity]int{}, 0
	merged.Items = []Item{}
	for _, e := range events {
		merged.Key = same(merged.Key, e.Key)
		merged.URL = same(merged.URL, e.URL)
		merged.Subject = same(merged.Subject, e.Subject)
		n, _ := strconv.Atoi(e.Labels[truncatedAlerts])
		truncated += n
		items := e.Items
		if len(items) == 0 {
			items = []Item{{Fact: e.Fact}}
		}
		for _, item := range items {
			id := identity{item.Fingerprint, item.StartsAt}
			if i, ok := at[id]; ok && item.Fingerprint != "" {
				merged.Items[i] = item
				continue
			}
			at[id] = len(merged.Items)
			merged.Items = append(merged.Items, item)
		}
	}
	merged.Title, merged.Text = "", ""
	merged.Summarize()
	if truncated > 0 {
		merged.Label(truncatedAlerts, strconv.Itoa(truncated))
	}
	return merged
}

// sharedOf returns what all items say alike.
func sharedOf(items []Item) Fact {
	shared := items[0].Fact
	shared.Labels = maps.Clone(shared.Labels)
	for i := range items[1:] {
		item := &items[1+i]
		for name, value := range shared.Labels {
			if have, ok := item.Labels[name]; !ok || have != value {
				delete(shared.Labels, name)
			}
		}
		shared.Title = same(shared.Title, item.Title)
		shared.Text = same(shared.Text, item.Text)
		shared.URL = same(shared.URL, item.URL)
		shared.Severity = same(shared.Severity, item.Severity)
		shared.Subject = same(shared.Subject, item.Subject)
	}
	return shared
}

func same(a, b string) string {
	if a == b {
		return a
	}
	return ""
}

// Complete reports whether the event contains all alerts of its group. Senders may cut long lists.
func (e Event) Complete() bool { return e.Labels[truncatedAlerts] == "" }

func countAlerts(firing, resolved int) string {
	switch {
	case resolved == 0:
		return fmt.Sprintf("%d firing", firing)
	case firing == 0:
		return fmt.Sprintf("%d resolved", resolved)
	}
	return fmt.Sprintf("%d firing, %d resolved", firing, resolved)
}

func pointers(items []Item) []*Item {
	list := make([]*Item, len(items))
	for i := range items {
		list[i] = &items[i]
	}
	return list
}

// kindOf is what alerts are counted by.
func kindOf(item *Item) string { return cmp.Or(item.Labels["alertname"], item.Title, "without a name") }

// kinds counts items by their names, the most frequent first.
func kinds(items []*Item) string {
	counts := map[string]int{}
	for _, item := range items {
		counts[kindOf(item)]++
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	const most = 20
	var b strings.Builder
	for i, name := range names {
		if i == most {
			left := 0
			for _, name := range names[most:] {
				left += counts[name]
			}
			fmt.Fprintf(&b, ", %d of %d other kinds", left, len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", counts[name], Clip(oneLine(name), 100))
	}
	return b.String()
}
