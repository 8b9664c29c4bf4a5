package web

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"beckon/internal/catalog"
)

const (
	// maxListed is how many a page of a list has.
	maxListed = 100
	// maxLookedUp is how many it has where each costs a look for what it has done.
	maxLookedUp = 50
)

// nounList is what the list of a noun shows.
type nounList struct {
	Path     string
	Notice   string
	Rows     any    // a slice
	Next     string // the address of the next page; empty on the last
	NotFirst bool   // this is not the first page
}

// listed is one of a list.
type listed[T any] struct {
	Item    T
	Address string
	Managed bool
	Why     string // it is not in force; empty when it is
	Note    string
}

func (p nounPages[T, F]) listPage() page {
	return page{path: p.path(), template: p.section, title: p.title, data: p.list}
}

// list shows them in the order of their ids.
func (p nounPages[T, F]) list(c echo.Context) (_ any, err error) {
	ctx, after, most := c.Request().Context(), c.QueryParam("after"), maxListed
	if p.rows != nil {
		most = maxLookedUp
	}
	all, err := p.resources().List(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b catalog.Record[T]) int { return cmp.Compare(a.Item.Key(), b.Item.Key()) })
	rest := slices.DeleteFunc(all, func(r catalog.Record[T]) bool { return r.Item.Key() <= after })
	shown := nounList{Path: p.path(), Notice: p.notice(c), NotFirst: after != ""}
	if len(rest) > most {
		rest = rest[:most]
		shown.Next = p.path() + "?after=" + url.QueryEscape(rest[most-1].Item.Key())
	}
	if p.rows != nil {
		shown.Rows, err = p.rows(ctx, rest)
		return shown, err
	}
	rows := make([]listed[T], len(rest))
	for i, record := range rest {
		rows[i] = p.listed(record)
	}
	shown.Rows = rows
	return shown, nil
}

func (p nounPages[T, F]) listed(record catalog.Record[T]) listed[T] {
	row := listed[T]{Item: record.Item, Address: addressOf(p.path(), record.Item.Key()), Managed: isDeclared(record.Origin)}
	if p.listNote != nil {
		row.Note = p.listNote(record.Item)
	}
	if len(record.Warnings) > 0 {
		row.Why = fieldSentence(p.one, record.Warnings[0])
	}
	return row
}

// isDeclared reports whether a resource comes from the configuration file, which is where it is changed.
func isDeclared(origin string) bool { return origin == catalog.FromConfig }
