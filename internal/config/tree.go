package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The limits of a document, so that no file can keep the loader busy for long.
const (
	maxFileBytes    = 4 << 20
	maxDepth        = 100
	maxAliasedNodes = 100_000
)

// document is a YAML file as a tree without aliases, merge keys and comments.
type document struct {
	root    *yaml.Node            // nil when the file says nothing
	written map[*yaml.Node]string // what a scalar said before ${…} was expanded
}

// parse reads exactly one document.
func parse(data []byte, found *findings) *document {
	in := &lineReader{all: data, data: data}
	decoder := yaml.NewDecoder(in)
	var first, second yaml.Node
	switch err := decode(decoder, &first); {
	case errors.Is(err, io.EOF):
		return &document{}
	case err != nil:
		found.add(in.lineOf(err), "", "%s", syntaxText(err))
		return nil
	}
	switch err := decode(decoder, &second); {
	case err == nil:
		found.add(second.Line, "", "a second document begins here; one file holds one document (remove the ---)")
		return nil
	case !errors.Is(err, io.EOF):
		found.add(in.lineOf(err), "", "%s", syntaxText(err))
		return nil
	}
	f := flattener{found: found, open: map[*yaml.Node]bool{}}
	root := f.node(first.Content[0], 0)
	if root == nil || f.failed {
		return nil
	}
	return &document{root: root, written: map[*yaml.Node]string{}}
}

// decode turns a panic into an error: yaml.v3 has those for what it holds impossible, and a file that somebody edits
// must not be able to end a running gateway.
func decode(d *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("yaml: the parser gave up")
		}
	}()
	return d.Decode(into)
}

// flattener copies a tree with every alias and merge key replaced by what it stands for.
type flattener struct {
	found   *findings
	open    map[*yaml.Node]bool // the anchors being copied, to find one that contains itself
	aliased int
	failed  bool
}

func (f *flattener) fail(n *yaml.Node, text string) *yaml.Node {
	f.failed = true
	f.found.add(n.Line, "", "%s", text)
	return nil
}

// node returns nil when it has failed.
func (f *flattener) node(n *yaml.Node, depth int) *yaml.Node {
	if len(f.open) > 0 {
		f.aliased++
	}
	switch {
	case depth > maxDepth:
		return f.fail(n, "is nested more than "+strconv.Itoa(maxDepth)+" levels deep")
	case f.aliased > maxAliasedNodes:
		return f.fail(n, "aliases (*name) blow this file up beyond all measure; write out what you mean")
	case n.Kind == yaml.AliasNode && f.open[n.Alias]:
		return f.fail(n, "the anchor that this alias (*name) refers to contains itself")
	case n.Kind == yaml.AliasNode:
		f.open[n.Alias] = true
		defer delete(f.open, n.Alias)
		return f.node(n.Alias, depth+1)
	case n.Style&yaml.TaggedStyle != 0 &&
		!slices.Contains([]string{"!!str", "!!int", "!!float", "!!bool", "!!map", "!!seq"}, n.Tag):
		return f.fail(n, "tags (!name) are not understood; put quotes around a value that starts with !")
	}
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line}
	if n.Kind == yaml.MappingNode {
		return f.mapping(n, c, depth)
	}
	for _, child := range n.Content {
		copied := f.node(child, depth+1)
		if copied == nil {
			return nil
		}
		c.Content = append(c.Content, copied)
	}
	return c
}

func (f *flattener) mapping(n, c *yaml.Node, depth int) *yaml.Node {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := f.node(n.Content[i], depth+1), f.node(n.Content[i+1], depth+1)
		switch {
		case key == nil || value == nil:
			return nil
		case key.Kind != yaml.ScalarNode:
			return f.fail(n.Content[i], "a key must be a plain word")
		case key.Tag != "!!merge":
			c.Content = append(c.Content, key, value)
		case value.Kind == yaml.SequenceNode:
			merged = append(merged, value.Content...)
		default:
			merged = append(merged, value)
		}
	}
	if len(merged) == 0 {
		return c
	}
	has := map[string]bool{}
	for i := 0; i < len(c.Content); i += 2 {
		has[c.Content[i].Value] = true
	}
	for _, m := range merged {
		if m.Kind != yaml.MappingNode {
			return f.fail(m, "<< takes a mapping, or a list of mappings")
		}
		for i := 0; i < len(m.Content); i += 2 {
			if key := m.Content[i]; !has[key.Value] {
				has[key.Value] = true
				c.Content = append(c.Content, key, m.Content[i+1])
			}
		}
	}
	return c
}

// lineReader hands out one line at a time, so that the line where the parser gave up is known: for half of its
// errors yaml.v3 names the line where the surrounding block began.
type lineReader struct {
	all  []byte
	data []byte // what is left of it
	line int
	rest bool // the line is not finished
}

func (r *lineReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	if !r.rest {
		r.line++
	}
	n := bytes.IndexByte(r.data, '\n') + 1
	if n == 0 {
		n = len(r.data)
	}
	n = copy(p, r.data[:n])
	r.rest = r.data[n-1] != '\n'
	r.data = r.data[n:]
	return n, nil
}

// What yaml.v3 says, and what it means to someone who writes a configuration. Its own text is never shown: it can
// hold a value.
var syntaxTexts = []struct{ yaml, plain string }{
	{"did not find expected key", "the indentation is off here, or a colon is missing"},
	{"did not find expected '-' indicator", "the indentation is off here: this belongs to a list, whose items begin with -"},
	{"mapping values are not allowed", "a colon is not allowed here: check the indentation, or put quotes around the value"},
	{"could not find expected ':'", "a colon is missing after the key"},
	{
		"found character that cannot start any token",
		"a value cannot start like this: put quotes around it, and indent with spaces, not with tabs",
	},
	{"found a tab character", "indent with spaces, not with tabs"},
	{"found unexpected end of stream", "a quote is opened here and never closed"},
	{"did not find expected ',' or ']'", "the list in [ ] that begins here misses a comma or its end; within it, ${NAME} needs quotes"},
	{"did not find expected ',' or '}'", "the mapping in { } that begins here misses a comma or its end; within it, ${NAME} needs quotes"},
	{"did not find expected node content", "a value is missing here, or needs quotes because of a special character in it"},
	{"found unknown escape character", "this \\ means nothing in double quotes: write \\\\, or use single quotes"},
	{"unknown anchor", "an alias (*name) has no anchor (&name); put quotes around a value that starts with *"},
	{"control characters are not allowed", "the file holds control characters; it must be UTF-8 text"},
	{"UTF-8", "the file is not UTF-8 text"},
	{"UTF-16", "the file is not UTF-8 text"},
}

func syntaxText(err error) string {
	for _, t := range syntaxTexts {
		if strings.Contains(err.Error(), t.yaml) {
			return t.plain
		}
	}
	return "this is not valid YAML"
}

// The errors for which yaml.v3 knows the line: those of its scanner, and what is open in brackets. It counts from 0
// there, and where the bracket is in the very first line it tells where the file ends instead.
var (
	scannerLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?:found|mapping values|could not find)`)
	aliasName   = regexp.MustCompile(`^yaml: unknown anchor '(.*)' referenced$`)
	bracketLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?did not find expected ',' or '([]}])'`)
)

func (r *lineReader) lineOf(err error) int {
	if m := scannerLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		return min(max(line, 1), max(r.line, 1))
	}
	if m := bracketLine.FindStringSubmatch(err.Error()); m != nil {
		index, _ := strconv.Atoi(m[1])
		closing, opening := []byte(m[2]), []byte(map[string]string{"]": "[", "}": "{"}[m[2]])
		lines := bytes.SplitN(r.all, []byte("\n"), index+2)
		if index < len(lines) && bytes.Count(lines[index], opening) > bytes.Count(lines[index], closing) {
			return index + 1
		}
		return 1
	}
	line := max(r.line, 1)
	if m := aliasName.FindStringSubmatch(err.Error()); m != nil {
		// The parser has read on to see what follows.
		lines := bytes.Split(r.all, []byte("\n"))[:line]
		for i := line; i > 0; i-- {
			if bytes.Contains(lines[i-1], []byte("*"+m[1])) {
				return i
			}
		}
	}
	return line
}
