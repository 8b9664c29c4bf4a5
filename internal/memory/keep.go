package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	keepEvery = 5 * time.Second
	// worthwhile is how much there must be to give back: to find out what is garbage has its price.
	worthwhile = 16 << 20
	// ballastSize is how much more garbage is made between two collections than Go would let a small heap have. A
	// busy gateway keeps 5 MiB alive, and would collect its garbage 40 % more often.
	ballastSize = 5 << 20
)

// Keep gives memory back to the operating system until ctx ends: after some seconds what only the start needed, and
// whenever no garbage was collected for some seconds. Go collects garbage when as much new has been made as there
// is: a gateway that waits for models, or has become idle, makes none, and would keep what a burst of calls has
// needed for minutes.
func (b *Budget) Keep(ctx context.Context) {
	ballast := make([]byte, ballastSize) // is never written to, so it takes no memory
	defer runtime.KeepAlive(ballast)
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	started := false
	k := newKeeper(b.Used, heap, giveBack)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if !started {
				giveBack()
				_ = unmapBinary() // what cannot be given back stays
				k.measure()
				started = true
				continue
			}
			k.keep()
		}
	}
}

// keeper compares what the heap has of the operating system's memory with what it needed when garbage was collected
// last.
type keeper struct {
	used func() int64                            // reserved bytes
	heap func() (collections uint64, size int64) // how often garbage was collected, and the bytes that the heap has
	free func()

	collections uint64 // when it looked last
	needed      int64  // beside what is reserved
}

func newKeeper(used func() int64, heap func() (uint64, int64), free func()) *keeper {
	k := &keeper{used: used, heap: heap, free: free}
	k.measure()
	return k
}

func (k *keeper) measure() {
	collections, size := k.heap()
	k.collections, k.needed = collections, size-k.used()
}

func (k *keeper) keep() {
	collections, size := k.heap()
	noCollection := collections == k.collections
	k.collections = collections
	if noCollection && size-k.used() >= k.needed+max(worthwhile, k.needed/2) {
		k.free()
		k.measure()
	}
}

// giveBack collects twice: what is in a sync.Pool survives one collection.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
}

func heap() (collections uint64, size int64) {
	samples := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(samples)
	for _, s := range samples[1:] {
		size += int64(s.Value.Uint64())
	}
	return samples[0].Value.Uint64(), size
}
