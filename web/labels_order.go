package web

import (
	"slices"
	"strconv"

	"beckon/internal/problem"
)

// stepFields are those of a step, in the order of its form. Those of the steps within it come after all of them.
var stepFields = [...]string{
	"type", "agentId", "maxIterations", "until", "responseAgent", "onError", "prompt", "outputKey", "events", "steps",
}

// inFormOrder sorts errors by the order of their fields in the form of a noun. Errors without a field come first.
func inFormOrder(one string, found problem.Fields) problem.Fields {
	sorted, fields := slices.Clone(found), fieldsOf(one)
	slices.SortStableFunc(sorted, func(a, b problem.Field) int {
		return slices.Compare(placeOf(fields, a.Path), placeOf(fields, b.Path))
	})
	return sorted
}

// placeOf returns the position of a field in the form; a field of a step begins with the positions of the steps around it.
func placeOf(fields []labelled, path string) []int {
	if path == "" {
		return nil
	}
	at := slices.IndexFunc(fields, func(f labelled) bool { return f.path == fieldOf(path) })
	if at >= 0 {
		return []int{at}
	}
	place := []int{len(fields)} // the steps are below the rest
	m := stepPath.FindStringSubmatch(path)
	if m == nil {
		return place
	}
	for _, index := range indexes.FindAllString(m[1], -1) {
		n, _ := strconv.Atoi(index) // digits
		place = append(place, len(stepFields)+n)
	}
	if m[2] != "" {
		place = append(place, slices.Index(stepFields[:], m[2]))
	}
	return place
}
