package magec

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Result is a configuration of Beckon.
type Result struct {
	YAML      string
	Variables []string // that have to be set, in order
	Missing   []string // what has no counterpart, one sentence each
}

// Options say what the configuration may use.
type Options struct {
	ToolServers bool                 // it knows toolServers
	Tools       bool                 // agents and clients have lists of tools
	IsReserved  func(id string) bool // no tool server may have the id; nil for none
}

// Convert reads the data of Magec, and writes it as a configuration.
func Convert(text []byte, o Options) (*Result, error) {
	d, err := read(text)
	if err != nil {
		return nil, err
	}
	c := &converter{
		data:      d,
		options:   o,
		variables: map[string]bool{},
		providers: names{},
		agents:    names{},
		commands:  names{},
		servers:   names{},
		tools:     map[string][]string{},
	}
	document := c.document()
	r := &Result{Missing: c.missing}
	if r.YAML, err = write(document); err != nil {
		return nil, err
	}
	for _, m := range variable.FindAllStringSubmatch(strings.ReplaceAll(r.YAML, "$${", ""), -1) {
		if m[2] == "" { // it has no default
			c.variables[m[1]] = true
		}
	}
	r.Variables = slices.Sorted(maps.Keys(c.variables))
	return r, nil
}

// variable is a reference to one, as both products write it.
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(?:\}|(:-))`)

type converter struct {
	*data
	options   Options
	variables map[string]bool
	missing   []string

	providers, agents, commands, servers names               // agents are flows too
	tools                                map[string][]string // patterns, by what Magec calls the agent or flow
}

func (c *converter) miss(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.missing, text) {
		c.missing = append(c.missing, text)
	}
}

func (c *converter) document() object {
	var document object
	document.add("providers", c.backends())
	if c.options.ToolServers {
		document.add("toolServers", c.toolServers())
	} else {
		for _, s := range c.MCPServers {
			c.miss("MCP server %q: this version of Beckon has no tool servers.", s.label())
		}
	}
	document.add("agents", c.allAgents())
	document.add("flows", c.allFlows())
	document.add("commands", c.allCommands())
	document.add("clients", c.allClients())
	c.rest()
	return document
}

// rest lists the sections that have no counterpart as a whole.
func (c *converter) rest() {
	for _, s := range c.Skills {
		c.miss("Skill %q: put its instructions and files into a folder below skills.path, "+
			"and name it in skills of its agents.", s.label())
	}
	for _, m := range c.Memory {
		c.miss("Memory provider %q: Beckon keeps what it needs in its own database.", m.label())
	}
	for _, s := range c.Secrets {
		if variable.MatchString("${" + s.Key + "}") {
			c.variables[s.Key] = true
		}
	}
	known := []string{
		"backends", "mcpServers", "skills", "agents", "clients", "flows", "commands", "memoryProviders", "secrets",
	}
	for _, section := range slices.Sorted(maps.Keys(c.more)) {
		empty := slices.Contains([]string{"null", "[]", "{}", `""`}, string(c.more[section]))
		if !empty && !slices.Contains(known, section) {
			c.miss("%s: it has no counterpart.", strconv.Quote(section))
		}
	}
}

func (d described) label() string { return cmp.Or(d.Name, d.ID) }

// names are the ids of Beckon by those of Magec.
type names map[string]string

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// add makes an id of a name, which none of those in taken has.
func (n names) add(d described, one string, reserved ...func(string) bool) string {
	base := strings.Trim(notInID.ReplaceAllString(strings.ToLower(cmp.Or(d.Name, d.ID)), "-"), "-")
	base = cmp.Or(strings.Trim(base[:min(len(base), 50)], "-"), one)
	for _, is := range reserved {
		if is != nil && is(base) {
			base += "-tools"
		}
	}
	id := base
	for i := 2; slices.Contains(slices.Collect(maps.Values(n)), id); i++ {
		id = base + "-" + strconv.Itoa(i)
	}
	n[d.ID] = id
	return id
}

// nameUnlessID is the display name, where it says more than the id.
func nameUnlessID(d described, id string) string {
	if d.Name == id {
		return ""
	}
	return d.Name
}

var notInVariable = regexp.MustCompile(`[^A-Z0-9]+`)

// hide returns what is written in the place of a secret: its references to variables as they are, anything else as
// the name of a variable.
func (c *converter) hide(value string, place ...string) string {
	if value == "" || variable.MatchString(value) {
		return value
	}
	name := strings.Trim(notInVariable.ReplaceAllString(strings.ToUpper(strings.Join(place, "_")), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "MAGEC_" + name
	}
	c.variables[name] = true
	return "${" + name + "}"
}

func (c *converter) hideAll(values map[string]string, place ...string) (list object) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		list.add(key, c.hide(values[key], append(slices.Clone(place), key)...))
	}
	return list
}
