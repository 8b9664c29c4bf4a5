package catalog

import (
	"cmp"
	"reflect"

	"gorm.io/gorm"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Declaration is a Noun of any type.
type Declaration interface{ declare() *noun }

// noun is a Noun whose functions take any Resource. Only link can be nil.
type noun struct {
	Kind
	references    func(Resource) []Reference
	checkFile     func(File, []Resource) []problem.Fields
	link          func(v *View, report func(section, id string, found problem.Fields))
	checkAmong    func(*View, Resource) problem.Fields
	checkUnlinked func(*View, Resource) problem.Fields
	lookUp        func(File, Env, Resource, secret.Redactor) (used Resource, wrong, caution problem.Fields)

	prepare     func(Resource) Resource
	revise      func(have, wanted Resource) Resource
	checkMove   func(have, wanted Resource) problem.Fields
	checkChange func(*View, Resource) problem.Fields
	created     func(*gorm.DB, Resource) (secret.String, error)
	changed     func(*gorm.DB, Resource) error
	deleted     func(*gorm.DB, string) error
	complete    func(*gorm.DB, []Record[Resource]) error
	audited     func(have, item Resource) Resource
}

func (n Noun[T]) declare() *noun {
	n.Type, n.Group = reflect.TypeFor[T](), cmp.Or(n.Group, n.Section)
	checkChange := with(n.CheckChange)
	return &noun{
		Kind:          n.Kind,
		references:    of(n.References),
		checkFile:     n.checkFile,
		link:          n.Link,
		checkAmong:    with(n.CheckAmong),
		checkUnlinked: with(n.CheckUnlinked),
		lookUp:        n.lookUp,
		prepare: func(r Resource) Resource {
			var none T
			return orSame(n.Prepare, n.Secrets.revise(none, r.(T)))
		},
		revise:    n.revise,
		checkMove: func(have, wanted Resource) problem.Fields { return n.Secrets.checkMove(have.(T), wanted.(T)) },
		checkChange: func(v *View, r Resource) problem.Fields {
			return append(n.Secrets.check(r.(T), n.LookUp != nil), checkChange(v, r)...)
		},
		created:  n.created,
		changed:  with(n.Changed),
		deleted:  n.deleted,
		complete: n.complete,
		audited: func(have, item Resource) Resource {
			before, _ := have.(T)
			return n.Secrets.shown(before, orSame(n.Audited, item.(T)))
		},
	}
}

// of returns f for any Resource; where it is nil, a function that returns nothing.
func of[T Resource, R any](f func(T) R) func(Resource) R {
	return func(r Resource) (nothing R) {
		if f == nil {
			return nothing
		}
		return f(r.(T))
	}
}

// with is of for functions that take something else, too.
func with[A any, T Resource, R any](f func(A, T) R) func(A, Resource) R {
	return func(a A, r Resource) (nothing R) {
		if f == nil {
			return nothing
		}
		return f(a, r.(T))
	}
}

func orSame[T any](f func(T) T, item T) T {
	if f == nil {
		return item
	}
	return f(item)
}

func (n Noun[T]) checkFile(f File, list []Resource) []problem.Fields {
	if n.CheckFile == nil {
		return make([]problem.Fields, len(list))
	}
	items := make([]T, len(list))
	for i, r := range list {
		items[i] = r.(T)
	}
	return n.CheckFile(f, items)
}

func (n Noun[T]) revise(have, wanted Resource) Resource {
	next := n.Secrets.revise(have.(T), wanted.(T))
	if n.Revise != nil {
		next = n.Revise(have.(T), next)
	}
	return next
}

// lookUp hides what it finds.
func (n Noun[T]) lookUp(f File, env Env, r Resource, hidden secret.Redactor) (_ Resource, wrong, caution problem.Fields) {
	if n.LookUp == nil {
		return r, nil, nil
	}
	used, wrong, caution := n.LookUp(f, env, r.(T))
	for _, key := range n.Secrets.keys(&used) {
		if !key.IsReference() {
			hidden.Hide(key.Reveal(), secret.Mask)
		}
	}
	return used, wrong, caution
}

func (n Noun[T]) created(tx *gorm.DB, r Resource) (shown secret.String, err error) {
	if n.Created != nil {
		shown, err = n.Created(tx, r.(T))
	}
	return shown, err
}

func (n Noun[T]) deleted(tx *gorm.DB, id string) error {
	if n.Deleted == nil {
		return nil
	}
	return n.Deleted(tx, id)
}

func (n Noun[T]) complete(db *gorm.DB, list []Record[Resource]) error {
	if n.Complete == nil {
		return nil
	}
	items := make([]*T, len(list))
	for i := range list {
		item := list[i].Item.(T)
		items[i] = &item
	}
	err := n.Complete(db, items)
	for i := range list {
		list[i].Item = *items[i]
	}
	return err
}
