package report

import (
	"fmt"
	"math"
)

// Verdict compares a measurement with what was promised.
type Verdict struct {
	What   string
	Value  string
	Target string
	Met    bool
}

// AtLeast promises that value is target or more. format prints both.
func AtLeast(what string, value, target float64, format func(float64) string) Verdict {
	return Verdict{What: what, Value: format(value), Target: "at least " + format(target), Met: value >= target}
}

// AtMost promises that value is target or less.
func AtMost(what string, value, target float64, format func(float64) string) Verdict {
	return Verdict{What: what, Value: format(value), Target: "at most " + format(target), Met: value <= target}
}

// Result is "ok" or "missed".
func (v Verdict) Result() string {
	if v.Met {
		return "ok"
	}
	return "missed"
}

// Ratio prints one number as part of another.
func Ratio(v float64) string { return fmt.Sprintf("%.3f", v) }

// Times prints how many times as large something is.
func Times(v float64) string { return fmt.Sprintf("%.1f ×", v) }

// Milliseconds prints a time that is given in milliseconds.
func Milliseconds(v float64) string {
	if v >= 100 || v <= -100 {
		return fmt.Sprintf("%.0f ms", v)
	}
	return fmt.Sprintf("%.2f ms", v)
}

// Megabytes prints a size that is given in bytes, in units of 1,000,000.
func Megabytes(v float64) string {
	return fmt.Sprintf("%.1f MB", math.Round(v/1e5)/10+0) // + 0: so little that it rounds to -0 is 0
}

// Percent prints a part of 1.
func Percent(v float64) string { return fmt.Sprintf("%.1f %%", v*100) }

// Thousands prints a number with commas.
func Thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
