package web

import (
	"context"
	"fmt"

	"beckon/internal/problem"
	"beckon/internal/store"
)

type viewRow struct{ Name, Query string }

// readViews returns the saved filters of a list by their names.
func readViews(ctx context.Context, s *store.Store, list string) ([]viewRow, error) {
	rows, err := store.Rows[viewRow](s.Read(ctx), "SELECT name, query FROM saved_views WHERE list = ? ORDER BY name", list)
	if err != nil {
		return nil, fmt.Errorf("read the saved views: %w", err)
	}
	return rows, nil
}

// putView saves a filter under a name, in the place of the one that has it. It refuses more than a list can show.
func putView(ctx context.Context, s *store.Store, list string, row viewRow) error {
	err := s.Write(ctx, func(tx store.Tx) error {
		n, err := tx.ExecCount(`INSERT INTO saved_views (list, name, query)
			SELECT ?, ?, ? WHERE (SELECT COUNT(*) FROM saved_views WHERE list = ? AND name <> ?) < ?
			ON CONFLICT (list, name) DO UPDATE SET query = excluded.query`, list, row.Name, row.Query, list, row.Name, maxViews)
		if err == nil && n == 0 {
			return problem.New(problem.Conflict, "too_many_views",
				"A list has at most %d saved views. Remove one that you no longer need.", maxViews)
		}
		return err
	})
	return store.Wrap(err, "save the view")
}

func removeView(ctx context.Context, s *store.Store, list, name string) error {
	err := s.Write(ctx, func(tx store.Tx) error {
		return tx.Exec("DELETE FROM saved_views WHERE list = ? AND name = ?", list, name)
	})
	return store.Wrap(err, "remove the view")
}
