package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"gocloud.dev/blob"

	"beckon/gateway"
	"beckon/internal/backup"
)

type backupCommand struct {
	configFlag
	File string `arg:"" help:"Where to write it: a file, a bucket's s3://BUCKET/NAME (or gs://, azblob://), or - for standard output."`
}

// Run writes a backup of the configured database, whether a gateway works on it or not.
func (b backupCommand) Run(std streams) error {
	c, err := b.load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var counts backup.Counts
	err = writeWhole(ctx, b.File, std.out, func(to io.Writer) (err error) {
		counts, err = gateway.Backup(ctx, c, version, to)
		return err
	})
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	std.notice(fmt.Sprintf("%s: %d rows and %d files. The secrets key is not in it: keep that too.",
		b.File, counts.Rows, counts.Files))
	return nil
}

// writeWhole writes a file, an object of a bucket, or to out. There is nothing under the name unless write has
// succeeded.
func writeWhole(ctx context.Context, name string, out io.Writer, write func(io.Writer) error) error {
	switch {
	case name == "-":
		return write(out)
	case strings.Contains(name, "://"):
		bucket, key, err := openBucket(ctx, name)
		if err != nil {
			return err
		}
		defer bucket.Close()
		writing, cancel := context.WithCancel(ctx)
		defer cancel()
		w, err := bucket.NewWriter(writing, key, &blob.WriterOptions{ContentType: "application/zstd"})
		if err != nil {
			return err
		}
		if err := write(w); err != nil {
			cancel() // before Close: what was sent is dropped
			return errors.Join(err, ignoreCanceled(w.Close()))
		}
		return w.Close()
	}
	if _, err := os.Stat(filepath.Dir(name)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the folder %s does not exist: create it, or name another one", filepath.Dir(name))
	}
	f, err := os.OpenFile(name+".partial", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// openBucket opens the bucket of a URL like s3://bucket/folder/name?region=eu-central-1, and returns the name
// within it.
func openBucket(ctx context.Context, url string) (*blob.Bucket, string, error) {
	place, query, hasQuery := strings.Cut(url, "?")
	scheme, path, _ := strings.Cut(place, "://")
	name, key, _ := strings.Cut(path, "/")
	if name == "" || key == "" {
		return nil, "", &exitError{exitUsage, fmt.Errorf("%s names no object: write %s://BUCKET/NAME", place, scheme)}
	}
	bucketURL := scheme + "://" + name
	if hasQuery {
		bucketURL += "?" + query
	}
	bucket, err := blob.OpenBucket(ctx, bucketURL)
	return bucket, key, err
}

type restoreCommand struct {
	configFlag
	File string `arg:"" help:"The backup: a file, an object of a bucket, or - for standard input."`
}

// Run puts a backup in the place of the configured database.
func (r restoreCommand) Run(std streams) error {
	c, err := r.load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	from, err := openBackup(ctx, r.File, std.in)
	if err != nil {
		return err
	}
	defer from.Close()
	restored, err := gateway.Restore(ctx, c, from)
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	fmt.Fprintf(std.out,
		"Restored %d rows and %d files of %s (Beckon %s).\n", restored.Counts.Rows, restored.Counts.Files,
		restored.Header.CreatedAt.Format("2006-01-02 15:04:05 MST"), restored.Header.Version)
	if restored.Kept != "" {
		fmt.Fprintf(std.out, "What was there before is kept as %s.\n", restored.Kept)
	}
	if len(restored.Left) > 0 {
		fmt.Fprintln(std.out, "Not active until you change it:")
	}
	for _, left := range restored.Left {
		fmt.Fprintf(std.out, "  %s\n", left)
	}
	return nil
}

func openBackup(ctx context.Context, name string, in io.Reader) (io.ReadCloser, error) {
	switch {
	case name == "-":
		return io.NopCloser(in), nil
	case strings.Contains(name, "://"):
		bucket, key, err := openBucket(ctx, name)
		if err != nil {
			return nil, err
		}
		r, err := bucket.NewReader(ctx, key, nil)
		if err != nil {
			return nil, errors.Join(err, bucket.Close())
		}
		return bucketReader{r, bucket}, nil
	}
	return os.Open(name)
}

// bucketReader closes its bucket too.
type bucketReader struct {
	*blob.Reader
	bucket *blob.Bucket
}

func (b bucketReader) Close() error { return errors.Join(b.Reader.Close(), b.bucket.Close()) }

type migrateCommand struct {
	configFlag
	To     string `help:"The database to copy the configured one into, such as postgres://beckon@db/beckon." placeholder:"URL" required:"" xor:"what"`
	DryRun bool   `help:"List the migrations that the next start will run, and run none." required:"" xor:"what"`
}

// Run copies the database into one of the other kind, or says what a start would do to it.
func (m migrateCommand) Run(std streams) error {
	c, err := m.load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if m.DryRun {
		pending, err := gateway.PendingMigrations(ctx, c)
		if err != nil {
			return err
		}
		for _, name := range pending {
			fmt.Fprintln(std.out, name)
		}
		std.notice(fmt.Sprintf("%d migrations to make", len(pending)))
		return nil
	}
	if m.To == c.Database.URL.Reveal() {
		return &exitError{exitUsage, errors.New("--to is the configured database itself")}
	}
	rows, kept, err := gateway.CopyDatabase(ctx, c, m.To)
	if err != nil {
		return fmt.Errorf("nothing was copied: %w", err)
	}
	fmt.Fprintf(std.out,
		"Copied %d rows. Set database.url to the new database, and server.secretsKey to the content of secrets.key, "+
			"and start Beckon.\n", rows)
	if kept != "" {
		fmt.Fprintf(std.out, "What the new database held before is kept as %s.\n", kept)
	}
	return nil
}
