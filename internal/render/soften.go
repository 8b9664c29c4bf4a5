package render

import (
	"strconv"
	"text/template/parse"
)

// soften lets the value of a command be missing, because it goes into default: a chain of fields becomes a lookup that
// yields nil where a strict one fails.
func (r *rewriter) soften(command *parse.CommandNode) {
	if function, ok := command.Args[0].(*parse.IdentifierNode); ok {
		switch function.Ident {
		case "default":
			for i := 1; i < len(command.Args); i++ {
				command.Args[i] = r.softenArgument(command.Args[i])
			}
		case fromJSONName:
			command.Args[0] = parse.NewIdentifier(softFromJSONName).SetPos(function.Pos).SetTree(r.tree)
			if len(command.Args) > 1 {
				command.Args[1] = r.softenArgument(command.Args[1])
			}
		case "index":
			command.Args[0] = parse.NewIdentifier(lookupName).SetPos(function.Pos).SetTree(r.tree)
			if len(command.Args) > 1 {
				command.Args[1] = r.softenArgument(command.Args[1])
			}
		}
		return
	}
	if len(command.Args) == 1 {
		if pipe, ok := r.softenArgument(command.Args[0]).(*parse.PipeNode); ok {
			command.Args[0] = pipe
		}
	}
}

// softenArgument returns what stands in place of n.
func (r *rewriter) softenArgument(n parse.Node) parse.Node {
	switch n := n.(type) {
	case *parse.PipeNode:
		r.soften(n.Cmds[len(n.Cmds)-1])
	case *parse.FieldNode:
		return r.lookup(n.Pos, &parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}, n.Ident)
	case *parse.VariableNode:
		if len(n.Ident) > 1 {
			variable := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: n.Pos, Ident: n.Ident[:1]}
			return r.lookup(n.Pos, variable, n.Ident[1:])
		}
	case *parse.ChainNode:
		return r.lookup(n.Pos, r.softenArgument(n.Node), n.Field)
	}
	return n
}

func (r *rewriter) lookup(pos parse.Pos, start parse.Node, path []string) *parse.PipeNode {
	args := []parse.Node{start}
	for _, key := range path {
		args = append(args, &parse.StringNode{
			NodeType: parse.NodeString,
			Pos:      pos,
			Quoted:   strconv.Quote(key),
			Text:     key,
		})
	}
	return &parse.PipeNode{
		NodeType: parse.NodePipe,
		Pos:      pos,
		Cmds:     []*parse.CommandNode{r.call(pos, lookupName, args...)},
	}
}
