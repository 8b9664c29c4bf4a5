package config

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"beckon/internal/problem"
)

// judge refuses a change that would leave the resource with something wrong, or break another one that works.
func (e *Editor) judge(c *Config, stored, planned Resources, wanted change) error {
	before, after := e.wrongWith(c, stored), e.wrongWith(c, planned)
	own := after[wanted.key]
	if wanted.check != nil {
		for _, f := range wanted.check(c, planned) {
			if !slices.ContainsFunc(own, func(known problem.Field) bool { return known.Path == f.Path }) {
				own = append(own, f)
			}
		}
	}
	if err := own.Err(); err != nil {
		return err
	}
	var names []string
	var fields problem.Fields
	keys := slices.SortedFunc(maps.Keys(after), func(a, b resourceKey) int {
		return strings.Compare(a.section+"/"+a.id, b.section+"/"+b.id)
	})
	for _, key := range keys {
		broken := slices.DeleteFunc(slices.Clone(after[key]), func(f problem.Field) bool { return slices.Contains(before[key], f) })
		if key == wanted.key || len(broken) == 0 {
			continue
		}
		names = append(names, fmt.Sprintf("%s %q", strings.TrimSuffix(key.section, "s"), key.id))
		fields.Under(key.section+"/"+key.id, broken)
	}
	if len(names) == 0 {
		return nil
	}
	return wouldBreak(wanted, names, fields)
}

func wouldBreak(wanted change, names []string, fields problem.Fields) error {
	one, id := strings.TrimSuffix(wanted.key.section, "s"), wanted.key.id
	p := problem.New(problem.Conflict, "in_use", "The %s %q is used by %s. Change that first.", one, id, strings.Join(names, ", "))
	if wanted.action != "delete" {
		p = problem.New(problem.Conflict, "breaks_others", "The %s %q cannot be like this: it would break %s (%s). Change that first.",
			one, id, strings.Join(names, ", "), fields[0].Message)
	}
	p.Fields = fields
	return p
}

// known is what was found wrong with the resources when they were last looked at.
type known struct {
	config   *Config
	revision int64
	wrong    map[resourceKey]problem.Fields
}

// wrongNow is what is wrong with the resources as they are. They are judged once, until something changes: a page of
// flows with a thousand steps is drawn more often than the flows are changed.
func (e *Editor) wrongNow(ctx context.Context, c *Config) (map[resourceKey]problem.Fields, error) {
	revision, err := e.made.Store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	if last := e.known.Load(); last != nil && last.config == c && last.revision == revision {
		return last.wrong, nil
	}
	stored, err := e.stored(ctx)
	if err != nil {
		return nil, err
	}
	now := &known{c, revision, e.wrongWith(c, stored)}
	e.known.Store(now)
	return now.wrong, nil
}

// wrongWith finds what is wrong with the resources of the file and of the database when they are together.
func (e *Editor) wrongWith(c *Config, database Resources) map[resourceKey]problem.Fields {
	found := newFindings(c.file)
	found.hidden = maps.Clone(c.hidden)
	if found.hidden == nil {
		found.hidden = map[string]string{}
	}
	wrong := map[resourceKey]problem.Fields{}
	for _, w := range c.catalog(e.made.How, e.made.Env, database, found).Warnings {
		key := resourceKey{w.Section, w.ID}
		wrong[key] = append(wrong[key], w.Fields...)
	}
	clean := found.cleaner()
	for _, m := range found.list {
		if key, path, ok := c.resourceAt(m.Path); ok {
			wrong[key] = append(wrong[key], problem.Field{Path: path, Message: clean(m.Text)})
		}
	}
	return wrong
}

var resourcePath = regexp.MustCompile(`^([a-z]+)\[(\d+)\]\.?(.*)$`)

// resourceAt finds the file's resource that a path such as "clients[0].allowedAgents[1]" leads into, and the rest of the
// path.
func (c *Config) resourceAt(path string) (key resourceKey, rest string, ok bool) {
	m := resourcePath.FindStringSubmatch(path)
	if m == nil {
		return key, "", false
	}
	list, ok := fieldsOf(reflect.ValueOf(&c.Resources).Elem()).byName[m[1]]
	i, err := strconv.Atoi(m[2])
	if !ok || err != nil || i >= list.Len() {
		return key, "", false
	}
	return resourceKey{m[1], list.Index(i).Interface().(noun).Key()}, m[3], true
}
