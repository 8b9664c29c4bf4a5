package catalog

import (
	"fmt"
	"reflect"
	"strings"

	"beckon/internal/problem"
)

// Registry holds all nouns. It never changes.
type Registry struct {
	env       Env
	nouns     []*noun
	bySection map[string]*noun
	byType    map[reflect.Type]*noun
}

// NewRegistry returns a registry of nouns. Each noun must come after those that it refers to. env is used to look
// up variables that resources in the database refer to.
func NewRegistry(env Env, nouns ...Declaration) *Registry {
	r := &Registry{env: env, bySection: map[string]*noun{}, byType: map[reflect.Type]*noun{}}
	for _, d := range nouns {
		n := d.declare()
		r.nouns = append(r.nouns, n)
		r.bySection[n.Section], r.byType[n.Type] = n, n
	}
	return r
}

// Kinds returns all of them, in their order.
func (r *Registry) Kinds() []Kind {
	kinds := make([]Kind, len(r.nouns))
	for i, n := range r.nouns {
		kinds[i] = n.Kind
	}
	return kinds
}

// CheckFile checks each of the file's resources by itself. The paths are those in the file.
func (r *Registry) CheckFile(f File) (found problem.Fields) {
	for _, n := range r.nouns {
		items, first := f.Items(n.Section), map[string]string{}
		more := n.CheckFile(f, items)
		for i, item := range items {
			at, id := pathInFile(n.Section, i), item.Key()
			if other := first[id]; other != "" && id != "" {
				found.Add(at+".id", "%q is already the id of another in line %d", problem.Shorten(id), f.Line(other))
			} else {
				first[id] = at
				found.Under(at, CheckID(id))
				found.Under(at, item.Check())
			}
			found.Under(at, more[i])
		}
	}
	return found
}

func pathInFile(section string, i int) string { return fmt.Sprintf("%s[%d]", section, i) }

// group returns the nouns of a group.
func (r *Registry) group(name string) (list []*noun) {
	for _, n := range r.nouns {
		if n.Group == name {
			list = append(list, n)
		}
	}
	return list
}

// oneOf says "agent or flow" for the group "agents".
func (r *Registry) oneOf(group string) string {
	var names []string
	for _, n := range r.group(group) {
		names = append(names, n.One)
	}
	return strings.Join(names, " or ")
}

func withArticle(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// OmitDefault returns the value to keep of a member: empty for its default, such as the id for a name, as the
// default may change.
func OmitDefault(value, standard string) string {
	if value == standard {
		return ""
	}
	return value
}
