package web

import (
	"slices"

	"beckon/internal/catalog"
)

// form describes a noun that has pages.
type form struct {
	section, one, title string // "clients", "client", "Clients"
	pages               func(*Web) []page
	fields              []labelled // the fields of its form, in order; id and name come before them
}

// forms are the nouns that have pages, in the order of the menu. To add one, write its pages and its templates; its line
// here is all that is needed besides.
func forms() []form {
	return []form{
		{"clients", "client", "Clients", (*Web).clientPages, clientFields},
		{"commands", "command", "Commands", (*Web).commandPages, commandFields},
		{"agents", "agent", "Agents", (*Web).agentPages, agentFields},
		{"providers", "provider", "Providers", (*Web).providerPages, providerFields},
		{"flows", "flow", "Flows", (*Web).flowPages, flowFields},
		{"toolServers", "tool server", "Tool servers", (*Web).toolServerPages, toolServerFields},
		{"endpoints", "endpoint", "Endpoints", (*Web).endpointPages, endpointFields},
	}
}

func (f form) path() string { return homePath + "/" + f.section }

// formOf returns the form of a noun by its section or by what one of it is called; the zero form for one that has none.
func formOf(name string) form {
	all := forms()
	if i := slices.IndexFunc(all, func(f form) bool { return f.section == name || f.one == name }); i >= 0 {
		return all[i]
	}
	return form{}
}

// resources are the resources of a noun.
func resources[T catalog.Resource](w *Web) catalog.Section[T] { return catalog.Of[T](w.Backend.Editor) }
