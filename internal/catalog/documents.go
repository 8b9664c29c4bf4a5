package catalog

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// IDForm says to a person what ValidID wants.
const IDForm = "must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"

// ValidID reports whether id can name a resource: lower-case letters, digits and hyphens, 63 at most.
func ValidID(id string) bool { return slug.MatchString(id) }

// Documents keeps one kind of what people name, each as one JSON document with its secrets sealed.
type Documents[T interface{ Key() string }] struct {
	store  *store.Store
	kind   string
	sealer *secret.Sealer
}

// NewDocuments returns the resources of a kind, such as "agents".
func NewDocuments[T interface{ Key() string }](s *store.Store, kind string, sealer *secret.Sealer) *Documents[T] {
	return &Documents[T]{s, kind, sealer}
}

// List returns all of them in the order of their ids.
func (r *Documents[T]) List(ctx context.Context) ([]T, error) {
	records, err := r.Records(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]T, len(records))
	for i, record := range records {
		list[i] = record.Item
	}
	return list, nil
}

// Record is a resource with what is known about it.
type Record[T any] struct {
	Item     T
	Version  int64          // every change makes it greater; 0 for what the database does not keep
	Origin   string         // "config" or "database"
	Warnings problem.Fields // why it is not in force
}

// Records returns all of them with their versions, in the order of their ids.
func (r *Documents[T]) Records(ctx context.Context) ([]Record[T], error) {
	var rows []struct {
		ID, Spec string
		Version  int64
	}
	err := r.store.Read(ctx).Raw("SELECT id, spec, version FROM resources WHERE kind = ? ORDER BY id", r.kind).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", r.kind, err)
	}
	list := make([]Record[T], len(rows))
	for i, row := range rows {
		item, err := r.decode(row.ID, row.Spec)
		if err != nil {
			return nil, err
		}
		list[i] = Record[T]{Item: item, Version: row.Version}
	}
	return list, nil
}

// Create adds one; a Conflict says that the id is taken.
func (r *Documents[T]) Create(tx *gorm.DB, item T) error {
	id := item.Key()
	if !ValidID(id) {
		var fields problem.Fields
		fields.Add("id", "%s", IDForm)
		return fields.Err()
	}
	spec, err := r.encode(item)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	done := tx.Exec("INSERT INTO resources (kind, id, spec, version, created_at, updated_at) VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING",
		r.kind, id, spec, now, now)
	if done.Error != nil {
		return fmt.Errorf("create in %s: %w", r.kind, done.Error)
	}
	if done.RowsAffected == 0 {
		return problem.New(problem.Conflict, "already_exists", "There is already a resource %q in %s.", id, r.kind)
	}
	return Touch(tx)
}

// Get returns one and its version, which every change makes greater; a NotFound says that there is none of that id.
func (r *Documents[T]) Get(ctx context.Context, id string) (item T, version int64, err error) {
	return r.get(r.store.Read(ctx), id)
}

func (r *Documents[T]) get(db *gorm.DB, id string) (item T, version int64, err error) {
	var rows []struct {
		Spec    string
		Version int64
	}
	if err := db.Raw("SELECT spec, version FROM resources WHERE kind = ? AND id = ?", r.kind, id).Scan(&rows).Error; err != nil {
		return item, 0, fmt.Errorf("read %s: %w", r.place(id), err)
	}
	if len(rows) == 0 {
		return item, 0, r.notFound(id)
	}
	item, err = r.decode(id, rows[0].Spec)
	return item, rows[0].Version, err
}

func (r *Documents[T]) notFound(id string) error {
	return problem.New(problem.NotFound, "resource_not_found", "There is no resource %q in the database's %s.", id, r.kind)
}

// Change reads one, has it changed and writes it back. version is the one that the change was made for, 0 for any; an
// Outdated says that it has been changed since.
func (r *Documents[T]) Change(tx *gorm.DB, id string, version int64, change func(*T) error) (now int64, err error) {
	item, have, err := r.get(tx, id)
	if err != nil {
		return 0, err
	}
	if version != 0 && version != have {
		return 0, r.changedSince(id)
	}
	if err := change(&item); err != nil {
		return 0, err
	}
	if item.Key() != id {
		return 0, problem.New(problem.Invalid, "id_changed", "The id of a resource cannot be changed.")
	}
	spec, err := r.encode(item)
	if err != nil {
		return 0, err
	}
	done := tx.Exec("UPDATE resources SET spec = ?, version = version + 1, updated_at = ? WHERE kind = ? AND id = ? AND version = ?", spec, time.Now().UnixMilli(), r.kind, id, have)
	if done.Error != nil {
		return 0, fmt.Errorf("change %s: %w", r.place(id), done.Error)
	}
	if done.RowsAffected == 0 {
		return 0, r.changedSince(id)
	}
	return have + 1, Touch(tx)
}

func (r *Documents[T]) changedSince(id string) error { return ChangedSince(r.kind, id) }

// ChangedSince is the Outdated that Change and Delete return.
func ChangedSince(kind, id string) error {
	return problem.New(problem.Outdated, "changed_since", "%q in %s has been changed since you read it. Read it again, and make your change anew.", id, kind)
}

// Delete removes one; version is as for Change.
func (r *Documents[T]) Delete(tx *gorm.DB, id string, version int64) error {
	done := tx.Exec("DELETE FROM resources WHERE kind = ? AND id = ? AND (version = ? OR ? = 0)", r.kind, id, version, version)
	if done.Error != nil {
		return fmt.Errorf("delete %s: %w", r.place(id), done.Error)
	}
	if done.RowsAffected == 1 {
		return Touch(tx)
	}
	if ok, err := r.Exists(tx, id); err != nil || !ok {
		return cmp.Or(err, r.notFound(id))
	}
	return r.changedSince(id)
}

// Renew makes the version of one greater, if there is one: what is told of it has changed, though it is not kept here.
func Renew(tx *gorm.DB, kind, id string) error {
	if err := tx.Exec("UPDATE resources SET version = version + 1 WHERE kind = ? AND id = ?", kind, id).Error; err != nil {
		return fmt.Errorf("renew %s/%s: %w", kind, id, err)
	}
	return nil
}

// Exists reports whether there is one of that id.
func (r *Documents[T]) Exists(tx *gorm.DB, id string) (bool, error) {
	var n int64
	err := tx.Raw("SELECT COUNT(*) FROM resources WHERE kind = ? AND id = ?", r.kind, id).Scan(&n).Error
	return n > 0, err
}

func (r *Documents[T]) place(id string) string { return r.kind + "/" + id }

func (r *Documents[T]) encode(item T) (string, error) {
	var unsealed error
	seal := json.MarshalToFunc(func(enc *jsontext.Encoder, s secret.String) error {
		if s == secret.Lost {
			unsealed = problem.New(problem.Conflict, "secret_lost", "A secret of it does not open with this secrets key, so it cannot be kept as it is. Restore the key, or give the secret again.")
			return unsealed
		}
		sealed, err := r.sealer.Seal(s, r.place(item.Key()))
		if err != nil {
			unsealed = problem.New(problem.Unavailable, "secrets_unavailable", "Secrets cannot be kept: there is no key to seal them with. Put one into secrets.key beside the database, or set server.secretsKey, and start again; the log says more.").Because(err)
			return unsealed
		}
		return enc.WriteToken(jsontext.String(sealed))
	})
	spec, err := json.Marshal(item, json.WithMarshalers(seal))
	if unsealed != nil {
		return "", unsealed
	}
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", r.place(item.Key()), err)
	}
	return string(spec), nil
}

func (r *Documents[T]) decode(id, spec string) (item T, err error) {
	open := json.UnmarshalFromFunc(func(dec *jsontext.Decoder, s *secret.String) error {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if *s, err = r.sealer.Open(token.String(), r.place(id)); err != nil {
			*s = secret.Lost // its resource is of no use until it is given again; all others are
		}
		return nil
	})
	if err := json.Unmarshal([]byte(spec), &item, json.WithUnmarshalers(open)); err != nil {
		return item, fmt.Errorf("decode %s: %w", r.place(id), err)
	}
	return item, nil
}
