// Package secret holds what must not be seen: redacted in print, compared in constant time.
package secret

import (
	"fmt"
	"log/slog"
)

// Mask is what a secret looks like wherever it is printed.
const Mask = "•••"

// Removed is what a change gives for a kept secret that is to be kept no longer. It never is one.
const Removed String = "\x00removed"

// Lost is what a stored secret reads as that the key does not open.
const Lost String = "\x00lost"

// String is a secret in memory. It reads from YAML and JSON like any string, and prints, logs and marshals as Mask.
type String string

// Reveal returns the secret itself, for the one place that needs it.
func (s String) Reveal() string { return string(s) }

// Revised is what a kept secret becomes when a change gives wanted for it: nothing, or what is shown in its place,
// leaves it as it is; Removed takes it away.
func (s String) Revised(wanted String) String {
	switch {
	case wanted == Removed:
		return ""
	case s.IsKeptBy(wanted):
		return s
	}
	return wanted
}

// IsKeptBy reports whether there is a secret that a change leaves as it is which gives wanted for it.
func (s String) IsKeptBy(wanted String) bool { return s != "" && (wanted == "" || wanted == Mask) }

func (s String) mask() string {
	if s == "" {
		return ""
	}
	return Mask
}

// String implements fmt.Stringer.
func (s String) String() string { return s.mask() }

// GoString implements fmt.GoStringer.
func (s String) GoString() string { return fmt.Sprintf("%q", s.mask()) }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.mask()) }

// MarshalText implements encoding.TextMarshaler, and with it JSON.
func (s String) MarshalText() ([]byte, error) { return []byte(s.mask()), nil }

// MarshalYAML implements yaml.Marshaler.
func (s String) MarshalYAML() (any, error) { return s.mask(), nil }
