package web

import (
	"bytes"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"beckon/docs"
	"beckon/internal/problem"
)

const guidesPath = "/docs/guides"

// guide is a page of the documentation.
type guide struct {
	Name     string // "guides/alerts", or "webhooks" for one outside the guides
	Title    string
	Lead     string // its first paragraph
	HTML     template.HTML
	Sections []guideSection
}

// guideSection is a heading of a guide, with the text below it in small letters.
type guideSection struct {
	Title, ID, text string
	Level           int
}

// Address is where the guide is read.
func (g *guide) Address() string { return "/docs/" + g.Name }

// IsGuide reports whether it leads through something, and is not for looking things up.
func (g *guide) IsGuide() bool { return strings.HasPrefix(g.Name, "guides/") }

// Crumb is its place below the list.
func (g *guide) Crumb() string { return g.Title }

// guides are all pages by their names; they are read when one is asked for first.
var guides = sync.OnceValues(func() (map[string]*guide, error) {
	all := map[string]*guide{}
	err := fs.WalkDir(docs.Pages, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == "README.md" {
			return err
		}
		source, err := fs.ReadFile(docs.Pages, name)
		if err != nil {
			return err
		}
		g, err := newGuide(strings.TrimSuffix(name, ".md"), source)
		all[g.Name] = g
		return err
	})
	return all, err
})

func newGuide(name string, source []byte) (*guide, error) {
	g := &guide{Name: name}
	document := guideMarkdown.Parser().Parse(text.NewReader(source), parser.WithContext(guideContext()))
	relink(document, path.Dir(name))
	if title := document.FirstChild(); title != nil && title.Kind() == ast.KindHeading {
		g.Title = plainTextOf(title, source)
		if lead := title.NextSibling(); lead != nil && lead.Kind() == ast.KindParagraph {
			g.Lead = plainTextOf(lead, source)
		}
	}
	g.Sections = sectionsOf(document, source)
	var out bytes.Buffer
	err := guideMarkdown.Renderer().Render(&out, source, document)
	g.HTML = template.HTML(out.String())
	return g, err
}

// guidePages are the documentation, which is open to those who are not signed in, as the API's is.
func (w *Web) guidePages() []page {
	show := func(name func(c echo.Context) string) func(c echo.Context) (any, error) {
		return func(c echo.Context) (any, error) {
			all, err := guides()
			if err != nil {
				return nil, err
			}
			g := all[strings.TrimSuffix(name(c), ".md")]
			if g == nil {
				return nil, problem.New(problem.NotFound, problem.CodeRouteNotFound, "There is no such page of the documentation.")
			}
			return g, nil
		}
	}
	return []page{
		{path: guidesPath, template: "guides", title: "Guides", open: true, data: showGuides},
		{
			path:     guidesPath + "/:name",
			template: "guide",
			title:    "Guides",
			open:     true,
			data:     show(func(c echo.Context) string { return "guides/" + c.Param("name") }),
		},
		{
			path:     "/docs/:name",
			template: "guide",
			title:    "Guides",
			open:     true,
			data:     show(func(c echo.Context) string { return c.Param("name") }),
		},
	}
}

// guideList is what the list of the documentation shows.
type guideList struct {
	Query             string
	Found             []found
	Guides, Reference []*guide // what leads through something, and what is for looking things up
}

func showGuides(c echo.Context) (any, error) {
	all, err := guides()
	if err != nil {
		return nil, err
	}
	list := guideList{Query: strings.TrimSpace(c.QueryParam("q"))}
	list.Found = findGuides(list.Query, 30)
	for _, g := range all {
		if g.IsGuide() {
			list.Guides = append(list.Guides, g)
		} else {
			list.Reference = append(list.Reference, g)
		}
	}
	byTitle := func(a, b *guide) int { return strings.Compare(a.Title, b.Title) }
	slices.SortFunc(list.Guides, byTitle)
	slices.SortFunc(list.Reference, byTitle)
	return list, nil
}

// findGuides returns sections of the documentation: those whose titles have a text in them, then those whose texts do.
func findGuides(query string, most int) []found {
	if len(query) < 2 {
		return nil
	}
	all, err := guides()
	if err != nil {
		return nil // the pages themselves say why
	}
	sorted := make([]*guide, 0, len(all))
	for _, g := range all {
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b *guide) int {
		if a.IsGuide() != b.IsGuide() {
			return map[bool]int{true: -1, false: 1}[a.IsGuide()]
		}
		return strings.Compare(a.Title, b.Title)
	})
	var inTitle, inText []found
	low := strings.ToLower(query)
	for _, g := range sorted {
		for _, s := range g.Sections {
			address, note := g.Address()+"#"+s.ID, g.Title
			if s.Level == 1 {
				address, note = g.Address(), "documentation"
			}
			switch f := (found{s.Title, note, "book-open", address}); {
			case contains(s.Title, query):
				inTitle = append(inTitle, f)
			case strings.Contains(s.text, low):
				inText = append(inText, f)
			}
		}
	}
	list := append(inTitle, inText...)
	return list[:min(len(list), most)]
}

// helpFor is the page of the documentation about a page of the console.
func helpFor(address string) string {
	about := map[string]string{
		runsPath:                  "runs",
		refusedPath:               "webhooks",
		deliveriesPath:            "deliveries",
		clientsPath:               "webhooks",
		endpointsPath:             "destinations",
		settingsPath:              "configuration",
		auditPath:                 "administration",
		doctorPath:                "operating",
		homePath + "/agents":      "providers",
		homePath + "/flows":       "flows",
		homePath + "/commands":    "webhooks",
		homePath + "/providers":   "providers",
		homePath + "/toolServers": "tools",
	}
	section, _, _ := strings.Cut(strings.TrimPrefix(address, homePath+"/"), "/")
	if name := about[homePath+"/"+section]; name != "" {
		return "/docs/" + name
	}
	return guidesPath
}
