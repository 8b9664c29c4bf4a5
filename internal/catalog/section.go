package catalog

import (
	"context"
	"reflect"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// Section edits the resources of one noun. With Resource for T it does so for those who don't know the noun.
type Section[T Resource] struct {
	Kind
	editor *Editor
	noun   *noun
}

// Of returns the section of the noun whose resources are of a type.
func Of[T Resource](e *Editor) Section[T] {
	n := e.Nouns.byType[reflect.TypeFor[T]()]
	return Section[T]{n.Kind, e, n}
}

// Sections returns those of all nouns, in their order.
func (e *Editor) Sections() []Section[Resource] {
	list := make([]Section[Resource], len(e.Nouns.nouns))
	for i, n := range e.Nouns.nouns {
		list[i] = Section[Resource]{n.Kind, e, n}
	}
	return list
}

// List returns all of them: the file's, and behind them the database's that none of the file hides.
func (s Section[T]) List(ctx context.Context) ([]Record[T], error) {
	v, err := s.editor.View(ctx)
	if err != nil {
		return nil, err
	}
	all := v.RecordsOf(s.Section)
	items := make([]*Resource, len(all))
	for i := range all {
		items[i] = &all[i].Item
	}
	if err := s.noun.Complete(s.editor.Store.Read(ctx), items); err != nil {
		return nil, err
	}
	list := make([]Record[T], len(all))
	for i, r := range all {
		list[i] = typed[T](r)
	}
	return list, nil
}

// Get returns one of them.
func (s Section[T]) Get(ctx context.Context, id string) (Record[T], error) {
	v, err := s.editor.View(ctx)
	if err != nil {
		return Record[T]{}, err
	}
	e := v.entries[key{s.Section, id}]
	if e == nil {
		return Record[T]{}, s.notFound(id)
	}
	r, err := s.completed(ctx, e.Record)
	return typed[T](r), err
}

func (s Section[T]) completed(ctx context.Context, r Record[Resource]) (Record[Resource], error) {
	err := s.noun.Complete(s.editor.Store.Read(ctx), []*Resource{&r.Item})
	return r, err
}

// Revised returns the resource that would result from changing have to wanted.
func (s Section[T]) Revised(have, wanted T) T { return s.noun.revised(have, wanted).(T) }

// Shown returns one as it may be shown: the secrets in its URL are masked. The others mask themselves.
func (s Section[T]) Shown(item T) T { return s.noun.shown(nil, item).(T) }

// Used returns a resource as it would be used, with its variables of the environment replaced. The resource does
// not need to be stored. The error is an Invalid.
func (s Section[T]) Used(item T) (T, error) {
	v := s.editor.latest.Load()
	if e := v.entries[key{s.Section, item.Key()}]; e != nil && e.Origin == FromConfig { // which has been expanded
		return item, nil
	}
	used, wrong, _ := s.noun.lookUp(v.File, s.editor.Nouns.env, item, secret.Redactor{})
	return used.(T), wrong.Err()
}

// Create adds one, and returns with it what can't be had again, such as a client's token. Without an id it gets one
// that is made from its name. A Conflict "already_exists" says that the id is taken. unreadable is what could not
// be read of it: then it is not made, and the error has that with all that is wrong besides.
func (s Section[T]) Create(
	ctx context.Context, who string, item T, unreadable ...problem.Field,
) (Record[T], secret.String, error) {
	c, next := s.creation(who, item, unreadable)
	shown, err := s.editor.apply(ctx, c)
	return typed[T](*next), shown, err
}

// CheckNew returns the error that Create would return now, and creates nothing.
func (s Section[T]) CheckNew(ctx context.Context, item T, unreadable ...problem.Field) error {
	c, _ := s.creation("", item, unreadable)
	return s.editor.check(ctx, c)
}

// creation plans to add one. next is what it will be.
func (s Section[T]) creation(who string, item T, unreadable problem.Fields) (c *change, next *Record[Resource]) {
	next = &Record[Resource]{Item: s.noun.revised(nil, item), Version: 1, Origin: FromDatabase}
	c = &change{who: who, key: key{s.Section, item.Key()}, unreadable: unreadable}
	made := ""
	if c.key.id == "" {
		if made = idFrom(nameOf(item)); made == "" {
			c.unreadable = append(missingID(nameOf(item)), unreadable...)
		}
	}
	c.plan = func(v *View) (have, _ *Record[Resource], err error) {
		if made != "" {
			c.key.id = v.freeID(s.noun, made)
			next.Item = withID(next.Item, c.key.id)
		}
		switch e := v.entries[c.key]; {
		case e == nil:
			return nil, next, nil
		case e.Origin == FromConfig:
			return nil, nil, s.managedByConfig(c.key.id)
		}
		return nil, nil, problem.New(problem.Conflict, "already_exists",
			"There is already %s %q.", withArticle(s.One), c.key.id)
	}
	return c, next
}

// Insert stores a resource without checking it against others and without an audit entry.
func (s Section[T]) Insert(tx store.Tx, item T) (shown secret.String, err error) {
	if err := item.Check().Err(); err != nil {
		return "", err
	}
	return s.editor.insert(tx, s.noun, item)
}

// Update replaces a resource by item. version is the version that the change is based on, or 0 for any. The error
// is an Outdated "changed_since" if the resource has been changed since that version. Secrets are kept as described
// at Secrets. unreadable is as for Create.
func (s Section[T]) Update(
	ctx context.Context, who string, item T, version int64, unreadable ...problem.Field,
) (Record[T], error) {
	next := Record[Resource]{Item: item}
	c := &change{who: who, key: key{s.Section, item.Key()}, unreadable: unreadable}
	c.plan = func(v *View) (_, _ *Record[Resource], err error) {
		have, err := s.stored(ctx, v, c.key.id, version)
		if err != nil {
			return nil, nil, err
		}
		next = Record[Resource]{Item: s.noun.revised(have.Item, item), Version: have.Version + 1, Origin: FromDatabase}
		c.moved = s.noun.checkMove(have.Item, item)
		return &have, &next, nil
	}
	_, err := s.editor.apply(ctx, c)
	return typed[T](next), err
}

// Delete deletes a resource; version is as for Update. The error is a Conflict "in_use" that names the resources
// which refer to it.
func (s Section[T]) Delete(ctx context.Context, who, id string, version int64) error {
	c := &change{who: who, key: key{s.Section, id}, deletes: true}
	c.plan = func(v *View) (_, _ *Record[Resource], err error) {
		have, err := s.stored(ctx, v, id, version)
		return &have, nil, err
	}
	_, err := s.editor.apply(ctx, c)
	return err
}

// stored returns one of the database that is about to be changed.
func (s Section[T]) stored(ctx context.Context, v *View, id string, version int64) (r Record[Resource], err error) {
	e := v.entries[key{s.Section, id}]
	switch {
	case e == nil:
		return r, s.notFound(id)
	case e.Origin == FromConfig:
		return r, s.managedByConfig(id)
	case version != 0 && version != e.Version:
		return r, ChangedSince(s.Section, id)
	}
	return s.completed(ctx, e.Record)
}

// Act changes something that belongs to a resource of the database, such as its token, and records the action in
// the audit list together with what. do must call Touch.
func (s Section[T]) Act(ctx context.Context, who, action, id string, what any, do func(tx store.Tx) error) error {
	e := s.editor
	e.mu.Lock()
	defer e.mu.Unlock()
	v, err := e.current(ctx)
	if err != nil {
		return err
	}
	if _, err := s.stored(ctx, v, id, 0); err != nil {
		return err
	}
	err = e.Store.Write(ctx, func(tx store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return e.audit(tx, who, action, key{s.Section, id}, nil, what)
	})
	if err == nil {
		e.changed(ctx)
	}
	return err
}

// Change changes one within an Act.
func (s Section[T]) Change(tx store.Tx, id string, change func(*T) error) error {
	return s.editor.documents[s.Section].Change(tx, id, func(r *Resource) error {
		item := (*r).(T)
		err := change(&item)
		*r = item
		return err
	})
}

func (s Section[T]) notFound(id string) error {
	return problem.New(problem.NotFound, strings.ReplaceAll(s.One, " ", "_")+"_not_found",
		"There is no %s %q.", s.One, problem.Shorten(id))
}

func (s Section[T]) managedByConfig(id string) error {
	return problem.New(problem.Conflict, "managed_by_config",
		"The %s %q is declared in the configuration file: change it there.", s.One, id)
}
