package config

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// maxItemText bounds the text of one resource, in bytes.
const maxItemText = 1 << 20

// ReadItem reads one resource as a configuration file has it: its mapping alone, or with the - or the section
// around it. All mistakes of the text, and of the resource on its own, come with their lines. Variables are not
// expanded, for those who edit a resource must not read the environment: ${NAME} is a mistake, and $${ stands for
// ${ as in a file. An error is a problem of kind TooLarge.
func ReadItem(text string, kind catalog.Kind) (catalog.Resource, []Mistake, error) {
	if len(text) > maxItemText {
		return nil, nil, problem.New(problem.TooLarge, kind.One+"_too_large",
			"The text of a %s has at most %d MiB.", kind.One, maxItemText>>20)
	}
	item, c, found := readItem(text, kind)
	if c != nil {
		fields := item.Check()
		if item.Key() != "" { // else it may get one of its name
			fields = append(catalog.CheckID(item.Key()), fields...)
		}
		for _, f := range fields {
			if !found.within(f.Path) {
				c.wrong(found, f.Path, "%s", f.Message)
			}
		}
	}
	all, _ := found.err().(*Error)
	if all == nil {
		return item, nil, nil
	}
	return item, all.Mistakes, nil
}

// LineOfItem returns the line of a resource's text that a field's path leads to, such as "root.steps[0].until", or
// that of what it is within; 0 where the text doesn't say.
func LineOfItem(text string, kind catalog.Kind, path string) int {
	return LinesOfItem(text, kind)(path)
}

// LinesOfItem returns what finds the lines of many paths of one text, as LineOfItem finds that of one.
func LinesOfItem(text string, kind catalog.Kind) func(path string) int {
	if len(text) <= maxItemText {
		if _, c, _ := readItem(text, kind); c != nil {
			return c.Line
		}
	}
	return func(string) int { return 0 }
}

// WriteItem writes a resource as ReadItem reads it, and as a configuration file can have it below its section: as
// an item of a list. typed are texts to write at a path in the place of what is there, such as one that is no
// number.
func WriteItem(item catalog.Resource, typed map[string]string) (string, error) {
	n := &yaml.Node{}
	if err := n.Encode(item); err != nil {
		return "", fmt.Errorf("write a resource: %w", err)
	}
	for _, path := range slices.Sorted(maps.Keys(typed)) {
		typeOver(n, path, typed[path])
	}
	escapeAll(n)
	list := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{n}}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(list); err != nil {
		return "", fmt.Errorf("write a resource: %w", err)
	}
	return out.String(), encoder.Close()
}

var pathStep = regexp.MustCompile(`^([A-Za-z]+)(?:\[(\d{1,4})\])?$`)

// typeOver writes a text at a path such as "root.steps[0].maxIterations". One that leads nowhere is left alone.
func typeOver(n *yaml.Node, path, text string) {
	names := strings.Split(path, ".")
	for i, name := range names {
		m := pathStep.FindStringSubmatch(name)
		if m == nil || n == nil || n.Kind != yaml.MappingNode {
			return
		}
		child := lookUp(n, m[1])
		switch last := i == len(names)-1; {
		case last && child == nil:
			put(n, m[1], scalar(text))
			return
		case last:
			*child = *scalar(text)
			return
		case m[2] != "" && child != nil:
			at, _ := strconv.Atoi(m[2]) // digits
			if at >= len(child.Content) {
				return
			}
			child = child.Content[at]
		}
		n = child
	}
}

// readItem returns no Config when there is nothing that could be a resource. The Config only knows lines.
func readItem(text string, kind catalog.Kind) (item catalog.Resource, lines *Config, found *findings) {
	found = newFindings("")
	into := reflect.New(kind.Type).Elem()
	if tree := parse([]byte(text), found); tree != nil {
		root := itemNode(tree.root, kind, found)
		if root != nil {
			refuseReferences(root, found)
		}
		if len(found.list) == 0 {
			lines = &Config{lines: map[string]int{}}
			d := decoder{
				doc:   tree,
				env:   func(string) (string, bool) { return "", false },
				found: found,
				lines: lines.lines,
			}
			d.value(root, into, "")
		}
	}
	return into.Interface().(catalog.Resource), lines, found
}

// itemNode takes off what stands around a resource in a file.
func itemNode(n *yaml.Node, kind catalog.Kind, found *findings) *yaml.Node {
	if list := lookUp(n, kind.Section); list != nil && n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		n = list
	}
	if n != nil && n.Kind == yaml.SequenceNode {
		if len(n.Content) != 1 {
			found.add(n.Line, "", "there are %d %s here; one is edited at a time", len(n.Content), kind.Section)
			return nil
		}
		n = n.Content[0]
	}
	if n == nil || n.Tag == "!!null" {
		found.add(0, "", "there is nothing here: a %s has an id and %s", kind.One, needs(kind))
		return nil
	}
	if n.Kind != yaml.MappingNode {
		found.add(n.Line, "", "a %s is a mapping (lines of key: value) with an id and %s", kind.One, needs(kind))
		return nil
	}
	return n
}

// needs names what a resource cannot be without besides its id.
func needs(kind catalog.Kind) string {
	var names []string
	for i := range kind.Type.NumField() {
		name, options, _ := strings.Cut(kind.Type.Field(i).Tag.Get("yaml"), ",")
		if name != "id" && name != "-" && name != "" && options == "" {
			names = append(names, "a "+name)
		}
	}
	return strings.Join(names, " and ")
}

// refuseReferences finds each ${ that expand would take for a variable.
func refuseReferences(n *yaml.Node, found *findings) {
	if n.Kind == yaml.ScalarNode && strings.Contains(strings.ReplaceAll(n.Value, "$${", " "), "${") {
		found.add(n.Line, "",
			"variables (${NAME}) are for the configuration file; write $${ for a ${ that is meant literally")
	}
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			refuseReferences(child, found)
		}
	}
}

// within reports whether a path, or what it is within, could not be read.
func (f *findings) within(path string) bool {
	for ; path != ""; path = path[:max(strings.LastIndexAny(path, ".["), 0)] {
		if f.broken[path] {
			return true
		}
	}
	return false
}
