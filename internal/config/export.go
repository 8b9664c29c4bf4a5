package config

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"beckon/internal/catalog"
	"beckon/internal/secret"
)

// Export writes what is in force as a configuration file for use elsewhere. No secret is in it: one that the file
// wrote as ${VARIABLE} stays so, any other becomes the reference to a variable that the head of the file asks for.
// Settings at their default are left out, and so are comments.
func Export(w io.Writer, c *Config, v *catalog.View) error {
	e := exporter{config: c, taken: map[string]bool{}, made: map[string]bool{}}
	for _, written := range c.tree.written {
		for _, m := range anyReference.FindAllStringSubmatch(written, -1) {
			e.taken[m[1]] = true
		}
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	if err := e.settings(root); err != nil {
		return err
	}
	if err := e.resources(root, v); err != nil {
		return err
	}
	if _, err := io.WriteString(w, e.head(root, v)); err != nil {
		return err
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return encoder.Close()
}

var (
	anyReference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)`)
	// A value that holds nothing but a reference, so that no part of a secret is in the text. In front of it only the
	// words that an Authorization header begins with.
	bareReference = regexp.MustCompile(`^((?i:bearer|basic|token|apikey) )?\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\}$`)
)

type exporter struct {
	config *Config
	taken  map[string]bool // names of variables
	asked  []string        // the lines of the head
	made   map[string]bool // names of variables that are asked for there
}

func (e *exporter) head(root *yaml.Node, v *catalog.View) string {
	var b strings.Builder
	b.WriteString("# Written by beckon config export.\n")
	if len(e.asked) > 0 {
		b.WriteString("# It holds no secrets. Set these variables before you load it:\n")
	}
	for _, line := range e.asked {
		b.WriteString("#   " + line + "\n")
	}
	if referred := e.referred(root); len(referred) > 0 {
		b.WriteString("# And these, which the configuration refers to:\n")
		for _, name := range referred {
			b.WriteString("#   " + name + "\n")
		}
	}
	for _, f := range v.Warnings() {
		for _, field := range f.Fields {
			text := strings.Join(strings.Fields(field.Path+": "+field.Message), " ")
			fmt.Fprintf(&b,
				"# Left out of the database's %s: %q: %s\n", f.Section, f.ID, strings.TrimPrefix(text, ": "))
		}
	}
	return b.String()
}

func (e *exporter) settings(root *yaml.Node) error {
	for key, v := range e.config.settings() {
		origin := e.config.sources[key]
		section, name, _ := strings.Cut(key, ".")
		var n *yaml.Node
		switch {
		case origin == Origin{}:
			continue
		case key == "database.url" && e.config.Database.isFile() && origin.Variable != "":
			n = scalar(escape(e.config.Database.URL.Reveal()))
		case origin.Variable != "":
			n = &yaml.Node{}
			if err := n.Encode(v.Interface()); err != nil {
				return fmt.Errorf("write %s: %w", key, err)
			}
			escapeAll(n)
		default:
			n = e.restore(lookUp(lookUp(e.config.tree.root, section), name))
		}
		if key != "database.url" || !e.config.Database.isFile() {
			e.hide(n, v, place{kind: catalog.Kind{Section: section}, path: name})
		}
		at := lookUp(root, section)
		if at == nil {
			at = put(root, section, &yaml.Node{Kind: yaml.MappingNode})
		}
		put(at, name, n)
	}
	if prices := lookUp(e.config.tree.root, "prices"); prices != nil {
		put(root, "prices", e.restore(prices))
	}
	return nil
}

func (e *exporter) resources(root *yaml.Node, v *catalog.View) error {
	for _, kind := range e.config.nouns.Kinds() {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if declared := lookUp(e.config.tree.root, kind.Section); declared != nil {
			for _, item := range declared.Content {
				n := e.restore(item)
				e.hideItem(n, place{kind, lookUp(item, "id").Value, ""})
				list.Content = append(list.Content, n)
			}
		}
		for _, r := range v.RecordsOf(kind.Section) {
			if r.Origin == catalog.FromConfig || len(r.Warnings) > 0 {
				continue
			}
			n, err := e.stored(kind, r.Item)
			if err != nil {
				return err
			}
			list.Content = append(list.Content, n)
		}
		if len(list.Content) > 0 {
			put(root, kind.Section, list)
		}
	}
	return nil
}

// stored writes a resource of the database.
func (e *exporter) stored(kind catalog.Kind, item catalog.Resource) (*yaml.Node, error) {
	n := &yaml.Node{}
	if err := n.Encode(item); err != nil {
		return nil, fmt.Errorf("write one of the %s: %w", kind.Section, err)
	}
	escapeAll(n)
	fields := fieldsOf(reflect.ValueOf(item))
	for _, name := range fields.names {
		if s, ok := fields.byName[name].Interface().(secret.String); ok && s.IsReference() {
			lookUp(n, name).Value = s.Reveal()
		}
	}
	for _, path := range slices.Sorted(maps.Keys(kind.FileSecrets)) {
		if lookUp(n, path) == nil {
			put(n, path, scalar(secret.Mask))
		}
	}
	e.hideItem(n, place{kind, item.Key(), ""})
	return n, nil
}

// hideItem replaces the secrets in a resource.
func (e *exporter) hideItem(n *yaml.Node, at place) {
	field := func(name string) string {
		if value := lookUp(n, name); value != nil {
			return value.Value
		}
		return ""
	}
	url := lookUp(n, "url")
	isHidden := at.kind.HidesURL != nil && at.kind.HidesURL(field)
	if isHidden && url != nil && url.Value != "" && !bareReference.MatchString(url.Value) {
		*url = *scalar("${" + e.ask(at.within("url")) + "}")
	}
	e.hide(n, reflect.New(at.kind.Type).Elem(), at)
}

// restore copies a node of the file with its values as they were written.
func (e *exporter) restore(n *yaml.Node) *yaml.Node {
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value}
	if written, ok := e.config.tree.written[n]; ok {
		c.Value, c.Tag = written, ""
	}
	for _, child := range n.Content {
		c.Content = append(c.Content, e.restore(child))
	}
	return c
}

// place is where a value is: in a setting, or in a resource.
type place struct {
	kind catalog.Kind // of a setting only with its Section
	id   string       // empty for a setting
	path string
}

func (p place) within(key string) place {
	p.path = join(p.path, key)
	return p
}

// hide replaces the secrets in n, which is the YAML of a value of v's type.
func (e *exporter) hide(n *yaml.Node, v reflect.Value, at place) {
	switch {
	case at.path == "url" && at.id != "" && n.Kind == yaml.ScalarNode:
		e.hideInURL(n, at)
	case v.Kind() == reflect.Pointer:
		e.hide(n, reflect.New(v.Type().Elem()).Elem(), at)
	case v.Type() == secretType:
		if n.Value != "" && !bareReference.MatchString(n.Value) {
			*n = *scalar("${" + e.ask(at) + "}")
		}
	case v.Kind() == reflect.Slice && v.Type().Elem() == secretType && n.Kind == yaml.ScalarNode:
		e.hide(n, reflect.New(secretType).Elem(), at)
	case v.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for i, child := range n.Content {
			e.hide(child, reflect.New(v.Type().Elem()).Elem(), place{at.kind, at.id, fmt.Sprintf("%s[%d]", at.path, i)})
		}
	case v.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			e.hide(n.Content[i+1], reflect.New(v.Type().Elem()).Elem(), at.within(n.Content[i].Value))
		}
	case v.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		fields := fieldsOf(v)
		for i := 0; i < len(n.Content); i += 2 {
			e.hide(n.Content[i+1], fields.byName[n.Content[i].Value], at.within(n.Content[i].Value))
		}
	}
}

var notInNames = regexp.MustCompile(`[^A-Z0-9]+`)

// ask makes the name of a variable for a secret, such as BECKON_CLIENT_CI_TOKEN, and a line for the head.
func (e *exporter) ask(at place) string {
	words, subject := []string{"BECKON", at.kind.Section, at.path}, at.kind.Section+"."+at.path
	if at.id != "" {
		words = []string{"BECKON", at.kind.One, at.id, at.path}
		subject = fmt.Sprintf("%s of %s %s", at.path, at.kind.One, at.id)
	}
	base := wordBoundary.ReplaceAllString(strings.Join(words, "_"), "${1}_$2")
	base = strings.Trim(notInNames.ReplaceAllString(strings.ToUpper(base), "_"), "_")
	name := base
	for i := 2; e.taken[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	e.taken[name], e.made[name] = true, true
	if about := at.kind.FileSecrets[at.path]; about != "" {
		subject += ": " + about
	}
	e.asked = append(e.asked, name+"   "+subject)
	return name
}

// requiredReference is a reference without a default, or the beginning of something that stands for itself: $${.
var requiredReference = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// referred are the variables that the export needs besides those that it asks for, in their order.
func (e *exporter) referred(root *yaml.Node) (names []string) {
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, m := range requiredReference.FindAllStringSubmatch(n.Value, -1) {
			if name := m[1]; name != "" && !e.made[name] && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(root)
	return names
}

func escape(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// escapeAll keeps values that never were expanded from being so when the export is loaded.
func escapeAll(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value = escape(n.Value)
	}
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			escapeAll(child)
		}
	}
}

func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: value}
}

func put(mapping *yaml.Node, key string, value *yaml.Node) *yaml.Node {
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	return value
}

// lookUp returns the value of a key, or nil.
func lookUp(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}
