package server

import (
	"encoding/base64"
	"slices"
	"strings"

	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// listInput asks for a part of a list of resources; all of it by default, as there are few.
type listInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" doc:"How many at most; all, where it is left out."`
	Cursor string `query:"cursor" doc:"The nextCursor of the page before."`
}

// pageAfter returns the part of a list that is asked for, and the cursor of the next; empty when there is none. The
// file's resources come first, in its order, and then the database's by their ids.
func pageAfter[T catalog.Resource](
	list []catalog.Record[T], in listInput,
) (part []catalog.Record[T], next string, err error) {
	if in.Cursor != "" {
		if list, err = afterCursor(list, in.Cursor); err != nil {
			return nil, "", err
		}
	}
	if in.Limit > 0 && len(list) > in.Limit {
		list = list[:in.Limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(list[in.Limit-1].Item.Key()))
	}
	return list, next, nil
}

// afterCursor leaves out what comes up to the one that the cursor names, which may be gone by now.
func afterCursor[T catalog.Resource](list []catalog.Record[T], cursor string) ([]catalog.Record[T], error) {
	id, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !catalog.ValidID(string(id)) {
		return nil, problem.New(problem.Invalid, problem.CodeInvalidCursor,
			"The cursor does not belong to this list. Start without one.")
	}
	if i := slices.IndexFunc(list, func(r catalog.Record[T]) bool { return r.Item.Key() == string(id) }); i >= 0 {
		return list[i+1:], nil
	}
	i := slices.IndexFunc(list, func(r catalog.Record[T]) bool {
		return r.Version > 0 && strings.Compare(r.Item.Key(), string(id)) > 0
	})
	if i < 0 {
		return nil, nil
	}
	return list[i:], nil
}
