package senders

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxPrompt is about how many bytes a prompt of an event has at most: what a small model can read, and a person.
const MaxPrompt = 12000

// Describe is the prompt of one event: what happened, to what, by whom, the labels, the text. title is the sender's.
func Describe(title string, e Event) string {
	var b strings.Builder
	b.WriteString(headline(title, e.Fact))
	writeLine(&b, "", e.URL)
	writeLine(&b, "Subject: ", e.Subject)
	writeLine(&b, "By: ", e.Actor)
	writeLine(&b, "State: ", e.State)
	writeLine(&b, "Severity: ", e.Severity)
	writeLine(&b, "Time: ", e.OccurredAt)
	for _, name := range labelNames(e.Labels) {
		if b.Len() > MaxPrompt/2 { // the text has to fit as well
			writeLine(&b, "", "… more labels")
			break
		}
		writeLine(&b, Clip(name, 200)+": ", e.Labels[name])
	}
	if e.Text != "" {
		b.WriteString("\n\n" + Clip(e.Text, MaxPrompt-b.Len()))
	}
	return b.String()
}

// DescribeEach is Describe for a delivery that may carry several events.
func DescribeEach(title string, e Event) string {
	if len(e.Items) < 2 {
		return Describe(title, e)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d events", title, len(e.Items))
	for i, item := range e.Items {
		one := Clip(fmt.Sprintf("\n\n%d. %s", i+1, Describe(title, Event{Fact: item.Fact})),
			max(1000, MaxPrompt/len(e.Items)))
		if b.Len()+len(one) > MaxPrompt {
			fmt.Fprintf(&b, "\n\n%d more events are not shown.", len(e.Items)-i)
			break
		}
		b.WriteString(one)
	}
	return b.String()
}

func headline(title string, f Fact) string {
	var b strings.Builder
	b.WriteString(title)
	if f.Type != "" {
		b.WriteString(" " + f.Type)
	}
	if f.Action != "" && !strings.HasSuffix(strings.ToLower(f.Type), strings.ToLower(f.Action)) {
		b.WriteString(" " + f.Action)
	}
	if f.Title != "" {
		b.WriteString(": " + f.Title)
	}
	return oneLine(Clip(b.String(), 1000))
}

// writeLine starts a new line for a value that is there.
func writeLine(b *strings.Builder, name, value string) {
	if value != "" {
		b.WriteString("\n" + oneLine(name) + oneLine(Clip(value, 1000)))
	}
}

// oneLine keeps a value from looking like several lines of the prompt.
func oneLine(text string) string {
	if !strings.ContainsAny(text, "\r\n\u2028\u2029") {
		return text
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return strings.ContainsRune("\r\n\u2028\u2029", r)
	}), " ")
}

// indent keeps the lines of a text below the item that they belong to.
func indent(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.TrimSpace(strings.Join(lines, "\n  "))
}

// First returns the first line of a text, as a title.
func First(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return Clip(strings.TrimSpace(line), maxTitle)
}

// Body returns a text as an event keeps it.
func Body(text string) string {
	return Clip(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), maxText)
}

// Joined joins the first items of a list with commas, and adds how many more there are.
func Joined(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// Short shortens the hash of a commit to the usual length. A hash of zeros, which stands for no commit, becomes
// empty.
func Short(hash string) string {
	if strings.Trim(hash, "0") == "" {
		return ""
	}
	if len(hash) > 10 && utf8.ValidString(hash[:10]) {
		return hash[:10]
	}
	return hash
}
