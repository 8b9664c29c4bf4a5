package store

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ValidID reports whether id can name a resource: lower-case letters, digits and hyphens, 63 at most.
func ValidID(id string) bool { return slug.MatchString(id) }

// Resources keeps one kind of what people name, each as one JSON document with its secrets sealed.
type Resources[T interface{ Key() string }] struct {
	store  *Store
	kind   string
	sealer *secret.Sealer
}

// NewResources returns the resources of a kind, such as "agents".
func NewResources[T interface{ Key() string }](s *Store, kind string, sealer *secret.Sealer) *Resources[T] {
	return &Resources[T]{s, kind, sealer}
}

// List returns all of them in the order of their ids.
func (r *Resources[T]) List(ctx context.Context) ([]T, error) {
	var rows []struct{ ID, Spec string }
	err := r.store.Read(ctx).Raw("SELECT id, spec FROM resources WHERE kind = ? ORDER BY id", r.kind).Scan(&rows).Error
	if err != nil {
		return nil, unavailable(fmt.Errorf("list %s: %w", r.kind, err))
	}
	list := make([]T, len(rows))
	for i, row := range rows {
		if list[i], err = r.decode(row.ID, row.Spec); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Create adds one; a Conflict says that the id is taken.
func (r *Resources[T]) Create(tx *gorm.DB, item T) error {
	id := item.Key()
	if !ValidID(id) {
		var fields problem.Fields
		fields.Add("id", "%s", "must be lower-case letters, digits and hyphens, begin with a letter or digit, and be at most 63 long")
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

// Exists reports whether there is one of that id.
func (r *Resources[T]) Exists(tx *gorm.DB, id string) (bool, error) {
	var n int64
	err := tx.Raw("SELECT COUNT(*) FROM resources WHERE kind = ? AND id = ?", r.kind, id).Scan(&n).Error
	return n > 0, err
}

func (r *Resources[T]) place(id string) string { return r.kind + "/" + id }

func (r *Resources[T]) encode(item T) (string, error) {
	seal := json.MarshalToFunc(func(enc *jsontext.Encoder, s secret.String) error {
		sealed, err := r.sealer.Seal(s, r.place(item.Key()))
		if err != nil {
			return err
		}
		return enc.WriteToken(jsontext.String(sealed))
	})
	spec, err := json.Marshal(item, json.WithMarshalers(seal))
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", r.place(item.Key()), err)
	}
	return string(spec), nil
}

func (r *Resources[T]) decode(id, spec string) (item T, err error) {
	open := json.UnmarshalFromFunc(func(dec *jsontext.Decoder, s *secret.String) error {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		*s, err = r.sealer.Open(token.String(), r.place(id))
		return err
	})
	if err := json.Unmarshal([]byte(spec), &item, json.WithUnmarshalers(open)); err != nil {
		return item, fmt.Errorf("decode %s: %w", r.place(id), err)
	}
	return item, nil
}
