package web

import (
	"encoding/json"
	"fmt"
)

// ExplainRefusal is for tests.
var ExplainRefusal = explainRefusal

// Compare writes each difference as "path: before -> after", with - for what is not there.
func Compare(before, after json.RawMessage) (list []string, left int) {
	differences, left := compare(before, after)
	for _, d := range differences {
		old, now := d.Before, d.After
		if !d.WasPresent {
			old = "-"
		}
		if !d.IsPresent {
			now = "-"
		}
		list = append(list, fmt.Sprintf("%s: %s -> %s", d.Path, old, now))
	}
	return list, left
}
