package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"beckon/internal/problem"
)

// judge refuses a change that would leave its resource with something wrong, or break another one that works.
func judge(before, after *View, c *change) error {
	own := c.unreadable
	if e := after.entries[c.key]; e != nil && !c.deletes {
		own = besides(own, e.Warnings)
		own = besides(own, after.clash(e, FromDatabase)) // and not: it would break the other one
		own = besides(own, e.noun.checkGiven(after, before.itemOf(c.key), e.Item))
		own = besides(own, c.moved)
		if len(own) > 0 && !e.linked { // so that all of it can be mended at once
			own = besides(own, after.registry.view(after.File, after.stored, c.key).entries[c.key].Warnings)
		}
	}
	if err := own.Err(); err != nil {
		return err
	}
	broken := map[key]problem.Fields{}
	for k, e := range after.entries {
		known := before.entries[k]
		news := slices.DeleteFunc(slices.Clone(e.Warnings), func(f problem.Field) bool {
			return known != nil && slices.Contains(known.Warnings, f)
		})
		if k != c.key && len(news) > 0 {
			broken[k] = news
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return after.wouldBreak(c, broken)
}

// itemOf returns a resource; nil for one that is not there.
func (v *View) itemOf(k key) Resource {
	if e := v.entries[k]; e != nil {
		return e.Item
	}
	return nil
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

// wouldBreak names those that a change would break by itself: what needs one of them is well when they are.
func (v *View) wouldBreak(c *change, broken map[key]problem.Fields) error {
	keys := slices.SortedFunc(maps.Keys(broken), func(a, b key) int {
		return strings.Compare(a.section+"/"+a.id, b.section+"/"+b.id)
	})
	if direct := slices.DeleteFunc(slices.Clone(keys), func(k key) bool {
		return v.breaksThrough(k, c.key, broken)
	}); len(direct) > 0 {
		keys = direct
	}
	var names []string
	var fields problem.Fields
	for _, k := range keys {
		names = append(names, fmt.Sprintf("%s %q", v.entries[k].noun.One, k.id))
		fields.Under(k.section+"/"+k.id, broken[k])
	}
	one, id := v.registry.bySection[c.key.section].One, c.key.id
	p := problem.New(problem.Conflict, "in_use",
		"The %s %q is used by %s. Change that first.", one, id, strings.Join(names, ", "))
	if !c.deletes {
		p = problem.New(problem.Conflict, "breaks_others",
			"The %s %q cannot be changed like this: it would break %s (%s). Change that first.",
			one, id, strings.Join(names, ", "), fields[0].Message)
	}
	p.Fields = fields
	return p
}

// breaksThrough reports whether a resource would break because it refers to another one that does, and does not
// refer to the one that is changed.
func (v *View) breaksThrough(k, changed key, broken map[key]problem.Fields) (through bool) {
	e := v.entries[k]
	for _, ref := range e.noun.References(e.Item) {
		for _, n := range v.registry.group(ref.To) {
			to := key{n.Section, ref.ID}
			if to == changed {
				return false
			}
			through = through || len(broken[to]) > 0
		}
	}
	return through
}
