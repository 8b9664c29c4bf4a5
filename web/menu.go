package web

import "strings"

// entry is a line of the menu.
type entry struct {
	Path, Title string
	Current     bool
}

// menu lists the sections, and marks the one that a path is in.
func menu(path string) []entry {
	entries := []entry{
		{Path: "/admin", Title: "Overview"},
		{Path: "/admin/clients", Title: "Clients"},
		{Path: "/admin/commands", Title: "Commands"},
		{Path: "/admin/agents", Title: "Agents"},
		{Path: "/admin/providers", Title: "Providers"},
		{Path: "/admin/flows", Title: "Flows"},
		{Path: "/admin/endpoints", Title: "Endpoints"},
		{Path: "/admin/runs", Title: "Runs"},
		{Path: "/admin/deliveries", Title: "Deliveries"},
		{Path: "/admin/refused", Title: "Refused"},
		{Path: "/admin/settings", Title: "Settings"},
		{Path: "/admin/audit", Title: "Audit"},
	}
	for i, e := range entries {
		entries[i].Current = path == e.Path || i > 0 && strings.HasPrefix(path, e.Path+"/")
	}
	return entries
}
