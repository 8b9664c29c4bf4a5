package memory

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	keepEvery   = 5 * time.Second
	worthwhile  = 32 << 20 // bytes that are given back to the operating system
	quietShares = 4        // a burst is over when no more than this part of it is reserved
)

// Keep gives memory back to the operating system when a burst of calls is over, until ctx ends. Go holds on to it: it
// collects garbage when as much new has been made, and a gateway that has become idle makes none.
func (b *Budget) Keep(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for burst := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			burst = b.look(burst, debug.FreeOSMemory)
		}
	}
}

// look is told the height of a burst that is going on, and returns that of the one that still is. It calls free when it
// is over.
func (b *Budget) look(burst int64, free func()) int64 {
	recent := b.highest.Swap(b.used.Load())
	if recent > burst/quietShares {
		return max(recent, burst)
	}
	if burst-recent >= worthwhile {
		free()
	}
	return recent
}
