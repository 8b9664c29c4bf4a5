package forms

import (
	"maps"
	"slices"
)

// English are the words that the other languages have to have, too.
func English() Words { return all[0] }

// Messages lists what the language can say.
func (w Words) Messages() []string { return slices.Sorted(maps.Keys(w.table)) }

// Len is how many addresses are remembered.
func (a *Addresses) Len() int { return len(a.now) + len(a.before) }
