package markdown

import (
	"bytes"
	"html/template"
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	goldparser "github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxMarkdown bounds the texts that are read as Markdown: some texts take a time that grows faster than they do.
// Longer ones are shown as they are.
const maxMarkdown = 256 << 10

var alignedTable = extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))

// toHTML passes HTML in Markdown on: models write <br> and <sub>. What of it may be in a page is for policy to say.
var toHTML = sync.OnceValue(func() renderer.Renderer {
	return goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.TaskList, alignedTable),
		goldmark.WithRendererOptions(html.WithUnsafe())).Renderer()
})

var (
	forPages = newReader(alignedTable, goldparser.WithASTTransformers(util.Prioritized(imagesAsLinks{}, 0)))
	// forMails has links that show their hosts.
	forMails = newReader(alignedTable, goldparser.WithASTTransformers(util.Prioritized(imagesAsLinks{}, 0),
		util.Prioritized(hostsOfLinks{}, 1), util.Prioritized(withoutAnchors{}, 2)))
)

// policy is all HTML that an answer may have on a page: nothing that runs, loads, or looks like something of ours.
var policy = sync.OnceValue(newPolicy)

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p",
		"br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "kbd", "samp", "var",
		"em", "strong", "b", "i", "u", "s", "del", "ins", "mark", "small", "sub", "sup", "abbr", "cite", "q",
		"ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "tr",
		"th", "td", "details", "summary")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("th", "td")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[1-9]\d?$`)).OnElements("th", "td")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input") // of task lists
	p.AllowAttrs("checked", "disabled").Matching(regexp.MustCompile(`^$`)).OnElements("input")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false) // they would lead to the gateway
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
}

// SafeHTML makes the HTML of Markdown: nothing in it runs or loads anything.
func SafeHTML(source string) template.HTML {
	if len(source) > maxMarkdown {
		return Preformatted(source)
	}
	if isClean(source) {
		if html, ok := fastHTML(parseCommon(source), source, false); ok {
			return html
		}
	}
	return forPages.html(source)
}

// HTML returns the text as SafeHTML does, for readers who do not expect it to be a stranger's: links show where they
// lead, and no part of it is invisible.
func (t *Text) HTML() template.HTML {
	if t.common {
		if html, ok := fastHTML(t.tree, t.source, true); ok {
			return html
		}
	}
	return forMails.html(t.source)
}

func (r reader) html(source string) template.HTML {
	if len(source) > maxMarkdown {
		return Preformatted(source)
	}
	bytes := []byte(source)
	return renderHTML(r.parse(source, bytes), bytes)
}

func renderHTML(document ast.Node, source []byte) template.HTML {
	var out bytes.Buffer
	if toHTML().Render(&out, source, document) != nil {
		return Preformatted(string(source))
	}
	return template.HTML(policy().SanitizeBytes(out.Bytes()))
}

// Preformatted shows a text as it is.
func Preformatted(text string) template.HTML {
	return "<pre>" + template.HTML(EscapeHTML(text)) + "</pre>"
}

// EscapeHTML is a text in HTML.
func EscapeHTML(text string) string { return template.HTMLEscapeString(Clean(text)) }

// withoutAnchors takes the links out that are written in HTML, whose text may hide where they lead. Of a block of
// HTML its text stays.
type withoutAnchors struct{}

var anchor = regexp.MustCompile(`(?i)^</?a[\s/>]`)

func (withoutAnchors) Transform(document *ast.Document, reader text.Reader, _ goldparser.Context) {
	c := converter{source: string(reader.Source()), bytes: reader.Source()}
	var found []ast.Node
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		raw, ok := n.(*ast.RawHTML)
		isAnchor := ok && anchor.MatchString(c.lines(raw.Segments))
		if entering && (isAnchor || n.Kind() == ast.KindHTMLBlock) {
			found = append(found, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range found {
		if n.Kind() == ast.KindHTMLBlock {
			paragraph := ast.NewParagraph()
			paragraph.AppendChild(paragraph, ast.NewString([]byte(withoutTags(c.lines(n.Lines())))))
			n.Parent().InsertBefore(n.Parent(), n, paragraph)
		}
		n.Parent().RemoveChild(n.Parent(), n)
	}
}

// hostsOfLinks puts the host behind a link whose text looks like another.
type hostsOfLinks struct{}

func (hostsOfLinks) Transform(document *ast.Document, reader text.Reader, _ goldparser.Context) {
	source := string(reader.Source())
	var links []*ast.Link
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering {
			links = append(links, link)
		}
		return ast.WalkContinue, nil
	})
	for _, link := range links {
		_, host, ok := SafeURL(resolved(string(link.Destination)))
		if ok && looksElsewhere(treeOf(link, source, reader.Source()).plain(0), host) {
			link.Parent().InsertAfter(link.Parent(), link, ast.NewString([]byte(" ("+host+")")))
		}
	}
}

// imagesAsLinks makes links of images, whose servers would learn who opens the page, and when.
type imagesAsLinks struct{}

func (imagesAsLinks) Transform(document *ast.Document, _ text.Reader, _ goldparser.Context) {
	var images []*ast.Image
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if image, ok := n.(*ast.Image); ok && entering {
			images = append(images, image)
		}
		return ast.WalkContinue, nil
	})
	for _, image := range images {
		link := ast.NewLink()
		link.Destination = image.Destination
		for child := image.FirstChild(); child != nil; child = image.FirstChild() {
			link.AppendChild(link, child)
		}
		if !link.HasChildren() {
			link.AppendChild(link, ast.NewString(image.Destination))
		}
		image.Parent().ReplaceChild(image.Parent(), image, link)
	}
}
