package web

import (
	"cmp"
	"net/url"
	"slices"

	"beckon/internal/catalog"

	"github.com/labstack/echo/v4"
)

// maxListed is how many a page of a list has.
const maxListed = 100

// nounList is what the list of a noun shows.
type nounList[T any] struct {
	Path   string
	Notice string
	Rows   []listed[T]
	Next   string // the address of the next page; empty on the last
	Later  bool   // this is not the first page
}

// listed is one of a list.
type listed[T any] struct {
	Item    T
	Address string
	Managed bool
	Why     string // it is not in force; empty when it is
	Note    string
}

// list shows them in the order of their ids.
func (p nounPages[T, F]) list(c echo.Context) (any, error) {
	all, err := p.kept().List(c.Request().Context())
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b catalog.Record[T]) int { return cmp.Compare(a.Item.Key(), b.Item.Key()) })
	after := c.QueryParam("after")
	rest := slices.DeleteFunc(all, func(r catalog.Record[T]) bool { return r.Item.Key() <= after })
	shown := nounList[T]{Path: p.path(), Notice: p.notice(c), Later: after != ""}
	if len(rest) > maxListed {
		rest = rest[:maxListed]
		shown.Next = p.path() + "?after=" + url.QueryEscape(rest[maxListed-1].Item.Key())
	}
	for _, record := range rest {
		shown.Rows = append(shown.Rows, p.listed(record))
	}
	return shown, nil
}

func (p nounPages[T, F]) listed(record catalog.Record[T]) listed[T] {
	row := listed[T]{Item: record.Item, Address: addressOf(p.path(), record.Item.Key()), Managed: isDeclared(record.Origin)}
	if p.note != nil {
		row.Note = p.note(record.Item)
	}
	if len(record.Warnings) > 0 {
		row.Why = said(p.one, record.Warnings[0])
	}
	return row
}
