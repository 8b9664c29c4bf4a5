package web

import "strings"

// group is a part of the menu.
type group struct {
	Title   string
	Entries []entry
}

// entry is a line of the menu.
type entry struct {
	Path, Title, Icon string
	Current           bool
}

// sections are the entries of the menu in their groups.
func sections() []group {
	return []group{
		{"Activity", []entry{
			{Path: homePath, Title: "Overview", Icon: "chart-column"},
			{Path: runsPath, Title: "Runs", Icon: "activity"},
			{Path: refusedPath, Title: "Refused", Icon: "ban"},
			{Path: deliveriesPath, Title: "Deliveries", Icon: "send"},
		}},
		{"Build", []entry{
			{Path: clientsPath, Title: "Clients", Icon: "plug"},
			{Path: homePath + "/agents", Title: "Agents", Icon: "bot"},
			{Path: homePath + "/flows", Title: "Flows", Icon: "git-branch"},
			{Path: homePath + "/commands", Title: "Commands", Icon: "square-terminal"},
			{Path: homePath + "/providers", Title: "Providers", Icon: "cpu"},
			{Path: homePath + "/toolServers", Title: "Tools", Icon: "wrench"},
		}},
		{"Outbound", []entry{{Path: endpointsPath, Title: "Endpoints", Icon: "square-arrow-out-up-right"}}},
		{"System", []entry{
			{Path: settingsPath, Title: "Settings", Icon: "settings-2"},
			{Path: auditPath, Title: "Audit", Icon: "file-clock"},
			{Path: doctorPath, Title: "Doctor", Icon: "circle-check"},
		}},
	}
}

// menu lists the sections, and marks the one that a path is in; it is nil where the path is in none.
func menu(path string) (all []group, current *entry) {
	all = sections()
	for _, g := range all {
		for i, e := range g.Entries {
			if path == e.Path || e.Path != homePath && strings.HasPrefix(path, e.Path+"/") {
				g.Entries[i].Current, current = true, &g.Entries[i]
			}
		}
	}
	return all, current
}
