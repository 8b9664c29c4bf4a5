//go:build !nobuckets

package config

// hasBuckets says that the program was built with what reaches buckets.
const hasBuckets = true
