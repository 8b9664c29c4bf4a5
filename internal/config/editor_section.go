package config

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Section edits the resources of one noun.
type Section[T noun] struct {
	editor  *Editor
	name    string // "clients"
	part    func(*Resources) *[]T
	storage storage[T]

	// Where the nouns differ:
	prepare func(T) T                                                 // completes a new one; nil leaves it
	create  func(tx *gorm.DB, item T) (secret.String, error)          // adds one and returns what is shown of it this once
	remove  func(tx *gorm.DB, id string, version int64) error         // with what belongs to it
	merge   func(have, wanted T) T                                    // lets secrets stay that were left out; nil takes wanted
	moves   func(have, wanted T) problem.Fields                       // refuses to send what is kept elsewhere; nil for nothing
	check   func(c *Config, planned Resources, item T) problem.Fields // what the catalog does not; nil for nothing
	know    func(ctx context.Context, list []*T) error                // adds what is known besides the documents; nil for nothing
	settle  func(tx *gorm.DB, item T) error                           // does what a change brings with it; nil for nothing
	rest    func(b *builder, item T) problem.Fields                   // what the catalog does not find in one with mistakes; nil for nothing
}

// storage keeps the resources of one noun.
type storage[T any] interface {
	Records(ctx context.Context) ([]catalog.Record[T], error)
	Get(ctx context.Context, id string) (T, int64, error)
	Change(tx *gorm.DB, id string, version int64, change func(*T) error) (int64, error)
}

// List returns all of them: the file's, and behind them the database's that none of the file hides.
func (s *Section[T]) List(ctx context.Context) ([]catalog.Record[T], error) {
	records, err := s.storage.Records(ctx)
	if err != nil {
		return nil, err
	}
	c := s.editor.made.Config()
	wrong, err := s.editor.wrongNow(ctx, c)
	if err != nil {
		return nil, err
	}
	var list []catalog.Record[T]
	for _, item := range *s.part(&c.Resources) {
		list = append(list, catalog.Record[T]{Item: item, Origin: FromConfig, Warnings: wrong[s.key(item.Key())]})
	}
	for _, record := range records {
		if !s.inFile(c, record.Item.Key()) {
			record.Origin, record.Warnings = FromDatabase, wrong[s.key(record.Item.Key())]
			list = append(list, record)
		}
	}
	items := make([]*T, len(list))
	for i := range list {
		items[i] = &list[i].Item
	}
	return list, s.known(ctx, items...)
}

func (s *Section[T]) known(ctx context.Context, items ...*T) error {
	if s.know == nil {
		return nil
	}
	return s.know(ctx, items)
}

// Get returns one of them.
func (s *Section[T]) Get(ctx context.Context, id string) (catalog.Record[T], error) {
	list, err := s.List(ctx)
	if err != nil {
		return catalog.Record[T]{}, err
	}
	i := slices.IndexFunc(list, func(r catalog.Record[T]) bool { return r.Item.Key() == id })
	if i < 0 {
		return catalog.Record[T]{}, s.notFound(id)
	}
	return list[i], nil
}

// Create adds one, and returns with it what can't be had again: a client's token, an endpoint's secret. A Conflict
// "already_exists" says that the id is taken. wrong is what could not be read of it: then it is not made, and the error
// has that with all that is wrong besides.
func (s *Section[T]) Create(ctx context.Context, who string, item T, wrong ...problem.Field) (record catalog.Record[T], shown secret.String, err error) {
	if s.prepare != nil {
		item = s.prepare(item)
	}
	id := item.Key()
	err = s.editor.apply(ctx, change{who: who, action: "create", key: s.key(id), wrong: wrong, check: s.checkOf(item), rest: s.restOf(item),
		plan: func(c *Config, planned *Resources) (before, after any, err error) {
			list := s.part(planned)
			switch {
			case s.inFile(c, id):
				return nil, nil, s.managedByConfig(id)
			case indexOf(*list, id) >= 0:
				return nil, nil, problem.New(problem.Conflict, "already_exists", "There is already %s %q.", withArticle(s.one()), id)
			}
			*list = append(slices.Clone(*list), item)
			return nil, item, nil
		},
		write: func(tx *gorm.DB) error {
			shown, err = s.create(tx, item)
			return err
		}})
	return catalog.Record[T]{Item: item, Version: 1, Origin: FromDatabase}, shown, err
}

// Update changes one to item. version is the one that the change was made for, 0 for any; an Outdated "changed_since"
// says that somebody else was faster. Secrets change as secret.String's Revised says. wrong is as for Create.
func (s *Section[T]) Update(ctx context.Context, who string, item T, version int64, wrong ...problem.Field) (record catalog.Record[T], err error) {
	id := item.Key()
	var have T
	var next T
	var at int64
	err = s.editor.apply(ctx, change{who: who, action: "update", key: s.key(id), wrong: wrong, rest: func(b *builder) problem.Fields { return s.restOf(next)(b) },
		plan: func(c *Config, planned *Resources) (before, after any, err error) {
			if have, at, err = s.current(ctx, c, id, version); err != nil {
				return nil, nil, err
			}
			if next = item; s.merge != nil {
				next = s.merge(have, item)
			}
			list := s.part(planned)
			*list = slices.Clone(*list)
			for i := range *list {
				if (*list)[i].Key() == id {
					(*list)[i] = next
				}
			}
			return have, next, nil
		},
		check: func(c *Config, planned Resources) problem.Fields {
			found := s.checkOf(next)(c, planned)
			if s.moves != nil {
				found = append(found, s.moves(have, item)...)
			}
			return found
		},
		write: func(tx *gorm.DB) error {
			_, err := s.storage.Change(tx, id, at, func(item *T) error {
				*item = next
				return nil
			})
			if err == nil && s.settle != nil {
				err = s.settle(tx, next)
			}
			return err
		}})
	return catalog.Record[T]{Item: next, Version: at + 1, Origin: FromDatabase}, err
}

// Delete removes one; version is as for Update. A Conflict "in_use" names those that would break.
func (s *Section[T]) Delete(ctx context.Context, who, id string, version int64) error {
	var at int64
	return s.editor.apply(ctx, change{who: who, action: "delete", key: s.key(id),
		plan: func(c *Config, planned *Resources) (before, after any, err error) {
			have, found, err := s.current(ctx, c, id, version)
			if err != nil {
				return nil, nil, err
			}
			at = found
			list := s.part(planned)
			*list = slices.DeleteFunc(slices.Clone(*list), func(item T) bool { return item.Key() == id })
			return have, nil, nil
		},
		write: func(tx *gorm.DB) error { return s.remove(tx, id, at) }})
}

// current returns the one that is about to be changed.
func (s *Section[T]) current(ctx context.Context, c *Config, id string, version int64) (item T, at int64, err error) {
	if s.inFile(c, id) {
		return item, 0, s.managedByConfig(id)
	}
	item, at, err = s.storage.Get(ctx, id)
	switch {
	case problem.Is(err, problem.NotFound):
		return item, 0, s.notFound(id)
	case err == nil && version != 0 && version != at:
		return item, 0, catalog.ChangedSince(s.name, id)
	case err == nil:
		err = s.known(ctx, &item)
	}
	return item, at, err
}

func (s *Section[T]) checkOf(item T) func(*Config, Resources) problem.Fields {
	return func(c *Config, planned Resources) problem.Fields {
		if s.check == nil {
			return nil
		}
		return s.check(c, planned, item)
	}
}

func (s *Section[T]) restOf(item T) func(*builder) problem.Fields {
	return func(b *builder) problem.Fields {
		if s.rest == nil {
			return nil
		}
		return s.rest(b, item)
	}
}

func (s *Section[T]) load(ctx context.Context, into *Resources) error {
	records, err := s.storage.Records(ctx)
	if err != nil {
		return err
	}
	list := make([]T, len(records))
	for i, r := range records {
		list[i] = r.Item
	}
	*s.part(into) = list
	return nil
}

func (s *Section[T]) key(id string) resourceKey { return resourceKey{s.name, id} }

func (s *Section[T]) one() string { return strings.TrimSuffix(s.name, "s") }

func withArticle(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

func (s *Section[T]) inFile(c *Config, id string) bool {
	return indexOf(*s.part(&c.Resources), id) >= 0
}

func (s *Section[T]) notFound(id string) error {
	return problem.New(problem.NotFound, s.one()+"_not_found", "There is no %s %q.", s.one(), problem.Shorten(id))
}

func (s *Section[T]) managedByConfig(id string) error {
	return problem.New(problem.Conflict, "managed_by_config", "The %s %q is declared in the configuration file: change it there.", s.one(), id)
}
