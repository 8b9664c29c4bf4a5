package units

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bytes is a size in bytes. It is read from a plain number or from one with a unit (B, kB, MB, GB, KiB, MiB, GiB)
// and written as a number in JSON.
type Bytes int64

var byteUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// UnmarshalText reads "1048576" or "1MiB".
func (b *Bytes) UnmarshalText(text []byte) error {
	s, factor := strings.TrimSpace(string(text)), int64(1)
	for _, u := range byteUnits {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			s, factor = strings.TrimSpace(number), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return fmt.Errorf("%q is not a size: write it like 1048576, 512KiB or 1MiB", text)
	}
	*b = Bytes(n * factor)
	return nil
}

// UnmarshalYAML reads a scalar as UnmarshalText does.
func (b *Bytes) UnmarshalYAML(node *yaml.Node) error { return unmarshalScalar(node, b) }

// UnmarshalJSON reads a number, or a string as UnmarshalText does.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	return b.UnmarshalText([]byte(strings.Trim(string(data), `"`)))
}

// MarshalYAML writes the largest unit that leaves no remainder.
func (b Bytes) MarshalYAML() (any, error) {
	for i := 2; i >= 0; i-- {
		if u := byteUnits[i]; b > 0 && int64(b)%u.factor == 0 {
			return strconv.FormatInt(int64(b)/u.factor, 10) + u.suffix, nil
		}
	}
	return int64(b), nil
}

func unmarshalScalar(node *yaml.Node, into encoding.TextUnmarshaler) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a single value is expected here", node.Line)
	}
	if err := into.UnmarshalText([]byte(node.Value)); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}
