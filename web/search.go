package web

import (
	"cmp"
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/internal/catalog"
	"beckon/runs"
)

const (
	searchPath = "/admin/search"
	// maxFound is how many results of one kind are listed.
	maxFound = 8
)

// searchResults is what the search over everything shows.
type searchResults struct {
	Query  string
	Groups []foundGroup
}

// foundGroup are the results of one kind.
type foundGroup struct {
	Title   string
	Results []found
}

// found is one result.
type found struct{ Title, Note, Icon, Address string }

func (w *Web) searchPage() page {
	return page{path: searchPath, template: "search", title: "Search", data: w.search}
}

func (w *Web) search(c echo.Context) (any, error) {
	ctx, query := c.Request().Context(), strings.TrimSpace(c.QueryParam("q"))
	s := searchResults{Query: query}
	ids, err := w.findIDs(ctx, query)
	if err != nil {
		return nil, err
	}
	s.add("Ids", ids)
	named, err := w.findResources(ctx, query)
	if err != nil {
		return nil, err
	}
	s.add("Names", named)
	s.add("Pages", findPages(query))
	s.add("Guides", findGuides(query, maxFound))
	return s, nil
}

func (s *searchResults) add(title string, list []found) {
	if len(list) > 0 {
		s.Groups = append(s.Groups, foundGroup{title, list[:min(len(list), maxFound)]})
	}
}

// findPages returns the pages whose titles have a text in them; all of them for no text.
func findPages(query string) (list []found) {
	for _, g := range sections() {
		for _, e := range g.Entries {
			if contains(e.Title, query) {
				list = append(list, found{e.Title, g.Title, e.Icon, e.Path})
			}
		}
	}
	for _, f := range forms() {
		if title := "New " + f.one; query != "" && contains(title, query) {
			list = append(list, found{title, "Create", "plus", f.path() + "/new"})
		}
	}
	return list
}

// findResources returns what is set up whose id or name has a text in it: an id that begins with it comes first.
func (w *Web) findResources(ctx context.Context, query string) (list []found, err error) {
	if query == "" {
		return nil, nil
	}
	v, err := w.Backend.Editor.View(ctx)
	if err != nil {
		return nil, err
	}
	icons := map[string]string{}
	for _, g := range sections() {
		for _, e := range g.Entries {
			icons[e.Path] = e.Icon
		}
	}
	for _, f := range forms() {
		for _, r := range v.RecordsOf(f.section) {
			id, name := r.Item.Key(), nameOf(r.Item)
			if contains(id, query) || contains(name, query) {
				list = append(list, found{cmp.Or(name, id), strings.TrimSpace(f.one + " " + id), icons[f.path()], addressOf(f.path(), id)})
			}
		}
	}
	begins := func(f found) int {
		if strings.HasPrefix(strings.ToLower(f.Title), strings.ToLower(query)) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b found) int { return cmp.Compare(begins(a), begins(b)) })
	return list, nil
}

// nameOf returns the name of a resource to display; empty where it has none.
func nameOf(item catalog.Resource) string {
	v := reflect.Indirect(reflect.ValueOf(item))
	if v.Kind() != reflect.Struct {
		return ""
	}
	if name := v.FieldByName("Name"); name.IsValid() && name.Kind() == reflect.String {
		return name.String()
	}
	return ""
}

var recordID = regexp.MustCompile(`^(evt|dlv|ref)_[0-9A-Za-z]{6,40}$`)

// findIDs returns what an id, or its beginning, leads to.
func (w *Web) findIDs(ctx context.Context, query string) (list []found, err error) {
	if kind, _, isID := strings.Cut(query, "_"); isID && recordID.MatchString(query) {
		switch kind {
		case "evt":
			return []found{{query, "deliveries of this event", "send", filtered(deliveriesPath, "event", query)}}, nil
		case "dlv":
			return []found{{query, "delivery", "send", deliveriesPath + "/" + query}}, nil
		}
		return []found{{query, "refused call", "ban", refusedPath + "/" + query}}, nil
	}
	f := readRunFilter(map[string][]string{"q": {query}})
	if f.prefix == "" || w.Backend.Runs == nil {
		return nil, nil
	}
	runs, _, err := w.Backend.Runs.List(ctx, runs.Query{Prefix: f.prefix, Limit: maxFound, Brief: true})
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		list = append(list, found{r.ID, word(r.Status) + " run of " + r.WorkflowID, "activity", runAddress(r.ID, "")})
	}
	return list, nil
}

func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
