package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// decoder fills structs from the tree. It does what yaml.v3's own decoder does, but names keys instead of Go types,
// reports everything at once, remembers the line of every path, and never quotes a value.
type decoder struct {
	doc   *document
	env   catalog.Env
	found *findings
	lines map[string]int
}

var secretType = reflect.TypeFor[secret.String]()

// textOrList is what a file has either as one text or as a list, which are decoded into what text and list point to.
type textOrList interface {
	TextOrList() (text *string, list any, what string)
}

// shortText is a mapping in whose place a file may have a text, which is one of its members.
type shortText interface {
	ShortText() *string
}

// shortList is a mapping in whose place a file may have a list, which is one of its members.
type shortList interface {
	ShortList() *[]string
}

// textOrMapping is what a file has either as one value or as a mapping, which is decoded into into, before done is
// called.
type textOrMapping interface {
	encoding.TextUnmarshaler
	Mapping() (into any, done func())
}

// nameable is a mapping in whose place a file may have a name.
type nameable interface {
	UseName(name string)
}

func (d *decoder) wrong(n *yaml.Node, path, format string, args ...any) {
	line := d.lines[path]
	if line == 0 {
		line = n.Line
	}
	d.found.at(line, path, format, args...)
}

// root reads a whole file: the settings, and behind them the sections of resources.
func (d *decoder) root(n *yaml.Node, c *Config) {
	if n.Tag == "!!null" || !d.is(yaml.MappingNode, n, "", "a mapping (lines of key: value)") {
		return
	}
	fields := fieldsOf(reflect.ValueOf(c).Elem())
	for _, kind := range c.nouns.Kinds() {
		fields.names = append(fields.names, kind.Section)
		fields.byName[kind.Section] = c.declared[kind.Section]
	}
	d.mapping(n, fields, "")
}

func (d *decoder) value(n *yaml.Node, out reflect.Value, path string) {
	expanded := false
	if n.Kind == yaml.ScalarNode {
		if err := d.doc.expand(n, d.env, d.found); err != nil {
			d.wrong(n, path, "%s", err)
			return
		}
		_, expanded = d.doc.written[n]
		// Nothing said is nothing set; but a variable whose value happens to be "null" is a text like any other.
		if n.Tag == "!!null" && (!expanded || n.Value == "" || out.Kind() != reflect.String) {
			return
		}
	}
	if either, ok := out.Addr().Interface().(textOrList); ok {
		d.textOrList(n, either, path)
		return
	}
	if short, ok := out.Addr().Interface().(shortText); ok && n.Kind == yaml.ScalarNode {
		*short.ShortText() = n.Value
		return
	}
	if short, ok := out.Addr().Interface().(shortList); ok && n.Kind == yaml.SequenceNode {
		d.value(n, reflect.ValueOf(short.ShortList()).Elem(), path)
		return
	} else if ok && n.Kind == yaml.ScalarNode {
		d.wrong(n, path, "must be a list, such as [%s], or a mapping (lines of key: value), not a single value",
			problem.Shorten(n.Value))
		return
	}
	if named, ok := out.Addr().Interface().(nameable); ok && n.Kind == yaml.ScalarNode {
		named.UseName(n.Value)
		return
	}
	if either, ok := out.Addr().Interface().(textOrMapping); ok && n.Kind == yaml.MappingNode {
		into, done := either.Mapping()
		d.mapping(n, fieldsOf(reflect.ValueOf(into).Elem()), path)
		done()
		return
	} else if ok && d.is(yaml.ScalarNode, n, path, scalarName(out)) {
		if wrong := setScalar(d.unquoted(n, out), out); wrong != "" {
			d.wrong(n, path, "%s", wrong)
		}
		return
	} else if ok {
		return
	}
	switch {
	case out.Kind() == reflect.Interface:
		d.anything(n, out, path)
	case out.Kind() == reflect.Pointer:
		target := reflect.New(out.Type().Elem())
		d.value(n, target.Elem(), path)
		out.Set(target)
	case out.Kind() == reflect.Slice && out.Type().Elem() == secretType && n.Kind == yaml.ScalarNode:
		one := reflect.MakeSlice(out.Type(), 1, 1)
		d.value(n, one.Index(0), path)
		out.Set(one)
	case out.Kind() == reflect.Struct:
		if d.is(yaml.MappingNode, n, path, "a mapping (lines of key: value)") {
			if former, ok := out.Addr().Interface().(catalog.Former); ok {
				renameKeys(n, former)
			}
			d.mapping(n, fieldsOf(out), path)
		}
	case out.Kind() == reflect.Map:
		if d.is(yaml.MappingNode, n, path, "a mapping (lines of key: value)") {
			d.table(n, out, path)
		}
	case out.Kind() == reflect.Slice:
		if d.is(yaml.SequenceNode, n, path, "a list (lines that begin with -)") {
			d.list(n, out, path)
		}
	case d.is(yaml.ScalarNode, n, path, scalarName(out)):
		if err := setScalar(d.unquoted(n, out), out); err != "" {
			d.wrong(n, path, "%s", err)
		}
		if out.Type() == secretType {
			d.found.hidden.Hide(out.String(), secret.Mask)
		}
	}
}

func (d *decoder) is(want yaml.Kind, n *yaml.Node, path, name string) bool {
	if n.Kind == want {
		return true
	}
	got := map[yaml.Kind]string{
		yaml.ScalarNode:   "a single value",
		yaml.MappingNode:  "a mapping",
		yaml.SequenceNode: "a list",
	}[n.Kind]
	d.wrong(n, path, "must be %s, not %s", name, got)
	return false
}

func (d *decoder) mapping(n *yaml.Node, fields fieldSet, path string) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		child := join(path, key.Value)
		if !d.once(seen, key, path) {
			continue
		}
		field, known := fields.byName[key.Value]
		if !known {
			meant := problem.Nearest(key.Value, fields.names)
			d.found.add(key.Line, path, "%s",
				unknownKey(key.Value, meant, fields.names)+hintOf(fields, key.Value, value.Value))
			d.found.broken[join(path, meant)] = true
			continue
		}
		d.lines[child] = key.Line
		d.value(value, field, child)
	}
}

// renameKeys gives the keys of a mapping the names that they have now.
func renameKeys(n *yaml.Node, former catalog.Former) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		key.Value = former.FormerKey(key.Value, value.Kind == yaml.ScalarNode && value.ShortTag() == "!!bool")
	}
}

// table reads a mapping whose keys are anything, such as headers.
func (d *decoder) table(n *yaml.Node, out reflect.Value, path string) {
	out.Set(reflect.MakeMap(out.Type()))
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !d.once(seen, key, path) {
			continue
		}
		child := join(path, key.Value)
		d.lines[child] = key.Line
		item := reflect.New(out.Type().Elem()).Elem()
		d.value(value, item, child)
		out.SetMapIndex(reflect.ValueOf(key.Value), item)
	}
}

// anything reads what has no type of its own, such as a parameter that is sent as it stands.
func (d *decoder) anything(n *yaml.Node, out reflect.Value, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		members := map[string]any{}
		d.table(n, reflect.ValueOf(&members).Elem(), path)
		out.Set(reflect.ValueOf(members))
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, child := range n.Content {
			d.value(child, reflect.ValueOf(items).Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		out.Set(reflect.ValueOf(items))
	default:
		var value any
		if n.Decode(&value) != nil {
			d.wrong(n, path, "must be a value that JSON knows")
			return
		}
		if _, isTime := value.(time.Time); isTime {
			value = n.Value
		}
		out.Set(reflect.ValueOf(&value).Elem())
	}
}

// once reports whether the key is there for the first time.
func (d *decoder) once(seen map[string]int, key *yaml.Node, path string) bool {
	if first, twice := seen[key.Value]; twice {
		d.found.add(key.Line, path, "the key %q is there twice, first in line %d", problem.Shorten(key.Value), first)
		return false
	}
	seen[key.Value] = key.Line
	return true
}

func (d *decoder) list(n *yaml.Node, out reflect.Value, path string) {
	if len(n.Content) == 0 {
		out.SetZero() // [] says the same as nothing
		return
	}
	items := reflect.MakeSlice(out.Type(), len(n.Content), len(n.Content))
	for i, child := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = child.Line
		d.value(child, items.Index(i), at)
		if child.Kind == yaml.ScalarNode && child.Value == "" {
			d.wrong(child, at, "is empty")
		}
	}
	out.Set(items)
}

func (d *decoder) textOrList(n *yaml.Node, out textOrList, path string) {
	text, list, what := out.TextOrList()
	if n.Kind == yaml.SequenceNode {
		d.list(n, reflect.ValueOf(list).Elem(), path)
		return
	}
	if d.is(yaml.ScalarNode, n, path, what) {
		*text = n.Value
	}
}

// unknownKey says that a key doesn't exist, with the one that was probably meant, or all there are.
func unknownKey(key, meant string, known []string) string {
	if meant != "" {
		return fmt.Sprintf("there is no key %q here; did you mean %s?", problem.Shorten(key), meant)
	}
	return fmt.Sprintf("there is no key %q here; there are %s", problem.Shorten(key), strings.Join(known, ", "))
}

// hinting is something that can say what is meant by a key that does not exist; "" where it cannot.
type hinting interface {
	KeyHint(key, value string) string
}

// hintOf is what is added to a message about a key that does not exist.
func hintOf(fields fieldSet, key, value string) string {
	if fields.hints == nil {
		return ""
	}
	if hint := fields.hints.KeyHint(key, value); hint != "" {
		return "; " + hint
	}
	return ""
}

// fieldSet is a struct's fields by their key in the file.
type fieldSet struct {
	names  []string
	byName map[string]reflect.Value
	hints  hinting // nil gives none
}

func fieldsOf(v reflect.Value) fieldSet {
	set := fieldSet{byName: map[string]reflect.Value{}}
	if v.CanAddr() {
		set.hints, _ = v.Addr().Interface().(hinting)
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.IsExported() && !f.Anonymous && name != "" && name != "-" {
			set.names = append(set.names, name)
			set.byName[name] = v.FieldByIndex(f.Index)
		}
	}
	return set
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
