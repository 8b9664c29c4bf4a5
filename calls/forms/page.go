package forms

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"slices"

	"beckon/internal/csp"
	"beckon/internal/problem"
)

var (
	//go:embed page/*.html
	files embed.FS
	//go:embed page/page.css
	style string
	//go:embed page/back.js
	back string

	pages = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
		"back":  func() template.JS { return template.JS(back) },
	}).ParseFS(files, "page/*.html"))

	// contentPolicy lets a page show what it has itself, and run the one script that goes back.
	contentPolicy = "default-src 'none'; style-src " + csp.Hash(style) + "; script-src " + csp.Hash(back) + "; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// Page is what a visitor sees after a form.
type Page struct {
	Words
	From   string         // the name of the client
	Back   string         // the page that has the form; empty where it is not known
	Thanks *Thanks        // the form's own words
	Answer template.HTML  // of the agent, where the form shows it
	Wrong  problem.Fields // what is wrong with the fields
	Detail string         // why the form was refused
}

// Text returns a text in the language of the page.
func (p Page) Text(message string) string { return p.table[message] }

// Title is the heading.
func (p Page) Title() string {
	switch {
	case len(p.Wrong) > 0:
		return p.table[wrongTitle]
	case p.Detail != "":
		return p.table[refusedTitle]
	case p.Thanks != nil && p.Thanks.Title != "":
		return p.Thanks.Title
	}
	return p.table[thanksTitle]
}

// Lead returns the text below the heading.
func (p Page) Lead() string {
	switch {
	case len(p.Wrong) > 0:
		return p.table[wrongText]
	case p.Detail != "":
		return p.Detail
	case p.Thanks != nil && p.Thanks.Text != "":
		return p.Thanks.Text
	}
	return p.table[thanksText]
}

// IsSent reports whether the form has arrived.
func (p Page) IsSent() bool { return len(p.Wrong) == 0 && p.Detail == "" }

// WantsPage reports whether a request is a plain form's, which is answered by a page: its Accept names HTML. Others
// get JSON.
func WantsPage(h http.Header) bool {
	return slices.ContainsFunc(h.Values("Accept"), func(accept string) bool {
		return bytes.Contains([]byte(accept), []byte("text/html"))
	})
}

// Write answers with the page.
func (p Page) Write(w http.ResponseWriter, status int) error {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, "form.html", p); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", p.Language)
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Cache-Control", "private, no-store")
	header.Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, err := w.Write(out.Bytes())
	return err
}
