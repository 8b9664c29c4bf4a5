package report

import "slices"

// Median is the middle of values, or the mean of the two in the middle. There must be at least one.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Spread is how far apart values are, as a part of their median: 0.1 says that the largest is a tenth of the median above
// the smallest.
func Spread(values []float64) float64 {
	return (slices.Max(values) - slices.Min(values)) / Median(values)
}

// Paired is the median of what combine makes of the first values, of the second values, and so on. Comparing within a
// round keeps the machine's changes of mood between rounds out of the comparison.
func Paired(as, bs []float64, combine func(a, b float64) float64) float64 {
	combined := make([]float64, len(as))
	for i := range as {
		combined[i] = combine(as[i], bs[i])
	}
	return Median(combined)
}

// Quotient is a / b.
func Quotient(a, b float64) float64 { return a / b }

// Difference is a - b.
func Difference(a, b float64) float64 { return a - b }
