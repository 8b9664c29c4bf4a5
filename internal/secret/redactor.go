package secret

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Redactor holds the values that no message may show, each with what is shown in its place.
type Redactor map[string]string

// Hide keeps a value out of messages. Very short ones are let through: to replace them would garble every sentence and
// hide nothing.
func (r Redactor) Hide(value, instead string) {
	if len(value) >= 6 || (len(value) >= 4 && instead == Mask) {
		r[value] = instead
	}
}

// Cleaner returns a function that takes the values that are hidden by now out of a text.
func (r Redactor) Cleaner() func(text string) string {
	hidden := maps.Clone(r)
	// The longest first: one secret may be the beginning of another.
	values := slices.SortedFunc(maps.Keys(hidden), func(a, b string) int {
		return cmp.Or(len(b)-len(a), cmp.Compare(a, b))
	})
	quoted := make([]string, len(values)) // as a text in quotes repeats them
	for i, v := range values {
		q := strconv.Quote(v)
		quoted[i] = q[1 : len(q)-1]
	}
	return func(text string) string {
		for i, v := range values {
			if len(v) <= len(text) {
				text = strings.ReplaceAll(text, v, hidden[v])
				if quoted[i] != v {
					text = strings.ReplaceAll(text, quoted[i], hidden[v])
				}
			}
		}
		return text
	}
}
