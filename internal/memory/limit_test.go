package memory

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLimitIsHalfOfWhatThereIs(t *testing.T) {
	t.Setenv(variable, "")
	require.Equal(t, max(available()/2, Least), Default())
	require.Greater(t, available(), int64(Least))
}

func TestGOMEMLIMITWins(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)

	t.Setenv(variable, "300MiB") // Go has read it at start
	debug.SetMemoryLimit(300 << 20)
	require.EqualValues(t, 300<<20, Default())
	Apply(100 << 20)
	require.EqualValues(t, 300<<20, debug.SetMemoryLimit(-1))

	t.Setenv(variable, "off")
	debug.SetMemoryLimit(math.MaxInt64)
	require.Equal(t, available()/2, Default())

	t.Setenv(variable, "")
	Apply(100 << 20)
	require.EqualValues(t, 100<<20, debug.SetMemoryLimit(-1))
}
