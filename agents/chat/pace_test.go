package chat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents/chat"
)

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
