package egress_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 2, 18, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		seconds, ms string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{" 7 ", "", 7 * time.Second},
		{"4.5", "", 4500 * time.Millisecond},
		{".5", "", 500 * time.Millisecond},
		{"007", "", 7 * time.Second},
		{"Wed, 18 Feb 2026 12:00:30 GMT", "", 30 * time.Second},
		{"Wednesday, 18-Feb-26 12:00:30 GMT", "", 30 * time.Second},
		{"Wed, 18 Feb 2026 11:00:00 GMT", "", 0}, // in the past
		{"Wed, 18 Feb 2099 12:00:00 GMT", "", 24 * time.Hour},
		{"99999999999", "", 24 * time.Hour},
		{strings.Repeat("9", 400), "", 24 * time.Hour},
		{"-5", "", 0},
		{"+5", "", 0},
		{"5s", "", 0},
		{"٣", "", 0},
		{"soon", "", 0},
		{"1.2.3", "", 0},
		{"NaN", "", 0},
		{"Inf", "", 0},
		{"0x10", "", 0},
		{"1e3", "", 0},
		{".", "", 0},
		{"", "250", 250 * time.Millisecond},
		{"1", "1250.5", 1250*time.Millisecond + 500*time.Microsecond},
		{"3", "soon", 3 * time.Second},
	} {
		h := http.Header{}
		if c.seconds != "" {
			h.Set("Retry-After", c.seconds)
		}
		if c.ms != "" {
			h.Set("retry-after-ms", c.ms)
		}
		require.Equal(t, c.want, egress.RetryAfter(h, now), "Retry-After %q, retry-after-ms %q", c.seconds, c.ms)
	}
}
