package web

import (
	"path"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
)

// guideMarkdown passes HTML on: the documentation is ours.
var guideMarkdown = goldmark.New(goldmark.WithExtensions(extension.GFM,
	extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()), goldmark.WithRendererOptions(html.WithUnsafe()))

func guideContext() parser.Context { return parser.NewContext(parser.WithIDs(&headingIDs{})) }

// headingIDs gives headings the ids that GitHub gives them, so that links work in both.
type headingIDs struct{ used []string }

var notInID = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

func (h *headingIDs) Generate(value []byte, _ ast.NodeKind) []byte {
	id := strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(strings.TrimSpace(string(value))), ""), " ", "-")
	for _, used := range h.used {
		if used == id {
			id += "-1"
		}
	}
	h.used = append(h.used, id)
	return []byte(id)
}

func (h *headingIDs) Put(value []byte) { h.used = append(h.used, string(value)) }

// relink leads links between the pages to where they are here. What is not in the binary, such as an example, is no link, and a
// picture is its words.
func relink(document ast.Node, folder string) {
	var lost []ast.Node
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // which never fails
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			lost = append(lost, n)
		case *ast.Link:
			to, anchor, _ := strings.Cut(string(n.Destination), "#")
			page, isPage := strings.CutSuffix(path.Join(folder, to), ".md")
			switch {
			case to == "" || strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:"):
			case !isPage || strings.HasPrefix(page, "..") || strings.Contains(strings.TrimPrefix(page, "guides/"), "/"):
				lost = append(lost, n)
			default:
				if page == "README" {
					page = "guides"
				}
				n.Destination = []byte("/docs/" + page)
				if anchor != "" {
					n.Destination = append(n.Destination, "#"+anchor...)
				}
			}
		}
		return ast.WalkContinue, nil
	})
	for _, n := range lost {
		parent := n.Parent()
		for child := n.FirstChild(); child != nil; {
			next := child.NextSibling()
			parent.InsertBefore(parent, n, child)
			child = next
		}
		parent.RemoveChild(parent, n)
	}
}

// sectionsOf lists the headings of a page, with what stands below them.
func sectionsOf(document ast.Node, source []byte) (list []guideSection) {
	for n := document.FirstChild(); n != nil; n = n.NextSibling() {
		if heading, ok := n.(*ast.Heading); ok {
			section := guideSection{Title: plainTextOf(n, source), Level: heading.Level}
			if id, ok := n.AttributeString("id"); ok {
				id, _ := id.([]byte)
				section.ID = string(id)
			}
			list = append(list, section)
		} else if len(list) > 0 {
			last := &list[len(list)-1]
			last.text += strings.ToLower(plainTextOf(n, source)) + " "
		}
	}
	return list
}

// plainTextOf is what a part of a page says.
func plainTextOf(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // which never fails
		if !entering {
			return ast.WalkContinue, nil
		}
		switch t := n.(type) {
		case *ast.Text:
			b.Write(t.Segment.Value(source))
			if t.SoftLineBreak() || t.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(t.Value)
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				b.Write(line.Value(source))
			}
		}
		if n.Type() == ast.TypeBlock && b.Len() > 0 {
			b.WriteByte(' ')
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}
