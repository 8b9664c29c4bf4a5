package web

import (
	"context"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

const (
	maxViews     = 20
	maxViewName  = 60 // characters
	maxViewQuery = 2 << 10
)

// views are the saved filters of a list, as they stand above it.
type views struct {
	List  string // the path of the list
	Saved []savedView
	Query string // the filter that can be saved; empty where none is set, or it is saved
}

// savedView is a filter of a list that somebody has named.
type savedView struct {
	Name, Address string
	Current       bool
}

// viewsOf are those of the list at a path, for a page of it that has an address.
func (w *Web) viewsOf(ctx context.Context, list, address string) (views, error) {
	rows, err := readViews(ctx, w.Store, path.Base(list))
	if err != nil {
		return views{}, err
	}
	_, asked, _ := strings.Cut(address, "?")
	current, isSaved := filterQuery(asked), false
	shown := views{List: list}
	for _, row := range rows {
		shown.Saved = append(shown.Saved, savedView{row.Name, list + "?" + row.Query, row.Query == current})
		isSaved = isSaved || row.Query == current
	}
	if !isSaved {
		shown.Query = current
	}
	return shown, nil
}

// filterQuery is a filter in the form in which it is saved: without the place in the list, in order.
func filterQuery(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	values.Del("cursor")
	for name := range values {
		if strings.TrimSpace(values.Get(name)) == "" {
			values.Del(name)
		}
	}
	return values.Encode()
}

// viewPosts save and remove the views of the list at a path.
func (w *Web) viewPosts(list string) map[string]echo.HandlerFunc {
	section := path.Base(list)
	return map[string]echo.HandlerFunc{
		list + "/views": func(c echo.Context) error {
			sent, err := postedForm(c)
			if err != nil {
				return err
			}
			row := viewRow{trimmed(sent, "name"), filterQuery(sent.Get("query"))}
			if row.Name == "" || utf8.RuneCountInString(row.Name) > maxViewName || row.Query == "" || len(row.Query) > maxViewQuery {
				return problem.New(problem.Invalid, "invalid_view",
					"A view needs a name of 1 to %d characters, and a filter of at most %d bytes. Go back, and try again.",
					maxViewName, maxViewQuery)
			}
			if err := putView(c.Request().Context(), w.Store, section, row); err != nil {
				return err
			}
			return redirect(c, list+"?"+row.Query)
		},
		list + "/views/remove": func(c echo.Context) error {
			sent, err := postedForm(c)
			if err != nil {
				return err
			}
			if err := removeView(c.Request().Context(), w.Store, section, sent.Get("name")); err != nil {
				return err
			}
			return redirect(c, list)
		},
	}
}
