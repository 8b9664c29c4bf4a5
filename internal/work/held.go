package work

import (
	"maps"
	"slices"
	"sync"
)

// Held are the rows that this process holds in memory. A row is held from before the transaction that claims it until
// after the one that ends or releases it, so that a row which the instance owns on record and does not hold can be
// released at any time. A row may be held more than once.
type Held struct {
	mu   sync.Mutex
	rows map[string]int
}

// Hold adds rows.
func (h *Held) Hold(ids ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rows == nil {
		h.rows = map[string]int{}
	}
	for _, id := range ids {
		h.rows[id]++
	}
}

// Drop takes rows away. One that is not held is passed over.
func (h *Held) Drop(ids ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if h.rows[id] > 1 {
			h.rows[id]--
		} else {
			delete(h.rows, id)
		}
	}
}

// All returns the rows that are held.
func (h *Held) All() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.rows))
}

// Has reports whether the row is held.
func (h *Held) Has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rows[id] > 0
}
