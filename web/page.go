package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/labstack/echo/v4"
)

// A template is templates/NAME.html. It defines "content", which templates/layout.html puts into its frame.
//
//go:embed templates
var templateFiles embed.FS

// page is one screen. To add one, write clients.go with a method of Web that returns it, templates/clients.html, and a
// line in Web.pages; its entry of the menu lights up by itself. A page is drawn once with its sample when the process
// starts, so that a mistake in a template shows then.
type page struct {
	path     string // as Echo takes it: "/admin/clients/:id"
	template string // "clients" for templates/clients.html
	title    string
	open     bool // for those who aren't signed in, too
	// data is what the template shows. To send the browser elsewhere instead it answers itself and returns nil.
	data   func(c echo.Context) (any, error)
	sample any
	// posts are the forms of the page, by path. They answer with a redirect, or draw the page again to show what is wrong.
	posts map[string]echo.HandlerFunc
}

// view is what every template gets.
type view struct {
	Title   string
	Menu    []entry // empty when nobody is signed in
	Version string
	Data    any
}

// screens are the parsed templates.
type screens struct {
	version   string
	templates map[string]*template.Template
	packers   sync.Pool
}

func newScreens(version string, files assets, pages []page) (*screens, error) {
	s := &screens{version: version, templates: map[string]*template.Template{}}
	layout, err := template.New("layout.html").Funcs(functions(files)).ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	for _, p := range pages {
		t, err := template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+p.template+".html")
		if err != nil {
			return nil, fmt.Errorf("parse the page %s: %w", p.template, err)
		}
		s.templates[p.template] = t
		for _, who := range []string{"", administrator} {
			if err := t.Execute(io.Discard, s.view(p, p.path, who, p.sample)); err != nil {
				return nil, fmt.Errorf("try the page %s: %w", p.template, err)
			}
		}
	}
	s.packers.New = func() any { return gzip.NewWriter(io.Discard) }
	return s, nil
}

func (s *screens) view(p page, path, who string, data any) view {
	v := view{Title: p.title, Version: s.version, Data: data}
	if who != "" {
		v.Menu = menu(path)
	}
	return v
}

// draw answers with a page. It is whole before its first byte is sent, so that a failure is answered as one.
func (s *screens) draw(c echo.Context, status int, p page, data any) error {
	var body bytes.Buffer
	if err := s.templates[p.template].Execute(&body, s.view(p, c.Request().URL.Path, whoIs(c), data)); err != nil {
		return fmt.Errorf("draw the page %s: %w", p.template, err)
	}
	header := c.Response().Header()
	protect(header)
	header.Set("Vary", "Accept-Encoding, Cookie, HX-Request")
	html := body.Bytes()
	if takesGzip(c.Request()) {
		var err error
		if html, err = s.pack(html); err != nil {
			return err
		}
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(html)))
	if c.Request().Method == http.MethodHead {
		return c.NoContent(status)
	}
	return c.HTMLBlob(status, html)
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
