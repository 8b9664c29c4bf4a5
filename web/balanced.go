package web

import (
	"bytes"
	"html/template"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// balanced closes what an answer's HTML leaves open, so that it cannot reach into the rest of the page. What cannot be read is
// left out; the text is there as it is, too.
func balanced(part template.HTML) template.HTML {
	nodes, err := html.ParseFragment(strings.NewReader(string(part)), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		return ""
	}
	var out bytes.Buffer
	for _, n := range nodes {
		if html.Render(&out, n) != nil {
			return ""
		}
	}
	return template.HTML(out.String())
}
