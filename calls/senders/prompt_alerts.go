package senders

import (
	"fmt"
	"slices"
	"strings"
)

// DescribeAlert is the prompt of a sender whose deliveries have one alert: of several, as those of a storm, it is
// that of DescribeAlerts.
func DescribeAlert(title string, e Event) string {
	if len(e.Items) > 1 {
		return DescribeAlerts(title, e)
	}
	return Describe(title, e)
}

// DescribeAlerts returns the prompt for alerts: first what they have in common, then each alert with its
// differences, firing alerts first. Alerts that do not fit are counted by name, so that none is left out unnoticed.
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
		isInHeading := without != nil && (name == "alertname" || name == "severity")
		if have, ok := without[name]; isInHeading || ok && have == value {
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
