//go:build nobuckets

package config

const hasBuckets = false
