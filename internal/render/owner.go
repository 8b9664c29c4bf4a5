package render

import (
	"slices"
	"text/template/parse"
)

// isOwn reports whether the value of a pipeline, or of an argument, is made of nothing but what the template's
// owner has written: constants, functions, and the keys of the data that Parse was told of. What a variable holds,
// or a template is called with, counts as what somebody else has written.
func (r *rewriter) isOwn(n parse.Node) bool {
	switch n := n.(type) {
	case *parse.PipeNode:
		return !slices.ContainsFunc(n.Cmds, func(command *parse.CommandNode) bool {
			return slices.ContainsFunc(command.Args, func(arg parse.Node) bool { return !r.isOwn(arg) })
		})
	case *parse.BoolNode, *parse.NumberNode, *parse.StringNode, *parse.NilNode, *parse.IdentifierNode:
		return true
	case *parse.DotNode:
		return r.dotIsOwn
	case *parse.FieldNode:
		return r.dotIsOwn || r.dotIsData && slices.Contains(r.own, n.Ident[0])
	case *parse.VariableNode:
		return n.Ident[0] == "$" && len(n.Ident) > 1 && r.tree.Name == rootName && slices.Contains(r.own, n.Ident[1])
	case *parse.ChainNode:
		return r.isOwn(n.Node)
	}
	return false
}
