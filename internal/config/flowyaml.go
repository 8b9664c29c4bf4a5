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

	"beckon/agents"
	"beckon/internal/problem"
)

// maxFlowText bounds the text of one flow, in bytes.
const maxFlowText = 1 << 20

// FlowMistake is what is wrong in a line of a flow's text.
type FlowMistake struct {
	Line int // from 1; 0 where there is none
	Text string
}

// ReadFlow reads a flow as a configuration file has it: its mapping alone, or with the - or the flows: around it. All
// mistakes of the text, and of the flow on its own, come with their lines. Variables are not expanded, for those who edit
// a flow must not read the environment: ${NAME} is a mistake, and $${ stands for ${ as in a file. An error is a problem
// of kind TooLarge.
func ReadFlow(text string) (agents.Flow, []FlowMistake, error) {
	if len(text) > maxFlowText {
		return agents.Flow{}, nil, problem.New(problem.TooLarge, "flow_too_large", "The text of a flow has at most %d MiB.", maxFlowText>>20)
	}
	flow, c, found := readFlow(text)
	if c != nil {
		fields := checkID(flow.ID)
		fields.Under("", flow.Check())
		for _, f := range fields {
			if !found.within(f.Path) {
				c.wrong(found, f.Path, "%s", f.Message)
			}
		}
	}
	return flow, found.ofFlow(), nil
}

// FlowLine returns the line of a flow's text that a field's path leads to, such as "root.steps[0].until", or that of what
// it is within; 0 where the text doesn't say.
func FlowLine(text, path string) int {
	if len(text) > maxFlowText {
		return 0
	}
	_, c, _ := readFlow(text)
	if c == nil {
		return 0
	}
	return c.lineOf(path)
}

// WriteFlow writes a flow as ReadFlow reads it, and as a configuration file can have it below flows: as an item of a
// list. typed are texts to write at a path in the place of what is there, such as one that is no number.
func WriteFlow(f agents.Flow, typed map[string]string) (string, error) {
	n := &yaml.Node{}
	if err := n.Encode(f); err != nil {
		return "", fmt.Errorf("write a flow: %w", err)
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
		return "", fmt.Errorf("write a flow: %w", err)
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

// readFlow returns no Config when there is nothing that could be a flow. The Config only knows lines.
func readFlow(text string) (flow agents.Flow, lines *Config, found *findings) {
	found = newFindings("")
	tree := parse([]byte(text), found)
	if tree == nil {
		return flow, nil, found
	}
	root := flowNode(tree.root, found)
	if root == nil {
		return flow, nil, found
	}
	refuseReferences(root, found)
	if len(found.list) > 0 {
		return flow, nil, found
	}
	lines = &Config{lines: map[string]int{}}
	d := decoder{doc: tree, env: func(string) (string, bool) { return "", false }, found: found, lines: lines.lines}
	d.value(root, reflect.ValueOf(&flow).Elem(), "")
	return flow, lines, found
}

// flowNode takes off what stands around a flow in a file.
func flowNode(n *yaml.Node, found *findings) *yaml.Node {
	if list := lookUp(n, agents.SectionFlows); list != nil && n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		n = list
	}
	if n != nil && n.Kind == yaml.SequenceNode {
		if len(n.Content) != 1 {
			found.add(n.Line, "", "there are %d flows here; one is edited at a time", len(n.Content))
			return nil
		}
		n = n.Content[0]
	}
	if n == nil || n.Tag == "!!null" {
		found.add(0, "", "there is nothing here: a flow has an id and a root")
		return nil
	}
	if n.Kind != yaml.MappingNode {
		found.add(n.Line, "", "a flow is a mapping (lines of key: value) with an id and a root")
		return nil
	}
	return n
}

// refuseReferences finds each ${ that expand would take for a variable.
func refuseReferences(n *yaml.Node, found *findings) {
	if n.Kind == yaml.ScalarNode && strings.Contains(strings.ReplaceAll(n.Value, "$${", " "), "${") {
		found.add(n.Line, "", "variables (${NAME}) are for the configuration file; write $${ for a ${ that is meant literally")
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

// ofFlow returns what was found in the order of the lines.
func (f *findings) ofFlow() (list []FlowMistake) {
	all, _ := f.err().(*Error)
	if all == nil {
		return nil
	}
	for _, m := range all.Mistakes {
		m.File = ""
		list = append(list, FlowMistake{Line: m.Line, Text: strings.TrimPrefix(m.Path+": "+m.Text, ": ")})
	}
	return list
}
