package web

import (
	"encoding/json"
	"text/template/parse"
)

// samplePrompt is what a caller says for lack of anything better.
const samplePrompt = "Why did the build fail?"

// sampleBody makes a JSON body that has what a template asks for, as far as that shows: something to begin with. It
// goes through the template's text only, and never runs it.
func sampleBody(template string) string {
	body := sampleOf(template).value()
	if _, isText := body.(string); isText {
		body = map[string]any{"message": samplePrompt} // the template takes whatever comes
	}
	text, _ := json.MarshalIndent(body, "", "  ") // maps, lists and strings never fail
	return string(text)
}

// shape is what a template takes a value to be; without anything it is a text.
type shape struct {
	fields map[string]*shape
	item   *shape // of a list
	text   string // that it is compared with
}

func sampleOf(template string) *shape {
	root := &shape{}
	body := root.field("body")
	tree := parse.New("sample")
	tree.Mode = parse.SkipFuncCheck
	if parsed, err := tree.Parse(template, "", "", map[string]*parse.Tree{}); err == nil {
		s := sampler{map[string]*shape{"$": root}}
		s.list(parsed.Root, root)
	}
	return body
}

func (s *shape) value() any {
	switch {
	case s.item != nil:
		return []any{s.item.value()}
	case s.fields != nil:
		all := map[string]any{}
		for name, field := range s.fields {
			all[name] = field.value()
		}
		return all
	case s.text != "":
		return s.text
	}
	return "example"
}

func (s *shape) field(name string) *shape {
	if s.fields == nil {
		s.fields = map[string]*shape{}
	}
	if s.fields[name] == nil {
		s.fields[name] = &shape{}
	}
	return s.fields[name]
}

func (s *shape) element() *shape {
	if s.item == nil {
		s.item = &shape{}
	}
	return s.item
}

// follow goes from a value into its fields; nil is a value of which nothing is known.
func (s *shape) follow(names []string) *shape {
	for _, name := range names {
		if s == nil {
			return nil
		}
		s = s.field(name)
	}
	return s
}

// sampler walks through a template with its variables.
type sampler struct{ variables map[string]*shape }

func (s sampler) list(list *parse.ListNode, dot *shape) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			s.declare(n.Pipe, s.pipe(n.Pipe, dot))
		case *parse.IfNode:
			s.declare(n.Pipe, s.pipe(n.Pipe, dot))
			s.list(n.List, dot)
			s.list(n.ElseList, dot)
		case *parse.WithNode:
			value := s.pipe(n.Pipe, dot)
			s.declare(n.Pipe, value)
			s.list(n.List, value)
			s.list(n.ElseList, dot)
		case *parse.RangeNode:
			value := s.pipe(n.Pipe, dot)
			if value != nil {
				value = value.element()
			}
			s.declare(n.Pipe, value)
			s.list(n.List, value)
			s.list(n.ElseList, dot)
		}
	}
}

// declare gives a value to the variable of a pipe: of two, as range has them, the second.
func (s sampler) declare(pipe *parse.PipeNode, value *shape) {
	if n := len(pipe.Decl); n > 0 {
		s.variables[pipe.Decl[n-1].Ident[0]] = value
	}
}

func (s sampler) pipe(pipe *parse.PipeNode, dot *shape) (value *shape) {
	for i, command := range pipe.Cmds {
		result := s.command(command, dot, value)
		if i == 0 || result != nil {
			value = result
		}
	}
	return value
}

// command goes through a function's arguments, of which the last comes from the pipe.
func (s sampler) command(command *parse.CommandNode, dot, piped *shape) *shape {
	function, isFunction := command.Args[0].(*parse.IdentifierNode)
	if !isFunction {
		return s.argument(command.Args[0], dot)
	}
	value := piped
	for _, arg := range command.Args[1:] {
		if given := s.argument(arg, dot); given != nil {
			value = given
		}
	}
	if value == nil {
		return nil
	}
	switch function.Ident {
	case "date":
		value.text = "2026-02-18T03:12:00Z"
	case "eq":
		for _, arg := range command.Args[1:] {
			if text, ok := arg.(*parse.StringNode); ok {
				value.text = text.Text
			}
		}
	case "join":
		value.element()
	case "first":
		return value.element()
	case "index":
		return s.index(value, command.Args[1:])
	}
	return value
}

func (s sampler) index(value *shape, args []parse.Node) *shape {
	for _, arg := range args {
		switch key := arg.(type) {
		case *parse.StringNode:
			value = value.field(key.Text)
		case *parse.NumberNode:
			value = value.element()
		}
	}
	return value
}

func (s sampler) argument(node parse.Node, dot *shape) *shape {
	switch n := node.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return dot.follow(n.Ident)
	case *parse.VariableNode:
		return s.variables[n.Ident[0]].follow(n.Ident[1:])
	case *parse.ChainNode:
		return s.argument(n.Node, dot).follow(n.Field)
	case *parse.PipeNode:
		return s.pipe(n, dot)
	}
	return nil
}
