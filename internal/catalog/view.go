package catalog

import (
	"iter"
	"reflect"
	"slices"

	"beckon/internal/problem"
)

// View is what the file and the database have together at one moment. It never changes.
type View struct {
	File File

	registry *Registry
	revision int64
	stored   storedResources
	sections map[string][]*entry
	entries  map[key]*entry
	hidden   []problem.Finding // those of the database that the file hides
	kept     map[reflect.Type]any
	clean    func(string) string // takes out of a message what it may not show
}

// storedResources is what the database has: by section, each in the order of the ids.
type storedResources map[string][]Record[Resource]

// key is the name of a resource among all.
type key struct{ section, id string }

// entry is a resource in a View. Where both the file and the database have one of the same id, it is the file's.
type entry struct {
	Record[Resource] // with its Warnings
	noun             *noun
	path             string   // in the file: "clients[0]"
	used             Resource // Item with its variables looked up
	linked           bool     // it had no mistakes of its own
}

// All returns the resources of a noun that are in force: the file's, and behind them the database's, each in its order.
func All[T Resource](v *View) (list []T) {
	for _, e := range v.section(reflect.TypeFor[T]()) {
		if len(e.Warnings) == 0 {
			list = append(list, e.used.(T))
		}
	}
	return list
}

// Find returns the resource with an id, if it is in force.
func Find[T Resource](v *View, id string) (item T, ok bool) {
	e := v.entries[key{v.registry.byType[reflect.TypeFor[T]()].Section, id}]
	if e == nil || len(e.Warnings) > 0 {
		return item, false
	}
	return e.used.(T), true
}

// Records returns all resources of a noun as they are stored, with their warnings, in the order of All. It leaves
// out resources of the database that a resource of the file with the same id replaces.
func Records[T Resource](v *View) []Record[T] {
	return records[T](v.section(reflect.TypeFor[T]()))
}

// RecordsOf is Records of the noun with a section.
func (v *View) RecordsOf(section string) []Record[Resource] {
	return records[Resource](v.sections[section])
}

func records[T Resource](entries []*entry) []Record[T] {
	list := make([]Record[T], len(entries))
	for i, e := range entries {
		list[i] = typed[T](e.Record)
	}
	return list
}

func typed[T Resource](r Record[Resource]) Record[T] {
	return Record[T]{r.Item.(T), r.Version, r.Origin, r.Warnings, r.Cautions, r.Unread}
}

func (v *View) section(t reflect.Type) []*entry { return v.sections[v.registry.byType[t].Section] }

// Keep stores in a View what a noun's Link has built from its resources.
func Keep[M any](v *View, made M) { v.kept[reflect.TypeFor[M]()] = made }

// Kept returns what a noun's Link has kept.
func Kept[M any](v *View) M {
	made, _ := v.kept[reflect.TypeFor[M]()].(M)
	return made
}

// Warnings says which of the database's resources are not in force, and why.
func (v *View) Warnings() (list []problem.Finding) {
	for e := range v.all() {
		if e.Origin == FromDatabase && len(e.Warnings) > 0 {
			list = append(list, problem.Finding{Section: e.noun.Section, ID: e.Item.Key(), Fields: e.Warnings})
		}
	}
	return append(list, v.hidden...)
}

// Cautions says which resources are in force and should be changed nevertheless, and why.
func (v *View) Cautions() (list []problem.Finding) {
	for e := range v.all() {
		if len(e.Cautions) > 0 && len(e.Warnings) == 0 {
			list = append(list, problem.Finding{Section: e.noun.Section, ID: e.Item.Key(), Fields: e.Cautions})
		}
	}
	return list
}

// Mistakes returns the mistakes in the file's resources, by their paths in the file.
func (v *View) Mistakes() (found problem.Fields) {
	for e := range v.all() {
		if e.Origin == FromConfig {
			found.Under(e.path, e.Warnings)
		}
	}
	return found
}

// all visits the resources, noun by noun.
func (v *View) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, n := range v.registry.nouns {
			for _, e := range v.sections[n.Section] {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// err is what keeps a view from being in force: mistakes of the file.
func (v *View) err() error { return v.File.Err(v.Mistakes()) }

// usable reports whether a reference to a group leads to something that is in force, as far as is known.
func (v *View) usable(group, id string) bool {
	return slices.ContainsFunc(v.registry.group(group), func(n *noun) bool {
		e := v.entries[key{n.Section, id}]
		return e != nil && len(e.Warnings) == 0
	})
}
