package runs

import "beckon/internal/memory"

// room is the memory for the inputs of runs that are being claimed.
type room struct {
	budget *memory.Budget
	held   map[string]*memory.Reservation // by run
}

// clear begins anew.
func (r *room) clear() {
	for _, held := range r.held {
		held.Release()
	}
	r.held = map[string]*memory.Reservation{}
}

// fits reserves memory for the input of a run. The first one fits in any case, so that no run is too large to be
// claimed.
func (r *room) fits(runID string, bytes int64) bool {
	held := r.budget.Reserve()
	if len(r.held) == 0 {
		held.Set(bytes)
	} else if held.Body(bytes) != nil {
		held.Release()
		return false
	}
	r.held[runID] = held
	return true
}

// take hands over what was reserved for a run.
func (r *room) take(runID string) *memory.Reservation {
	held := r.held[runID]
	delete(r.held, runID)
	return held
}
