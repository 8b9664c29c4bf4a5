package catalog

import (
	"cmp"
	"reflect"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// Declaration is a Noun of any type.
type Declaration interface{ declare() *noun }

// noun is a Noun whose functions take any Resource. Of those only LookUp, Link and Deleted can be nil. It has no
// Secrets but open, which returns a copy of a resource (the zero one for nil) and the places of the secrets in
// that.
type noun struct {
	Noun[Resource]
	open func(Resource) (item func() Resource, places Secrets)
}

func (n Noun[T]) declare() *noun {
	n.Type, n.Group = reflect.TypeFor[T](), cmp.Or(n.Group, n.Section)
	all := Noun[Resource]{
		Kind:        n.Kind,
		References:  of(n.References),
		Cautions:    of(n.Cautions),
		Link:        n.Link,
		Deleted:     n.Deleted,
		CheckFile:   n.checkFile,
		CheckAmong:  with(n.CheckAmong),
		CheckChange: n.checkChange,
		Revise:      n.revise,
		Saved:       n.saved,
		Complete:    n.complete,
		Audited:     func(r Resource) Resource { return r },
	}
	if n.LookUp != nil {
		all.LookUp = func(f File, env Env, r Resource) (Resource, problem.Fields, problem.Fields) {
			return n.LookUp(f, env, r.(T))
		}
	}
	if n.Audited != nil {
		all.Audited = func(r Resource) Resource { return n.Audited(r.(T)) }
	}
	return &noun{all, n.open}
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

func (n Noun[T]) open(r Resource) (func() Resource, Secrets) {
	item, _ := r.(T)
	var places Secrets
	if n.Secrets != nil {
		places = n.Secrets(&item)
	}
	places.URL = cmp.Or(places.URL, new(string))
	places.Headers = cmp.Or(places.Headers, new(map[string]secret.String))
	return func() Resource { return item }, places
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

func (n Noun[T]) checkChange(v *View, have, item Resource) problem.Fields {
	if n.CheckChange == nil {
		return nil
	}
	had, _ := have.(T)
	return n.CheckChange(v, had, item.(T))
}

func (n Noun[T]) revise(have, next Resource) Resource {
	if n.Revise == nil {
		return next
	}
	had, _ := have.(T)
	return n.Revise(had, next.(T))
}

func (n Noun[T]) saved(tx store.Tx, r Resource, isNew bool) (shown secret.String, err error) {
	if n.Saved == nil {
		return "", nil
	}
	return n.Saved(tx, r.(T), isNew)
}

func (n Noun[T]) complete(tx store.Tx, list []*Resource) error {
	if n.Complete == nil {
		return nil
	}
	items := make([]*T, len(list))
	for i, r := range list {
		item := (*r).(T)
		items[i] = &item
	}
	err := n.Complete(tx, items)
	for i, r := range list {
		*r = *items[i]
	}
	return err
}

// revised returns what a change to wanted makes of have, which is nil for a new one.
func (n *noun) revised(have, wanted Resource) Resource {
	_, kept := n.open(have)
	next, places := n.open(wanted)
	places.keep(kept)
	return n.Revise(have, next())
}

// checkMove finds the kept secrets of have that wanted would send elsewhere.
func (n *noun) checkMove(have, wanted Resource) problem.Fields {
	_, kept := n.open(have)
	_, places := n.open(wanted)
	return places.checkMove(kept)
}

// checkGiven finds what a change from have, which is nil for a new one, to item may not have.
func (n *noun) checkGiven(v *View, have, item Resource) problem.Fields {
	_, places := n.open(item)
	return append(places.check(n.LookUp != nil), n.CheckChange(v, have, item)...)
}

// lookUp hides what it finds.
func (n *noun) lookUp(
	f File, env Env, item Resource, hidden secret.Redactor,
) (used Resource, wrong, caution problem.Fields) {
	if n.LookUp == nil {
		return item, nil, nil
	}
	used, wrong, caution = n.LookUp(f, env, item)
	_, places := n.open(used)
	for _, key := range places.Keys {
		if !key.IsReference() {
			hidden.Hide(key.Reveal(), secret.Mask)
		}
	}
	return used, wrong, caution
}

// shown returns a resource as it may be shown beside the one before, nil for none; its secrets mask themselves.
func (n *noun) shown(before, item Resource) Resource {
	_, was := n.open(before)
	shown, is := n.open(item)
	is.show(was)
	return shown()
}
