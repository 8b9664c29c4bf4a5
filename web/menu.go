package web

import "strings"

// entry is a line of the menu.
type entry struct {
	Path, Title string
	Current     bool
}

// menu lists the sections, and marks the one that a path is in.
func menu(path string) []entry {
	entries := []entry{{Path: homePath, Title: "Overview"}}
	for _, f := range forms() {
		entries = append(entries, entry{Path: f.path(), Title: f.title})
	}
	for _, title := range []string{"Runs", "Deliveries", "Refused", "Settings", "Audit"} {
		entries = append(entries, entry{Path: homePath + "/" + strings.ToLower(title), Title: title})
	}
	for i, e := range entries {
		entries[i].Current = path == e.Path || i > 0 && strings.HasPrefix(path, e.Path+"/")
	}
	return entries
}
