// Package units reads and writes durations and sizes the way people write them: 30s, 720h, 1MiB.
package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Duration is a time.Duration whose text form is Go's ("5m", "1h30m"), in YAML, JSON and the environment.
type Duration time.Duration

// Or returns d, or fallback where d is zero.
func (d Duration) Or(fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return time.Duration(d)
}

// String writes no zeros at the end: "5m" and "1h30m", not "5m0s" and "1h30m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

const (
	day     = 24 * time.Hour
	maxDays = 100 * 365 // what fits into a Duration, and makes sense
)

func parse(text string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > maxDays {
		return 0, fmt.Errorf("%q is no number of days", days)
	}
	t := time.Duration(n) * day
	if rest == "" {
		return t, nil
	}
	more, err := time.ParseDuration(rest)
	if more < 0 {
		return more, err
	}
	return t + more, err
}

// MarshalText is the form of JSON and of text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalYAML is the form of YAML.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// UnmarshalText reads Go's duration syntax, with days of 24 hours in front of it: 30d, 1d12h. Negative durations
// are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	t, err := parse(string(text))
	if err != nil || t < 0 {
		return fmt.Errorf("%q is not a duration: write it like 30s, 5m or 720h", text)
	}
	*d = Duration(t)
	return nil
}

// UnmarshalYAML reads a scalar as UnmarshalText does.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error { return unmarshalScalar(node, d) }
