package render

import (
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

const fromJSONName = "fromJson"

// maxNesting bounds actions and parentheses within each other, and with maxCalls the stack of an execution.
const maxNesting = 200

// The functions that only the rewriter calls. A template cannot: Parse refuses every name that it doesn't know.
const (
	tickName         = "_tick"
	enterName        = "_enter"
	leaveName        = "_leave"
	printName        = "_print"
	printDataName    = "_printData"
	eachValueName    = "_value"
	eachPairName     = "_pair"
	lookupName       = "_lookup"
	softFromJSONName = "_fromJson"
)

// rewriter checks the parse trees of a template and puts the bounds into them: what a loop or a call costs is counted,
// what is printed goes through print, what is ranged over goes through each, and what feeds a default may be missing.
type rewriter struct {
	trees    map[string]*parse.Tree
	allowed  []string
	mentions mentions
	literals map[string]bool
	names    map[string]bool
	err      *Error // the first

	tree      *parse.Tree // at work on this one
	dotIsData bool        // "." is all of the data here, and not a part of it
	dotIsOwn  bool        // "." is made of nothing but what the template's owner has written
	own       []string    // the top-level keys of the data whose values the owner has written
}

// mentions are the top-level keys of the data that a template names.
type mentions struct {
	all      bool // it uses the data as a whole
	keys     map[string]bool
	fromJSON bool // it calls that function
}

func newRewriter(trees map[string]*parse.Tree, own []string) *rewriter {
	return &rewriter{
		trees:    trees,
		own:      own,
		allowed:  allowedNames(),
		mentions: mentions{keys: map[string]bool{}},
		literals: map[string]bool{},
		names:    map[string]bool{},
	}
}

func (r *rewriter) rewriteAll() error {
	for name, tree := range r.trees {
		r.tree, r.dotIsData, r.dotIsOwn = tree, name == rootName, false
		weight := r.list(tree.Root, 0)
		pos := tree.Root.Pos
		tree.Root.Nodes = slices.Concat([]parse.Node{r.guard(pos, enterName, number(pos, weight))}, tree.Root.Nodes,
			[]parse.Node{r.guard(pos, leaveName)})
	}
	if r.err != nil {
		return r.err
	}
	return nil
}

// list returns how many nodes it holds, which is what one walk over it costs.
func (r *rewriter) list(l *parse.ListNode, depth int) (weight int) {
	if l == nil || r.tooDeep(l, depth) {
		return 0
	}
	for _, n := range l.Nodes {
		weight += 1 + r.node(n, depth+1)
	}
	return weight
}

func (r *rewriter) node(n parse.Node, depth int) (weight int) {
	switch n := n.(type) {
	case *parse.ActionNode:
		print := printDataName
		if r.isOwn(n.Pipe) {
			print = printName
		}
		weight = r.pipe(n.Pipe, depth)
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, r.call(n.Pos, print))
		}
	case *parse.IfNode:
		return r.pipe(n.Pipe, depth) + r.list(n.List, depth) + r.list(n.ElseList, depth)
	case *parse.WithNode:
		isOwn := r.isOwn(n.Pipe)
		return r.pipe(n.Pipe, depth) + r.inner(n.List, isOwn, depth) + r.list(n.ElseList, depth)
	case *parse.RangeNode:
		isOwn := r.isOwn(n.Pipe)
		weight = r.pipe(n.Pipe, depth) + r.list(n.ElseList, depth)
		body := r.inner(n.List, isOwn, depth)
		n.List.Nodes = slices.Insert(n.List.Nodes, 0, parse.Node(r.guard(n.Pos, tickName, number(n.Pos, 1+body))))
		each := eachValueName
		if len(n.Pipe.Decl) > 1 {
			each = eachPairName
		}
		n.Pipe.Cmds = append(n.Pipe.Cmds, r.call(n.Pos, each))
	case *parse.TemplateNode:
		if r.trees[n.Name] == nil {
			r.fail(n, "template %q is not defined", n.Name)
		}
		if n.Pipe != nil {
			weight = r.pipe(n.Pipe, depth)
		}
	}
	return weight
}

// inner is list for a body with a dot of its own.
func (r *rewriter) inner(l *parse.ListNode, isOwn bool, depth int) int {
	outerIsData, outerIsOwn := r.dotIsData, r.dotIsOwn
	r.dotIsData, r.dotIsOwn = false, isOwn
	defer func() { r.dotIsData, r.dotIsOwn = outerIsData, outerIsOwn }()
	return r.list(l, depth)
}

func (r *rewriter) pipe(p *parse.PipeNode, depth int) (weight int) {
	if r.tooDeep(p, depth) {
		return 0
	}
	for i, command := range p.Cmds {
		for _, arg := range command.Args {
			weight += 1 + r.argument(arg, depth)
		}
		if isCall(command, "default") {
			r.soften(command)
			for before := i - 1; before >= 0; before-- {
				wasFromJSON := isCall(p.Cmds[before], fromJSONName)
				if r.soften(p.Cmds[before]); !wasFromJSON || len(p.Cmds[before].Args) > 1 {
					break
				}
			}
		}
	}
	return weight
}

func (r *rewriter) argument(n parse.Node, depth int) (weight int) {
	switch n := n.(type) {
	case *parse.PipeNode:
		return r.pipe(n, depth+1)
	case *parse.ChainNode:
		r.name(n.Field)
		return r.argument(n.Node, depth+1)
	case *parse.IdentifierNode:
		r.mentions.fromJSON = r.mentions.fromJSON || n.Ident == fromJSONName
		if !slices.Contains(r.allowed, n.Ident) {
			r.fail(n, "there is no function %q; there are %s", n.Ident, strings.Join(r.allowed, ", "))
		}
	case *parse.StringNode:
		r.literals[n.Text] = true
	case *parse.DotNode:
		r.mentions.all = r.mentions.all || r.dotIsData
	case *parse.FieldNode:
		r.name(n.Ident)
		if r.dotIsData {
			r.mentions.keys[n.Ident[0]] = true
		}
	case *parse.VariableNode:
		r.name(n.Ident[1:])
		switch {
		case n.Ident[0] != "$" || r.tree.Name != rootName:
		case len(n.Ident) == 1:
			r.mentions.all = true
		default:
			r.mentions.keys[n.Ident[1]] = true
		}
	}
	return 0
}

// name notes names of members.
func (r *rewriter) name(list []string) {
	for _, name := range list {
		r.names[name] = true
	}
}

func (r *rewriter) tooDeep(n parse.Node, depth int) bool {
	if depth > maxNesting {
		r.fail(n, "actions and parentheses are nested more than %d levels deep", maxNesting)
	}
	return depth > maxNesting
}

func (r *rewriter) fail(n parse.Node, format string, args ...any) {
	if r.err != nil {
		return
	}
	r.err = failf(Syntax, format, args...)
	where, _ := r.tree.ErrorContext(n)
	r.err.locate("template: " + where + ": ")
}

// guard is {{if name args}}{{end}}: a call for its error alone, that prints nothing.
func (r *rewriter) guard(pos parse.Pos, name string, args ...parse.Node) *parse.IfNode {
	pipe := &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{r.call(pos, name, args...)}}
	return &parse.IfNode{BranchNode: parse.BranchNode{NodeType: parse.NodeIf, Pos: pos, Pipe: pipe,
		List: &parse.ListNode{NodeType: parse.NodeList, Pos: pos}}}
}

func (r *rewriter) call(pos parse.Pos, name string, args ...parse.Node) *parse.CommandNode {
	function := parse.NewIdentifier(name).SetPos(pos).SetTree(r.tree)
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: append([]parse.Node{function}, args...)}
}

func number(pos parse.Pos, n int) *parse.NumberNode {
	return &parse.NumberNode{NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(n), Text: strconv.Itoa(n)}
}

func isCall(command *parse.CommandNode, name string) bool {
	function, ok := command.Args[0].(*parse.IdentifierNode)
	return ok && function.Ident == name
}
