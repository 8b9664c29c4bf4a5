package memory

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Least is the smallest limit that a gateway can work with.
const Least = 64 << 20

// unknown is what the machine is taken to have where that cannot be found out.
const unknown = 1 << 30

// variable is what Go itself reads a limit from.
const variable = "GOMEMLIMIT"

// Default returns what the process may use where nobody has said how much: what GOMEMLIMIT says, or half of what there
// is, so that the other half is for the database, the page cache and other processes.
func Default() int64 {
	limit := available() / 2
	if os.Getenv(variable) != "" {
		limit = min(limit, debug.SetMemoryLimit(-1)) // "off" is the largest number
	}
	return max(limit, Least)
}

// available returns the memory of the machine, or of the control group in which the process is where that is less.
func available() int64 {
	least := uint64(math.MaxInt64)
	for _, source := range []memlimit.Provider{memlimit.FromSystem, memlimit.FromCgroup} {
		if bytes, err := source(); err == nil && bytes > 0 {
			least = min(least, bytes)
		}
	}
	if least == math.MaxInt64 {
		return unknown
	}
	return int64(least)
}

// For returns the budget of calls in a process that may use so many bytes: half of them.
func For(limit int64) *Budget { return NewBudget(limit / 2) }

// Apply tells Go to collect garbage more often before the process uses more than limit, unless GOMEMLIMIT says
// something else.
func Apply(limit int64) {
	if os.Getenv(variable) == "" {
		debug.SetMemoryLimit(limit)
	}
}
