package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"beckon/artifacts"
	"beckon/internal/backup"
	"beckon/internal/config"
	"beckon/internal/store"
)

// Backup writes all that the database of a configuration holds, as it is at this moment, and the files that runs
// have made where these are in a folder. A gateway may be working on both.
func Backup(ctx context.Context, c *config.Config, version string, to io.Writer) (backup.Counts, error) {
	s, err := store.OpenAsIs(ctx, c.Database.URL.Reveal(), silent)
	if err != nil {
		return backup.Counts{}, err
	}
	defer s.Close()
	schema, err := s.Schema(ctx)
	if err != nil {
		return backup.Counts{}, err
	}
	kind := "sqlite"
	if s.Shared() {
		kind = "postgres"
	}
	w, err := backup.NewWriter(to, backup.Header{
		Version:   version,
		Schema:    schema,
		Database:  kind,
		CreatedAt: time.Now().UTC(),
	})
	if err != nil {
		return backup.Counts{}, err
	}
	rows := &keySink{Sink: w}
	if err := s.Dump(ctx, rows); err != nil {
		return backup.Counts{}, err
	}
	if folder, ok := artifacts.Folder(c.ArtifactsURL()); ok {
		for _, key := range rows.keys {
			if err := backupFile(w, folder, key); err != nil {
				return backup.Counts{}, err
			}
		}
	}
	return w.Close()
}

// keySink notes where the files are that the rows of artifacts name.
type keySink struct {
	store.Sink
	key, state int // columns of the table that has begun; key is -1 in all others
	keys       []string
}

// Table implements store.Sink.
func (k *keySink) Table(name string, columns []string) error {
	k.key = -1
	if name == "artifacts" {
		k.key, k.state = slices.Index(columns, "storage_key"), slices.Index(columns, "state")
	}
	return k.Sink.Table(name, columns)
}

// Row implements store.Sink.
func (k *keySink) Row(values []any) error {
	if k.key >= 0 && (values[k.state] == "KEPT" || values[k.state] == "SAVED") {
		k.keys = append(k.keys, fmt.Sprint(values[k.key]))
	}
	return k.Sink.Row(values)
}

// backupFile adds a file, unless it has been removed since.
func backupFile(w *backup.Writer, folder, key string) error {
	f, err := os.Open(filepath.Join(folder, filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return w.File(key, f)
}

// Restored says what a Restore has done.
type Restored struct {
	Header backup.Header
	Counts backup.Counts
	Kept   string // where what was there before is; empty where there was nothing
	// why a resource is not in force: its secrets were sealed with another key, or it refers to what is not there
	Left []string
}

// Restore puts a backup in the place of the database of a configuration, which no gateway may be working on. Until
// all of the backup was read nothing is replaced.
func Restore(ctx context.Context, c *config.Config, from io.Reader) (r Restored, err error) {
	reader, err := backup.NewReader(from)
	if err != nil {
		return r, err
	}
	defer reader.Close()
	r.Header = reader.Header
	folder, isFolder := artifacts.Folder(c.ArtifactsURL())
	r.Kept, err = store.Load(ctx, c.Database.URL.Reveal(), reader.Header.Schema, silent, func(to store.Sink) error {
		if err := reader.Tables(to); err != nil {
			return err
		}
		r.Counts, err = reader.Files(func(key string, content io.Reader) error {
			if !isFolder {
				_, err := io.Copy(io.Discard, content)
				return err
			}
			return restoreFile(folder, key, content)
		})
		return err
	})
	if err != nil {
		return r, err
	}
	if !isFolder && r.Counts.Files > 0 {
		r.Left = append(r.Left,
			fmt.Sprintf("%d files of runs: artifacts.url names a bucket, and the backup has them from a folder",
				r.Counts.Files))
	}
	v, err := joinStored(ctx, c, c)
	if err != nil {
		return r, fmt.Errorf("all is restored, but the configuration cannot be joined with it: %w", err)
	}
	for _, w := range v.Warnings() {
		r.Left = append(r.Left, fmt.Sprintf("%s %q: %v", strings.TrimSuffix(w.Section, "s"), w.ID, w.Fields.Err()))
	}
	return r, nil
}

// restoreFile writes a file beside its place, and puts it there when it is whole.
func restoreFile(folder, key string, content io.Reader) error {
	if !filepath.IsLocal(filepath.FromSlash(key)) {
		return fmt.Errorf("the backup has a file %q, which is no place below the folder of the artifacts", key)
	}
	path := filepath.Join(folder, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".restoring", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// CopyDatabase copies the database of a configuration into another one, of either kind. kept is as for store.Load.
func CopyDatabase(ctx context.Context, c *config.Config, url string) (rows int64, kept string, err error) {
	s, err := store.OpenAsIs(ctx, c.Database.URL.Reveal(), silent)
	if err != nil {
		return 0, "", err
	}
	defer s.Close()
	if err := s.ClaimIdle(ctx); err != nil { // what a gateway does meanwhile would be missing in the copy
		return 0, "", err
	}
	schema, err := s.Schema(ctx)
	if err != nil {
		return 0, "", err
	}
	counted := &countingSink{}
	kept, err = store.Load(ctx, url, schema, silent, func(to store.Sink) error {
		counted.Sink = to
		return s.Dump(ctx, counted)
	})
	return counted.rows, kept, err
}

type countingSink struct {
	store.Sink
	rows int64
}

// Row implements store.Sink.
func (c *countingSink) Row(values []any) error {
	c.rows++
	return c.Sink.Row(values)
}

// PendingMigrations returns the names of the migrations that the next start makes, and makes none.
func PendingMigrations(ctx context.Context, c *config.Config) ([]string, error) {
	s, err := store.OpenAsIs(ctx, c.Database.URL.Reveal(), silent)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Pending(ctx)
}
