package catalog

import (
	"maps"
	"reflect"
	"slices"

	"beckon/internal/problem"
)

// View merges the resources of the file and of the database, and links them. If both have a resource with the same
// id, the file's is used. It never fails: mistakes are recorded in the View.
func (r *Registry) View(file File, stored ...Resource) *View {
	sections := storedResources{}
	for _, item := range stored {
		n := r.byType[reflect.TypeOf(item)]
		sections[n.Section] = append(sections[n.Section], Record[Resource]{
			Item:    item,
			Version: 1,
			Origin:  FromDatabase,
		})
	}
	return r.view(file, sections, key{})
}

// view is View; a resource of the database that is named in trusted is linked although something is wrong with it
// on its own.
func (r *Registry) view(file File, stored storedResources, trusted key) *View {
	v := &View{File: file, registry: r, stored: stored,
		sections: map[string][]*entry{}, entries: map[key]*entry{}, kept: map[reflect.Type]any{}}
	for _, n := range r.nouns {
		for i, item := range file.Items(n.Section) {
			v.add(&entry{
				Record: Record[Resource]{Item: item, Origin: FromConfig, Cautions: n.Cautions(item)},
				noun:   n,
				path:   pathInFile(n.Section, i),
				used:   item,
				linked: true,
			})
		}
	}
	hidden := maps.Clone(file.Redactor())
	for _, n := range r.nouns {
		for _, record := range stored[n.Section] {
			e := &entry{Record: record, noun: n, used: record.Item}
			isTrusted := trusted == key{n.Section, record.Item.Key()}
			if e.Warnings = slices.Concat(CheckID(record.Item.Key()), e.checkAlone(),
				v.clash(e, FromConfig)); isTrusted {
				e.Warnings = nil
			}
			if len(e.Warnings) == 0 {
				e.used, e.Warnings, e.Cautions = n.lookUp(file, r.env, record.Item, hidden)
				e.Cautions = append(e.Cautions, n.Cautions(record.Item)...)
			}
			e.linked = len(e.Warnings) == 0 || isTrusted
			v.add(e)
		}
	}
	v.clean = hidden.Cleaner()
	for _, n := range r.nouns {
		if n.Link != nil {
			n.Link(v, func(section, id string, found problem.Fields) { v.entries[key{section, id}].report(found) })
		}
	}
	for e := range v.all() { // behind those that they refer to
		if e.linked {
			e.report(v.checkAmong(e))
		}
	}
	for e := range v.all() {
		v.cleaned(e.Warnings)
	}
	return v
}

// add puts an entry in its place, unless there is one of the file with its id.
func (v *View) add(e *entry) {
	k := key{e.noun.Section, e.Item.Key()}
	if v.entries[k] == nil {
		v.entries[k] = e
		v.sections[k.section] = append(v.sections[k.section], e)
	} else if e.Origin == FromDatabase {
		v.hidden = append(v.hidden, problem.Finding{Section: k.section, ID: k.id, Fields: problem.Fields{
			{Message: "the configuration file declares one with this id, which hides the one in the database"}}})
	}
}

// checkAlone finds what is wrong with a resource of the database on its own.
func (e *entry) checkAlone() problem.Fields {
	if len(e.Unread) > 0 {
		return e.Warnings
	}
	if lost := lostSecrets(reflect.ValueOf(e.Item), ""); len(lost) > 0 {
		return lost
	}
	return e.Item.Check()
}

// clash says that a resource of another noun of the group has the same id, and comes from origin.
func (v *View) clash(e *entry, origin string) (found problem.Fields) {
	where := map[string]string{FromConfig: " in the configuration file"}[origin]
	for _, n := range v.registry.group(e.noun.Group) {
		other := v.entries[key{n.Section, e.Item.Key()}]
		if n != e.noun && other != nil && other.Origin == origin {
			found.Add("id", "%q is already the id of %s%s", e.Item.Key(), withArticle(n.One), where)
		}
	}
	return found
}

// checkAmong finds the references of a resource that lead nowhere, and what else is wrong with it among the others.
// Where something else is wrong already, a reference is not.
func (v *View) checkAmong(e *entry) (found problem.Fields) {
	for _, ref := range e.noun.References(e.used) {
		known := slices.ContainsFunc(e.Warnings, func(f problem.Field) bool { return f.Path == ref.Path })
		if ref.ID != "" && !known && !v.usable(ref.To, ref.ID) {
			found.Add(ref.Path, "there is no usable %s %q", v.registry.oneOf(ref.To), ref.ID)
		}
	}
	return append(found, e.noun.CheckAmong(v, e.used)...)
}

func (e *entry) report(found problem.Fields) {
	for _, f := range found {
		if !slices.Contains(e.Warnings, f) {
			e.Warnings = append(e.Warnings, f)
		}
	}
}

// cleaned takes out of messages, in place, what none may show.
func (v *View) cleaned(found problem.Fields) problem.Fields {
	for i := range found {
		found[i].Message = v.clean(found[i].Message)
	}
	return found
}
