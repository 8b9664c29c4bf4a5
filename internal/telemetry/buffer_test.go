package telemetry

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLinesOfTheLogAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		lines := NewBuffer(&out)
		log, _ := NewLogger(lines, "text")
		written := func() int {
			lines.mu.Lock()
			defer lines.mu.Unlock()
			return strings.Count(out.String(), "\n")
		}

		log.Info("one")
		log.With("run", "r").WithGroup("g").Info("two")
		require.Zero(t, written())
		time.Sleep(bufferDelay) // on the clock of the test, which waits for nothing
		synctest.Wait()
		require.Equal(t, 2, written())

		log.Info("three")
		log.With("run", "r").WithGroup("g").Warn("four")
		require.Equal(t, 4, written(), "a warning is written at once, behind what was logged before it")
		require.Less(t, strings.Index(out.String(), "three"), strings.Index(out.String(), "four"))

		log.Info(strings.Repeat("x", bufferSize))
		require.Equal(t, 5, written(), "what waits is bounded")

		log.Info("six")
		lines.Flush()
		require.Equal(t, 6, written())
		lines.Flush()
		require.Equal(t, 6, written(), "nothing is written twice")
	})
}
