package units_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/internal/units"
)

func TestDuration(t *testing.T) {
	for written, want := range map[string]time.Duration{
		"0s": 0, "30s": 30 * time.Second, "5m": 5 * time.Minute, "720h": 720 * time.Hour, "1h30m": 90 * time.Minute,
		"10m10s": 610 * time.Second, "1h0m5s": time.Hour + 5*time.Second, "10h10m": 610 * time.Minute, "1.5s": 1500 * time.Millisecond,
	} {
		var d, fromJSON, fromYAML units.Duration
		require.NoError(t, d.UnmarshalText([]byte(written)))
		require.Equal(t, want, time.Duration(d))
		require.Equal(t, written, d.String(), "it is written as people write it")

		text, err := json.Marshal(d)
		require.NoError(t, err)
		require.Equal(t, `"`+written+`"`, string(text))
		require.NoError(t, json.Unmarshal(text, &fromJSON))
		require.Equal(t, d, fromJSON)

		text, err = yaml.Marshal(d)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &fromYAML))
		require.Equal(t, d, fromYAML)
	}
	require.Equal(t, time.Minute, units.Duration(0).Or(time.Minute))
	require.Equal(t, time.Second, units.Duration(time.Second).Or(time.Minute))
}

func TestDays(t *testing.T) {
	for written, want := range map[string]string{"30d": "720h", "1d12h": "36h", "0d": "0s", "1d0h1m": "24h1m"} {
		var d units.Duration
		require.NoError(t, d.UnmarshalText([]byte(written)))
		require.Equal(t, want, d.String(), written)
	}
}

func TestDurationRefuses(t *testing.T) {
	for _, written := range []string{"", "30", "-1s", "soon", "d", "1.5d", "-1d", "1d-1h", "1d2d", "99999999999d", "9999999h", "[1s]", "{a: 1s}"} {
		d := units.Duration(7)
		require.Error(t, yaml.Unmarshal([]byte("'"+written+"'"), &d), written)
		require.Error(t, d.UnmarshalText([]byte(written)), written)
		require.EqualValues(t, 7, d, "a refused value changes nothing")
	}
	var d units.Duration
	require.ErrorContains(t, yaml.Unmarshal([]byte("[1s]"), &d), "a single value is expected here")
}

func TestBytes(t *testing.T) {
	for written, want := range map[string]int64{
		"0": 0, "1048576": 1 << 20, "7B": 7, "512KiB": 512 << 10, "1MiB": 1 << 20, " 2 GiB ": 2 << 30, "1kB": 1000, "1KB": 1000, "3MB": 3e6, "4GB": 4e9,
	} {
		var b units.Bytes
		require.NoError(t, b.UnmarshalText([]byte(written)), written)
		require.EqualValues(t, want, b, written)
		require.NoError(t, yaml.Unmarshal([]byte("'"+written+"'"), &b))
		require.EqualValues(t, want, b, written)
	}
	for size, want := range map[units.Bytes]string{0: "0", 5: "5", 1 << 10: "1KiB", 1536: "1536", 3 << 20: "3MiB", 1 << 30: "1GiB", 1 << 40: "1024GiB"} {
		text, err := yaml.Marshal(size)
		require.NoError(t, err)
		require.Equal(t, want+"\n", string(text))
		var again units.Bytes
		require.NoError(t, yaml.Unmarshal(text, &again))
		require.Equal(t, size, again)

		text, err = json.Marshal(size)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, size, again, "a number in JSON: %s", text)
	}
	var b units.Bytes
	require.NoError(t, json.Unmarshal([]byte(`"1MiB"`), &b))
	require.EqualValues(t, 1<<20, b)
}

func TestBytesRefuses(t *testing.T) {
	for _, written := range []string{"", "-1", "1.5MiB", "MiB", "1 XB", "99999999999GiB", "9223372036854775808"} {
		var b units.Bytes
		require.Error(t, b.UnmarshalText([]byte(written)), written)
	}
}
