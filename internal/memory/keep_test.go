package memory

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryIsGivenBackWhenItIsQuiet(t *testing.T) {
	const mib = 1 << 20
	collections, size, used, live, freed := uint64(1), int64(20*mib), int64(0), int64(0), 0
	k := newKeeper(func() int64 { return used }, func() (uint64, int64) { return collections, size }, func() {
		freed++
		collections++
		size = live
	})
	size, live = 30*mib, 20*mib
	k.keep()
	k.keep()
	require.Zero(t, freed, "that little is not worth the while")

	collections, size, used, live = 7, 600*mib, 200*mib, 250*mib
	k.keep()
	require.Zero(t, freed, "it is not noCollection")
	k.keep()
	require.Equal(t, 1, freed, "calls wait for their models")
	for range 5 {
		k.keep()
	}
	require.Equal(t, 1, freed, "what they hold cannot be given back")

	used, live = 0, 20*mib
	k.keep()
	require.Equal(t, 2, freed, "they have their answers")

	size, live = 1020*mib, 1000*mib
	k.keep()
	require.Equal(t, 3, freed)
	size = 1200 * mib
	k.keep()
	require.Equal(t, 3, freed, "to look through so much for so little costs too much")
}

func TestGarbageIsGivenBack(t *testing.T) {
	k := newKeeper(func() int64 { return 0 }, heap, giveBack)
	giveBack()
	k.measure()
	garbage := make([]byte, 200<<20)
	for i := 0; i < len(garbage); i += 4 << 10 {
		garbage[i] = 1
	}
	runtime.KeepAlive(garbage)
	garbage = nil
	_, size := heap()
	require.Greater(t, size, k.needed+150<<20)
	before := k.needed
	k.keep()
	k.keep()
	_, size = heap()
	require.Less(t, size, before+50<<20)
}
