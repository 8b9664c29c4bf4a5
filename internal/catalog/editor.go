package catalog

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// maxTries is how often a change is begun anew because another gateway was faster.
const maxTries = 10

// EditorConfig is what an Editor works on.
type EditorConfig struct {
	Nouns  *Registry
	Store  *store.Store
	Sealer *secret.Sealer
	Log    *slog.Logger // nil for none
	// Apply puts a View in force; nil for nobody. It is never called twice at the same time.
	Apply func(context.Context, *View) error
}

// Editor is the one way in which people change what they name: REST, the page and the command line use it. A change is
// checked as a whole, against the file and against everything else; it commits together with its audit entry, and is in
// force when its author hears of it. What the file declares is a Conflict "managed_by_config".
//
// An Editor has no View before Use.
type Editor struct {
	EditorConfig
	documents map[string]*Documents[Resource] // by section

	latest  atomic.Pointer[View] // what file and database have, as far as is known
	mu      sync.Mutex           // held by whoever makes another View
	inForce *View                // the last that was applied
}

// NewEditor returns an editor of what a database has.
func NewEditor(c EditorConfig) *Editor {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e := &Editor{EditorConfig: c, documents: map[string]*Documents[Resource]{}}
	for _, n := range c.Nouns.nouns {
		e.documents[n.Section] = &Documents[Resource]{c.Store, n.Section, c.Sealer, n.Type}
	}
	return e
}

// Use puts a file in force together with what the database has. Where the file has mistakes, the old one stays in
// force, and the error is File's.
func (e *Editor) Use(ctx context.Context, file File) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, err := e.Join(ctx, file)
	if err == nil {
		err = v.err()
	}
	if err != nil {
		return err
	}
	return e.put(ctx, v)
}

// Refresh puts in force what others have changed in the database. It does nothing when nothing has changed.
func (e *Editor) Refresh(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refresh(ctx)
}

// refresh is Refresh with mu held.
func (e *Editor) refresh(ctx context.Context) error {
	v, err := e.current(ctx)
	if err == nil {
		err = v.err()
	}
	if err != nil || v == e.inForce {
		return err
	}
	return e.put(ctx, v)
}

// File is the one in use.
func (e *Editor) File() File { return e.latest.Load().File }

// View returns what file and database have now, whether it is in force yet or not.
func (e *Editor) View(ctx context.Context) (*View, error) {
	revision, err := Revision(ctx, e.Store)
	if err != nil {
		return nil, err
	}
	if v := e.latest.Load(); v.revision == revision {
		return v, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current(ctx)
}

// current is View with mu held.
func (e *Editor) current(ctx context.Context) (*View, error) {
	v := e.latest.Load()
	revision, err := Revision(ctx, e.Store)
	if err != nil || v.revision == revision {
		return v, err
	}
	if v, err = e.Join(ctx, v.File); err == nil {
		e.latest.Store(v)
	}
	return v, err
}

// Join returns a file together with what the database has, and puts nothing in force.
func (e *Editor) Join(ctx context.Context, file File) (*View, error) {
	// The revision comes first: what changes meanwhile is seen the next time.
	revision, err := Revision(ctx, e.Store)
	if err != nil {
		return nil, err
	}
	stored := storedResources{}
	for _, n := range e.Nouns.nouns {
		if stored[n.Section], err = e.documents[n.Section].List(ctx); err != nil {
			return nil, err
		}
	}
	v := e.Nouns.view(file, stored, key{})
	v.revision = revision
	return v, nil
}

// put puts a View in force, with mu held.
func (e *Editor) put(ctx context.Context, v *View) error {
	e.latest.Store(v)
	if e.Apply != nil {
		if err := e.Apply(ctx, v); err != nil {
			return err
		}
	}
	e.inForce = v
	return nil
}

// change is something that a person wants to be different.
type change struct {
	who string
	key key
	// what could not be read of it: it is not made, and the rest of it is checked all the same
	unreadable problem.Fields
	// plan returns the resource as it is and as it is to be; nil is for one that is not there.
	plan    func(v *View) (have, next *Record[Resource], err error)
	moved   problem.Fields // kept secrets that would be sent elsewhere; plan sets it
	deletes bool
}

// apply makes a change, unless it would break something. shown is what is told this once.
func (e *Editor) apply(ctx context.Context, c *change) (shown secret.String, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range maxTries {
		before, err := e.current(ctx)
		if err != nil {
			return "", err
		}
		have, next, after, err := e.planned(before, c)
		if err != nil {
			return "", err
		}
		unchanged := false
		err = e.Store.Write(ctx, func(tx store.Tx) (err error) {
			if unchanged, err = touchAt(tx, before.revision); err != nil || !unchanged {
				return err
			}
			if shown, err = e.write(tx, c, have, next); err != nil {
				return err
			}
			after.revision, err = revisionIn(tx)
			return err
		})
		if err != nil {
			return "", err
		}
		if unchanged {
			e.latest.Store(after)
			e.changed(ctx)
			return shown, nil
		}
	}
	return "", problem.New(problem.Unavailable, "busy",
		"Others are changing the configuration at the same time. Try again in a moment.")
}

// planned returns what a change would make of a View, unless it would break something.
func (e *Editor) planned(before *View, c *change) (have, next *Record[Resource], after *View, err error) {
	if have, next, err = c.plan(before); err != nil {
		return nil, nil, nil, err
	}
	planned, err := before.stored.with(c.key, next)
	if err != nil {
		return nil, nil, nil, err
	}
	after = e.Nouns.view(before.File, planned, key{})
	return have, next, after, judge(before, after, c)
}

// check returns why a change cannot be made, and makes none.
func (e *Editor) check(ctx context.Context, c *change) error {
	v, err := e.View(ctx)
	if err != nil {
		return err
	}
	_, _, _, err = e.planned(v, c)
	return err
}

// write writes a change with its audit entry, and what belongs to it.
func (e *Editor) write(tx store.Tx, c *change, have, next *Record[Resource]) (shown secret.String, err error) {
	n, documents := e.Nouns.bySection[c.key.section], e.documents[c.key.section]
	switch {
	case have == nil:
		if shown, err = e.insert(tx, n, next.Item); err == nil {
			err = e.audit(tx, c.who, "create", c.key, nil, next.Item)
		}
	case next == nil:
		if err = documents.Delete(tx, c.key.id, have.Version); err == nil && n.Deleted != nil {
			err = n.Deleted(tx, c.key.id)
		}
		if err == nil {
			err = e.audit(tx, c.who, "delete", c.key, have.Item, nil)
		}
	default:
		if err = documents.Replace(tx, next.Item, have.Version); err == nil {
			_, err = n.Saved(tx, next.Item, false)
		}
		if err == nil {
			err = e.audit(tx, c.who, "update", c.key, have.Item, next.Item)
		}
	}
	return shown, err
}

func (e *Editor) insert(tx store.Tx, n *noun, item Resource) (shown secret.String, err error) {
	if err := e.documents[n.Section].Create(tx, item); err != nil {
		return "", err
	}
	return n.Saved(tx, item, true)
}

// changed puts in force what has just been changed, with mu held. When that does not work, Refresh tries again.
func (e *Editor) changed(ctx context.Context) {
	if err := e.refresh(context.WithoutCancel(ctx)); err != nil {
		e.Log.Error("a change is not active yet", "error", err)
	}
}

// with returns what the database has with another resource in the place of one; nil takes that away.
func (s storedResources) with(k key, next *Record[Resource]) (storedResources, error) {
	list := slices.Clone(s[k.section])
	i, found := slices.BinarySearchFunc(list, k.id, func(r Record[Resource], id string) int {
		return strings.Compare(r.Item.Key(), id)
	})
	if found {
		list = slices.Delete(list, i, i+1)
	}
	if next != nil {
		kept, err := asKept(*next)
		if err != nil {
			return nil, err
		}
		list = slices.Insert(list, i, kept)
	}
	planned := maps.Clone(s)
	planned[k.section] = list
	return planned, nil
}
