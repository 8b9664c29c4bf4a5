package web

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"beckon/internal/problem"
)

// setLine is a value that a step of type set puts into the state, as its form has it.
type setLine struct{ Key, Value string }

func setLinesOf(set map[string]string) (lines []setLine) {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		lines = append(lines, setLine{key, set[key]})
	}
	return lines
}

// typedSet takes keys and expressions line by line; one that has neither is none.
func typedSet(keys, values []string) (lines []setLine) {
	for i, key := range keys {
		line := setLine{Key: strings.TrimSpace(key)}
		if i < len(values) {
			line.Value = strings.TrimSpace(values[i])
		}
		if line != (setLine{}) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (f stepForm) setOf(wrong *problem.Fields) map[string]string {
	set := map[string]string{}
	for _, line := range f.Set {
		if _, twice := set[line.Key]; twice {
			wrong.Add(f.Path+".set", "%q stands there twice", firstCharacters(line.Key, maxExcerpt))
		}
		set[line.Key] = line.Value
	}
	return set
}

func writeCount(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
