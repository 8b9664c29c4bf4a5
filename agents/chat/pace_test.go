package chat_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents/chat"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 2, 18, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":        0,
		"5":       5 * time.Second,
		"1.5":     1500 * time.Millisecond,
		"-3":      0,
		"NaN":     0,
		"soon":    0,
		"1e300":   24 * time.Hour,
		"9999999": 24 * time.Hour,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
		now.AddDate(50, 0, 0).Format(http.TimeFormat): 24 * time.Hour,
	} {
		require.Equal(t, want, chat.RetryAfter(value, now), value)
	}
}

func TestWaitsDouble(t *testing.T) {
	distinct := map[time.Duration]bool{}
	for range 20 {
		for i, d := range chat.Waits(20) {
			middle := min(500*time.Millisecond<<min(i, 10), 8*time.Second)
			require.InDelta(t, float64(middle), float64(d), float64(middle)/4)
			distinct[d] = true
		}
	}
	require.Greater(t, len(distinct), 300, "no jitter")
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		text, hidden string
		window       int
		want         string
	}{
		{"the key is sk-12345", "sk-12345", 4, "the key is •••"},
		{"twice: abcdef, abcdef", "abcdef", 4, "twice: •••, •••"},
		{"the ends: sk-1**2345", "sk-12345", 4, "the ends: •••**•••"},
		{"nothing here", "sk-12345", 4, "nothing here"},
		{"short: ab", "ab", 4, "short: •••"},
		{"", "ab", 4, ""},
		{"text", "", 4, "text"},
		{"gr\u00fc\u00dfe", "\xbc\u00df", 3, "gr•••e"},
		{"aaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaa", 4, "•••"},
	} {
		require.Equal(t, c.want, chat.Mask(c.text, c.hidden, c.window), c.text)
	}
}
