package store

import (
	"context"
	"fmt"
	"time"
)

const (
	// spacePages bounds the pages of a file that one transaction gives back: 1 MiB.
	spacePages = 256
	// leastSpace is how many free pages are worth it: 16 MiB. Fewer are soon used again.
	leastSpace = 16 << 20 / pageSize
	pageSize   = 4096
)

// GiveSpaceBack makes SQLite's file smaller if more than a fifth of it is free, as it may be after many rows were
// deleted. It stops when a tenth is free, as reserve. It uses small transactions, and rests after each for as long
// as the transaction took. A file that version 0.2.0 or earlier created keeps its size, and its free space is
// reused. PostgreSQL manages its files itself (VACUUM).
func (s *Store) GiveSpaceBack(ctx context.Context, rest func(ctx context.Context, took time.Duration) error) error {
	if s.Shared() {
		return nil
	}
	free, pages, err := s.space(ctx)
	if err != nil || free < leastSpace || free*5 < pages {
		return err
	}
	for free*10 > pages {
		began, before := time.Now(), free
		err := s.Write(ctx, func(tx Tx) error {
			return tx.Exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", spacePages))
		})
		if err == nil {
			free, pages, err = s.space(ctx)
		}
		if err != nil || free == before {
			return Wrap(err, "make the file of the database smaller")
		}
		if err := rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	return nil
}

// space returns how many pages of SQLite's file are free, and how many it has.
func (s *Store) space(ctx context.Context) (free, pages int64, err error) {
	if free, _, err = Row[int64](s.Read(ctx), "PRAGMA freelist_count"); err == nil {
		pages, _, err = Row[int64](s.Read(ctx), "PRAGMA page_count")
	}
	return free, pages, Wrap(err, "measure the file of the database")
}
