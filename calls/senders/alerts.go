package senders

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// severities in the words of several senders, the worst first.
var severities = []string{
	"disaster", "emergency", "fatal", "critical", "page", "alert", "error", "major", "high", "warning", "warn", "minor", "average", "medium",
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

// Summarize fills in what an event of alerts says as a whole: its state, the worst severity, a title, the labels that all of
// its items share, and the time of the latest change.
func (e *Event) Summarize() {
	if len(e.Items) == 0 {
		return
	}
	shared := sharedOf(e.Items)
	e.Labels, e.State = shared.Labels, Resolved
	firing, severity := 0, ""
	for i := range e.Items {
		item := &e.Items[i]
		if item.State != Resolved {
			firing++
			e.State = cmp.Or(item.State, Firing)
			if badness(item.Severity) < badness(severity) {
				severity = item.Severity
			}
		}
		e.OccurredAt = max(e.OccurredAt, item.OccurredAt)
	}
	if firing > 0 {
		e.State = Firing
	}
	e.Severity = cmp.Or(severity, shared.Severity)
	e.Title = cmp.Or(shared.Title, e.Title)
	if len(e.Items) > 1 {
		e.Title = strings.TrimSuffix(fmt.Sprintf("%s: %s", countAlerts(firing, len(e.Items)-firing), cmp.Or(shared.Title, kinds(pointers(e.Items)))), ": ")
	}
	e.Text = cmp.Or(shared.Text, e.Text)
}

// Merge makes one event of several of the same sender, as for a storm. Of an alert that is in more than one, the last
// counts.
func Merge(events ...Event) Event {
	type identity struct{ fingerprint, startsAt string }
	merged, at := events[len(events)-1], map[identity]int{}
	merged.Items = []Item{}
	for _, e := range events {
		if e.Key != merged.Key {
			merged.Key = ""
		}
		for _, item := range e.Items {
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

// DescribeAlert is the prompt of a sender whose deliveries have one alert: of several, as those of a storm, it is that of
// DescribeAlerts.
func DescribeAlert(title string, e Event) string {
	if len(e.Items) > 1 {
		return DescribeAlerts(title, e)
	}
	return Describe(title, e)
}

// DescribeAlerts is the prompt of alerts: what they share once, then each with what differs, the firing ones first. Those
// that do not fit are counted by name, so that none is left out in silence.
func DescribeAlerts(title string, e Event) string {
	if len(e.Items) == 0 {
		return Describe(title, e)
	}
	shared := sharedOf(e.Items)
	var firing, resolved []*Item
	for i := range e.Items {
		item := &e.Items[i]
		if item.State == Resolved {
			resolved = append(resolved, item)
		} else {
			firing = append(firing, item)
		}
	}
	slices.SortStableFunc(firing, func(a, b *Item) int { return badness(a.Severity) - badness(b.Severity) })

	var b strings.Builder
	b.Grow(min(MaxPrompt, 1000+300*len(e.Items)))
	fmt.Fprintf(&b, "%s: %s, %s", title, Count(len(e.Items), "alert"), countAlerts(len(firing), len(resolved)))
	writeLine(&b, "", Clip(e.URL, 1000))
	writeLine(&b, "Group: ", Clip(e.Subject, 1000))
	if truncated := e.Labels[truncatedAlerts]; truncated != "" {
		writeLine(&b, "", "The sender has left out more alerts of this group: "+Clip(truncated, 20))
	}
	if len(e.Items) > 1 {
		writeShared(&b, shared)
	} else {
		shared = Fact{Labels: map[string]string{}}
	}
	const tail = 2500 // bytes that are kept for the counts of what does not fit
	writeAlerts(&b, "FIRING", firing, shared, MaxPrompt-tail)
	// What is resolved gets what firing alerts left, and a little in any case.
	writeAlerts(&b, "RESOLVED", resolved, shared, max(MaxPrompt-tail, b.Len()+500))
	return b.String()
}

func writeShared(b *strings.Builder, shared Fact) {
	if shared.Subject+shared.Title+shared.Text+shared.Severity+shared.URL == "" && len(shared.Labels) == 0 {
		return
	}
	b.WriteString("\n\nAll of them:")
	writeLine(b, "", shared.Subject)
	writeLine(b, "", shared.Title)
	writeLine(b, "", Clip(shared.Text, 2000))
	if shared.Labels["severity"] == "" {
		writeLine(b, "severity=", shared.Severity)
	}
	writeLine(b, "", Clip(pairs(shared.Labels, nil), 3000))
	writeLine(b, "", Clip(shared.URL, 1000))
}

// writeAlerts writes items until the prompt has limit bytes, and counts the others.
func writeAlerts(b *strings.Builder, heading string, items []*Item, shared Fact, limit int) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n\n%s (%d)", heading, len(items))
	for i, item := range items {
		one := alertLines(item, shared)
		if b.Len()+len(one) > limit {
			fmt.Fprintf(b, "\n- %d more are not shown: %s", len(items)-i, kinds(items[i:]))
			return
		}
		b.WriteString(one)
	}
}

// alertLines says of one alert what the others do not say as well.
func alertLines(item *Item, shared Fact) string {
	var b strings.Builder
	b.WriteString("\n- " + Clip(oneLine(kindOf(item)), 300))
	if item.Severity != shared.Severity {
		b.WriteString(", " + Clip(oneLine(item.Severity), 50))
	}
	if item.Subject != shared.Subject {
		b.WriteString(", " + Clip(oneLine(item.Subject), 200))
	}
	if item.StartsAt != "" {
		b.WriteString(", since " + item.StartsAt)
	}
	if item.State == Resolved && item.OccurredAt != "" && item.OccurredAt != item.StartsAt {
		b.WriteString(" until " + item.OccurredAt)
	}
	if item.Title != shared.Title && item.Title != kindOf(item) {
		b.WriteString(": " + Clip(oneLine(item.Title), maxTitle))
	}
	if own := pairs(item.Labels, shared.Labels); own != "" {
		b.WriteString("\n  " + Clip(own, 1500))
	}
	if item.Text != "" && item.Text != shared.Text {
		b.WriteString("\n  " + Clip(indent(item.Text), 1000))
	}
	if item.URL != "" && item.URL != shared.URL {
		b.WriteString("\n  " + Clip(oneLine(item.URL), 500))
	}
	return b.String()
}

// pairs writes labels that are not in without. Name and severity of an alert stand in front of it already.
func pairs(labels, without map[string]string) string {
	var b strings.Builder
	for _, name := range labelNames(labels) {
		value := labels[name]
		if have, ok := without[name]; ok && have == value || without != nil && (name == "alertname" || name == "severity") {
			continue
		}
		if b.Len() > 4000 {
			break // it is cut behind this
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(oneLine(name) + "=" + Clip(oneLine(value), 300))
	}
	return b.String()
}
