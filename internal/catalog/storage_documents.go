package catalog

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// The origins of a resource, as the API says them in "managedBy".
const (
	FromConfig   = "config"
	FromDatabase = "database"
)

// Record is a resource with its origin, version and warnings.
type Record[T any] struct {
	Item     T
	Version  int64          // every change makes it greater; 0 for what the file declares
	Origin   string         // FromConfig or FromDatabase
	Warnings problem.Fields // why it is not in force; empty when it is
	Cautions problem.Fields // what should be changed about it although it is in force
	Unread   []string       // the members of its document that cannot be read; Item lacks them
}

// Documents stores resources in the database, each as one JSON document whose secrets are sealed.
type Documents[T interface{ Key() string }] struct {
	store  *store.Store
	kind   string
	sealer *secret.Sealer
	typ    reflect.Type // of the items
}

// NewDocuments returns the documents of a kind, such as "agents".
func NewDocuments[T interface{ Key() string }](s *store.Store, kind string, sealer *secret.Sealer) *Documents[T] {
	return &Documents[T]{s, kind, sealer, reflect.TypeFor[T]()}
}

type documentRow struct {
	ID, Spec string
	Version  int64
}

// List returns all of them in the order of their ids.
func (d *Documents[T]) List(ctx context.Context) ([]Record[T], error) {
	rows, err := store.Rows[documentRow](d.store.Read(ctx),
		"SELECT id, spec, version FROM resources WHERE kind = ?", d.kind)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.kind, err)
	}
	// Databases have orders of their own.
	slices.SortFunc(rows, func(a, b documentRow) int { return strings.Compare(a.ID, b.ID) })
	list := make([]Record[T], len(rows))
	for i, row := range rows {
		list[i] = d.record(row)
	}
	return list, nil
}

// Get returns a resource. The error is a NotFound if there is none with that id.
func (d *Documents[T]) Get(ctx context.Context, id string) (Record[T], error) {
	return d.get(d.store.Read(ctx), id)
}

func (d *Documents[T]) get(tx store.Tx, id string) (Record[T], error) {
	row, found, err := store.Row[documentRow](tx,
		"SELECT id, spec, version FROM resources WHERE kind = ? AND id = ?", d.kind, id)
	if err != nil {
		return Record[T]{}, fmt.Errorf("read %s: %w", d.place(id), err)
	}
	if !found {
		return Record[T]{}, d.notFound(id)
	}
	return d.record(row), nil
}

func (d *Documents[T]) record(row documentRow) Record[T] {
	r := Record[T]{Version: row.Version, Origin: FromDatabase}
	r.Item, r.Warnings = d.decode(row.ID, row.Spec)
	for _, f := range r.Warnings {
		member, _, _ := strings.Cut(f.Path, ".")
		member, _, _ = strings.Cut(member, "[")
		r.Unread = append(r.Unread, member)
	}
	return r
}

// Create adds one; a Conflict says that the id is taken.
func (d *Documents[T]) Create(tx store.Tx, item T) error {
	id := item.Key()
	if err := CheckID(id).Err(); err != nil {
		return err
	}
	spec, err := d.encode(item)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	n, err := tx.ExecCount(`INSERT INTO resources (kind, id, spec, version, created_at, updated_at)
		VALUES (?, ?, ?, 1, ?, ?)
		ON CONFLICT DO NOTHING`, d.kind, id, spec, now, now)
	if err != nil {
		return fmt.Errorf("create %s: %w", d.place(id), err)
	}
	if n == 0 {
		return problem.New(problem.Conflict, "already_exists", "There is already a resource %q in %s.", id, d.kind)
	}
	return Touch(tx)
}

// Change reads one, has it changed and writes it back. A Conflict says that not all of it can be read.
func (d *Documents[T]) Change(tx store.Tx, id string, change func(*T) error) error {
	r, err := d.get(tx, id)
	switch {
	case err != nil:
		return err
	case len(r.Unread) > 0:
		return problem.New(problem.Conflict, "unreadable",
			"%q in %s cannot be read as it is stored (%s). Save it again first.",
			id, d.kind, strings.Join(r.Unread, ", "))
	}
	if err := change(&r.Item); err != nil {
		return err
	}
	return d.Replace(tx, r.Item, r.Version)
}

// Replace writes one anew. version is the one that the change was made for; an Outdated says that it has been changed
// since.
func (d *Documents[T]) Replace(tx store.Tx, item T, version int64) error {
	id := item.Key()
	spec, err := d.encode(item)
	if err != nil {
		return err
	}
	n, err := tx.ExecCount(`UPDATE resources SET spec = ?, version = version + 1, updated_at = ?
		WHERE kind = ? AND id = ? AND version = ?`,
		spec, time.Now().UnixMilli(), d.kind, id, version)
	return d.changed(tx, id, n, err)
}

// Delete removes one; version is as for Replace.
func (d *Documents[T]) Delete(tx store.Tx, id string, version int64) error {
	n, err := tx.ExecCount("DELETE FROM resources WHERE kind = ? AND id = ? AND version = ?", d.kind, id, version)
	return d.changed(tx, id, n, err)
}

func (d *Documents[T]) changed(tx store.Tx, id string, n int64, err error) error {
	if err != nil {
		return fmt.Errorf("change %s: %w", d.place(id), err)
	}
	if n == 1 {
		return Touch(tx)
	}
	_, err = d.get(tx, id)
	return cmp.Or(err, ChangedSince(d.kind, id))
}

// Renew increases the version of a resource, if it exists, after something that is shown with it but stored
// elsewhere has changed.
func Renew(tx store.Tx, kind, id string) error {
	if err := tx.Exec("UPDATE resources SET version = version + 1 WHERE kind = ? AND id = ?", kind, id); err != nil {
		return fmt.Errorf("renew %s/%s: %w", kind, id, err)
	}
	return Touch(tx)
}

// ChangedSince returns the Outdated problem of a resource that has been changed by someone else.
func ChangedSince(kind, id string) error {
	return problem.New(problem.Outdated, "changed_since",
		"%q in %s has been changed since you read it. Read it again, and make your change anew.", id, kind)
}

func (d *Documents[T]) notFound(id string) error {
	return problem.New(problem.NotFound, "resource_not_found",
		"There is no resource %q in the database's %s.", id, d.kind)
}

func (d *Documents[T]) place(id string) string { return d.kind + "/" + id }
