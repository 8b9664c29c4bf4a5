package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"beckon/internal/basepath"
)

// A template is templates/NAME.html. It defines "content", which templates/layout.html puts into its frame.
//
//go:embed templates
var templateFiles embed.FS

// page is one screen. To add one, write clients.go with a method of Web that returns it, templates/clients.html, and a
// line in Web.pages; its entry of the menu lights up by itself. A test draws every page with samples, so that a mistake in a
// template shows there: a gateway that starts does without, and parses a page when it is first asked for.
type page struct {
	path     string // as Echo takes it: "/admin/clients/:id"
	template string // "clients" for templates/clients.html
	title    string
	open     bool // for those who aren't signed in, too
	// data is what the template shows. To send the browser elsewhere instead it answers itself and returns nil.
	data func(c echo.Context) (any, error)
	// posts are the forms of the page, by path. They answer with a redirect, or draw the page again to show what is wrong.
	posts map[string]echo.HandlerFunc
}

// view is what every template gets.
type view struct {
	Title   string
	Crumb   string  // what of the section it is about, such as the id of a client; empty for its list
	Section *entry  // the entry of the menu that it belongs to; nil for none
	Menu    []group // empty when nobody is signed in
	Help    string  // the page of the documentation about it
	Banner  string  // a warning above every page; empty for none
	Version string
	Data    any
}

// about is the data of a page that is about one of a section.
type about interface{ Crumb() string }

// screens are the templates.
type screens struct {
	version   string
	base      basepath.Path
	banner    func(ctx context.Context) string // what to warn of on every page; nil for nothing
	templates map[string]func() (*template.Template, error)
	packers   sync.Pool
}

func newScreens(version string, base basepath.Path, files assets, pages []page) *screens {
	s := &screens{version: version, base: base, templates: map[string]func() (*template.Template, error){}}
	layout := sync.OnceValues(func() (*template.Template, error) {
		return template.New("layout.html").Funcs(functions(files)).ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html")
	})
	for _, p := range pages {
		s.templates[p.template] = sync.OnceValues(func() (*template.Template, error) { return parsePage(layout, p.template) })
	}
	s.packers.New = func() any { return gzip.NewWriter(io.Discard) }
	return s
}

func parsePage(layout func() (*template.Template, error), name string) (*template.Template, error) {
	frame, err := layout()
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	if frame, err = frame.Clone(); err != nil {
		return nil, fmt.Errorf("copy the layout: %w", err)
	}
	page, err := frame.ParseFS(templateFiles, "templates/"+name+".html")
	if err != nil {
		return nil, fmt.Errorf("parse the page %s: %w", name, err)
	}
	return page, nil
}

func (s *screens) execute(p page, to io.Writer, v view) error {
	t, err := s.templates[p.template]()
	if err != nil {
		return err
	}
	if err := t.Execute(to, v); err != nil {
		return fmt.Errorf("draw the page %s: %w", p.template, err)
	}
	return nil
}

func (s *screens) view(p page, path, who string, data any) view {
	v := view{Title: p.title, Version: s.version, Data: data}
	if who == "" {
		return v
	}
	v.Menu, v.Section = menu(path)
	v.Help = helpFor(path)
	if one, ok := data.(about); ok {
		v.Crumb = one.Crumb()
	}
	return v
}

// draw answers with a page. It is whole before its first byte is sent, so that a failure is answered as one.
func (s *screens) draw(c echo.Context, status int, p page, data any) error {
	var body bytes.Buffer
	v := s.view(p, c.Request().URL.Path, userOf(c), data)
	if v.Menu != nil && s.banner != nil && !saysItself(c.Request().URL.Path) {
		v.Banner = s.banner(c.Request().Context())
	}
	if err := s.execute(p, &body, v); err != nil {
		return err
	}
	header := c.Response().Header()
	protect(header)
	header.Set("Vary", "Accept-Encoding, Cookie, HX-Request")
	html := s.base.HTML(body.Bytes())
	if takesGzip(c.Request()) {
		var err error
		if html, err = s.pack(html); err != nil {
			return err
		}
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(html)))
	return c.HTMLBlob(status, html)
}

// saysItself reports whether a page is where a model is connected.
func saysItself(path string) bool {
	return path == homePath || strings.HasPrefix(path, homePath+"/providers")
}

func (s *screens) pack(page []byte) ([]byte, error) {
	packer := s.packers.Get().(*gzip.Writer)
	defer s.packers.Put(packer)
	packed, err := pack(packer, page)
	if err != nil {
		return nil, fmt.Errorf("pack a page: %w", err)
	}
	return packed, nil
}
