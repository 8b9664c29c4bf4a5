package web

import (
	"regexp"

	"beckon/internal/problem"
)

// privateNote says how a private address, to which nothing may be sent, is allowed.
type privateNote struct {
	File     string // the configuration file, as an absolute path
	Exists   bool   // else Beckon would read it from there if it existed
	Network  string
	Networks []string // that are allowed already
}

// privateNetwork finds the network in what package egress says of a private address.
var privateNetwork = regexp.MustCompile(`to allow it, list (\S+) .*in egress\.allowPrivate|to allow it, list (\S+) in egress\.allowPrivate`)

// privateNoteOf is nil unless a message says that an address is private.
func (w *Web) privateNoteOf(message string) *privateNote {
	m := privateNetwork.FindStringSubmatch(message)
	if m == nil {
		return nil
	}
	n := &privateNote{Network: m[1] + m[2]}
	n.File, n.Exists = w.Backend.Settings.ConfigFile()
	for _, network := range w.Backend.Editor.File().Networks() {
		n.Networks = append(n.Networks, network.String())
	}
	return n
}

// privateNoteFor is the note for the first of several errors that needs it.
func (w *Web) privateNoteFor(found problem.Fields) *privateNote {
	for _, f := range found {
		if n := w.privateNoteOf(f.Message); n != nil {
			return n
		}
	}
	return nil
}
