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

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// judge refuses a change that would leave the resource with something wrong, or break another one that works.
func (e *Editor) judge(c *Config, stored, planned Resources, wanted change) error {
	before, _ := e.wrongWith(c, stored)
	after, built := e.wrongWith(c, planned)
	own := besides(wanted.wrong, after[wanted.key])
	if wanted.check != nil {
		own = besides(own, wanted.check(c, planned))
	}
	if len(own) > 0 && wanted.rest != nil {
		own = besides(own, built.cleaned(wanted.rest(built)))
	}
	if err := own.Err(); err != nil {
		return err
	}
	broken := map[resourceKey]problem.Fields{}
	for key, wrong := range after {
		news := slices.DeleteFunc(slices.Clone(wrong), func(f problem.Field) bool { return slices.Contains(before[key], f) })
		if key != wanted.key && len(news) > 0 {
			broken[key] = news
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return c.wouldBreak(planned, wanted, broken)
}

// besides adds to what is wrong with a resource what else is: of a field, what was found first.
func besides(known, more problem.Fields) problem.Fields {
	own := slices.Clone(known)
	for _, f := range more {
		if !slices.ContainsFunc(known, func(k problem.Field) bool { return k == f || isWithin(f.Path, k.Path) }) {
			own = append(own, f)
		}
	}
	return own
}

// isWithin reports whether a path is another one, or leads into it.
func isWithin(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && other != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (b *builder) cleaned(fields problem.Fields) problem.Fields {
	clean := b.found.hidden.Cleaner()
	for i := range fields {
		fields[i].Message = clean(fields[i].Message)
	}
	return fields
}

// wouldBreak names those that a change would break by itself: what needs one of them is well when they are.
func (c *Config) wouldBreak(planned Resources, wanted change, broken map[resourceKey]problem.Fields) error {
	keys := slices.SortedFunc(maps.Keys(broken), func(a, b resourceKey) int {
		return strings.Compare(a.section+"/"+a.id, b.section+"/"+b.id)
	})
	breaks := func(key resourceKey) bool { return len(broken[key]) > 0 }
	direct := slices.DeleteFunc(slices.Clone(keys), func(key resourceKey) bool { return onlyThrough(c.referencesOf(planned, key), wanted.key, breaks) })
	if len(direct) > 0 {
		keys = direct
	}
	var names []string
	var fields problem.Fields
	for _, key := range keys {
		names = append(names, fmt.Sprintf("%s %q", strings.TrimSuffix(key.section, "s"), key.id))
		fields.Under(key.section+"/"+key.id, broken[key])
	}
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
	revision, err := catalog.Revision(ctx, e.made.Store)
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
	wrong, _ := e.wrongWith(c, stored)
	now := &known{c, revision, wrong}
	e.known.Store(now)
	return now.wrong, nil
}

// wrongWith finds what is wrong with the resources of the file and of the database when they are together.
func (e *Editor) wrongWith(c *Config, database Resources) (map[resourceKey]problem.Fields, *builder) {
	found := newFindings(c.file)
	found.hidden = maps.Clone(c.hidden)
	if found.hidden == nil {
		found.hidden = secret.Redactor{}
	}
	wrong := map[resourceKey]problem.Fields{}
	b := c.build(e.made.How, e.made.Env, database, found)
	for _, w := range b.catalog.Warnings {
		key := resourceKey{w.Section, w.ID}
		wrong[key] = append(wrong[key], w.Fields...)
	}
	clean := found.hidden.Cleaner()
	for _, m := range found.list {
		if key, path, ok := c.resourceAt(m.Path); ok {
			wrong[key] = append(wrong[key], problem.Field{Path: path, Message: clean(m.Text)})
		}
	}
	return wrong, b
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
