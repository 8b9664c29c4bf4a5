package redact

import (
	"testing"
	"time"
)

// SetPatternTime sets how long patterns may take for a text, until the end of the test.
func SetPatternTime(t *testing.T, d time.Duration) {
	before := patternTime
	patternTime = d
	t.Cleanup(func() { patternTime = before })
}
