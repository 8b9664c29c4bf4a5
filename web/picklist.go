package web

import (
	"slices"
	"strings"
)

// maxPicks is how many boxes a pickList shows; the rest is typed.
const maxPicks = 50

// pickList is a field for some of the resources of a noun: a box for each, and a text for those without one. Both are sent under
// the same name. The template part "pick-of" draws it.
type pickList struct {
	Legend, All string // what none chosen stands for: "all clients"
	Other       field  // the ids without a box
	Boxes       []pick
	More        int // ids that exist, and have no box
}

// pick is the box of one.
type pick struct {
	ID     string
	Chosen bool
}

// NeedsText reports whether ids can, or have to, be typed.
func (l pickList) NeedsText() bool { return l.More > 0 || l.Other.Value != "" || len(l.Boxes) == 0 }

// newPickList makes the field of what was typed or saved, which other has as a text. Those that are chosen come first.
func newPickList(legend, all string, other field, known []string) pickList {
	l := pickList{Legend: legend, All: all, Other: other}
	var unknown []string
	for _, id := range splitList(other.Value) {
		if slices.Contains(known, id) && len(l.Boxes) < maxPicks {
			l.Boxes = append(l.Boxes, pick{id, true})
		} else {
			unknown = append(unknown, id)
		}
	}
	chosen := l.Boxes
	for _, id := range known {
		isChosen := slices.Contains(chosen, pick{id, true})
		switch {
		case !isChosen && len(l.Boxes) < maxPicks:
			l.Boxes = append(l.Boxes, pick{id, false})
		case !isChosen:
			l.More++
		}
	}
	l.Other.Value = strings.Join(unknown, ", ")
	return l
}
