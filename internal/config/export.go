package config

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"beckon/agents"
	"beckon/internal/secret"
)

// Export writes what is in force as a configuration file for use elsewhere. No secret is in it: one that the file
// wrote as ${VARIABLE} stays so, any other becomes the reference to a variable that the head of the file asks for.
// Settings at their default are left out, and so are comments.
func Export(w io.Writer, c *Config, catalog *Catalog) error {
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
	if err := e.resources(root, catalog.stored); err != nil {
		return err
	}
	if _, err := io.WriteString(w, e.head(root, catalog)); err != nil {
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

func (e *exporter) head(root *yaml.Node, catalog *Catalog) string {
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
	for _, f := range catalog.Warnings {
		for _, field := range f.Fields {
			text := strings.Join(strings.Fields(field.Path+": "+field.Message), " ")
			fmt.Fprintf(&b, "# Left out of the database's %s: %q: %s\n", f.Section, f.ID, strings.TrimPrefix(text, ": "))
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
			e.hide(n, v, section, "", name)
		}
		at := lookUp(root, section)
		if at == nil {
			at = put(root, section, &yaml.Node{Kind: yaml.MappingNode})
		}
		put(at, name, n)
	}
	return nil
}

func (e *exporter) resources(root *yaml.Node, stored Resources) error {
	sections := fieldsOf(reflect.ValueOf(&stored).Elem())
	for _, section := range sections.names {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		items := sections.byName[section]
		empty := reflect.New(items.Type().Elem()).Elem()
		if declared := lookUp(e.config.tree.root, section); declared != nil {
			for _, item := range declared.Content {
				n := e.restore(item)
				e.hide(n, empty, section, lookUp(item, "id").Value, "")
				list.Content = append(list.Content, n)
			}
		}
		for i := range items.Len() {
			n, err := e.stored(section, items.Index(i).Interface())
			if err != nil {
				return err
			}
			list.Content = append(list.Content, n)
		}
		if len(list.Content) > 0 {
			put(root, section, list)
		}
	}
	return nil
}

// stored writes a resource of the database.
func (e *exporter) stored(section string, item any) (*yaml.Node, error) {
	n := &yaml.Node{}
	if err := n.Encode(item); err != nil {
		return nil, fmt.Errorf("write one of the %s: %w", section, err)
	}
	escapeAll(n)
	if p, ok := item.(agents.Provider); ok && p.APIKey.IsReference() {
		lookUp(n, "apiKey").Value = p.APIKey.Reveal()
	}
	if section == SectionClients && lookUp(n, "token") == nil { // the database has its hash only
		put(n, "token", scalar(secret.Mask))
	}
	e.hide(n, reflect.New(reflect.TypeOf(item)).Elem(), section, item.(noun).Key(), "")
	return n, nil
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

// hide replaces the secrets in n, which is the YAML of a value of v's type.
func (e *exporter) hide(n *yaml.Node, v reflect.Value, section, id, path string) {
	switch {
	case path == "url" && id != "" && n.Kind == yaml.ScalarNode:
		e.hideInURL(n, section, id)
	case v.Type() == secretType:
		if n.Value != "" && !bareReference.MatchString(n.Value) {
			*n = *scalar("${" + e.ask(section, id, path) + "}")
		}
	case v.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			e.hide(n.Content[i+1], reflect.New(v.Type().Elem()).Elem(), section, id, join(path, n.Content[i].Value))
		}
	case v.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		fields := fieldsOf(v)
		for i := 0; i < len(n.Content); i += 2 {
			e.hide(n.Content[i+1], fields.byName[n.Content[i].Value], section, id, join(path, n.Content[i].Value))
		}
	}
}

var notInNames = regexp.MustCompile(`[^A-Z0-9]+`)

// ask makes the name of a variable for a secret, such as BECKON_CLIENT_CI_TOKEN, and a line for the head.
func (e *exporter) ask(section, id, path string) string {
	words, subject := []string{"BECKON", section, path}, section+"."+path
	if id != "" {
		noun := strings.TrimSuffix(section, "s")
		words, subject = []string{"BECKON", noun, id, path}, fmt.Sprintf("%s of %s %s", path, noun, id)
	}
	base := wordBoundary.ReplaceAllString(strings.Join(words, "_"), "${1}_$2")
	base = strings.Trim(notInNames.ReplaceAllString(strings.ToUpper(base), "_"), "_")
	name := base
	for i := 2; e.taken[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	e.taken[name], e.made[name] = true, true
	if id != "" && section == SectionClients && path == "token" {
		subject += ": the one that its callers have, or another for them"
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
