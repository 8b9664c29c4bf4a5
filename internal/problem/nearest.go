package problem

import "strings"

// Nearest returns the known word that key is a typing error of, or nothing.
func Nearest(key string, known []string) string {
	best, bestDistance := "", len(key)/3+1
	for _, word := range known {
		if plain(word) == plain(key) {
			return word
		}
		if len(key) > 2*len(word) {
			continue // and no time spent on a key of a megabyte
		}
		if d := distance(strings.ToLower(key), strings.ToLower(word)); d <= bestDistance && d < len(word) {
			best, bestDistance = word, d-1
		}
	}
	return best
}

// plain takes max_body_bytes, max-body-bytes and maxBodyBytes for the same.
func plain(key string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(key))
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to get from a to b.
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// Shorten cuts a text that somebody has given, so that it can be part of a sentence.
func Shorten(s string) string { return ShortenTo(s, 40) }

// ShortenTo cuts a text to so many characters and an ellipsis.
func ShortenTo(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
