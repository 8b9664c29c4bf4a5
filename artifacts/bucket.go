package artifacts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"beckon/internal/problem"
)

const (
	// partSize is how much of a file a bucket's client holds in memory at a time.
	partSize = 5 << 20
	// placesEach is how many files that agents make are sent to a bucket at once, and how many that calls bring:
	// callers who send slowly must not keep agents waiting.
	placesEach = 4
)

// bucket is where files are. A folder is made when it is first needed.
type bucket struct {
	folder              string // "" for a bucket of a cloud
	opened              func() (*blob.Bucket, error)
	forAgents, forCalls places
}

func newBucket(ctx context.Context, url string) (*bucket, error) {
	if folder, ok := Folder(url); ok {
		return &bucket{folder: folder, opened: sync.OnceValues(func() (*blob.Bucket, error) {
			return fileblob.OpenBucket(folder, &fileblob.Options{CreateDir: true, DirFileMode: 0o700,
				NoTempDir: true, // which may be on another disk
				Metadata:  fileblob.MetadataDontWrite})
		})}, nil
	}
	opened, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open artifacts.url: %w", err)
	}
	return &bucket{
		opened:    func() (*blob.Bucket, error) { return opened, nil },
		forAgents: make(places, placesEach),
		forCalls:  make(places, placesEach),
	}, nil
}

// Folder returns the folder that a URL names: one without a scheme, or with that of a file. ok is false for a bucket.
func Folder(url string) (folder string, ok bool) {
	if path, isFile := strings.CutPrefix(url, "file://"); isFile {
		return filepath.FromSlash(path), true
	}
	return url, !strings.Contains(url, "://")
}

func (b *bucket) close() error {
	if b.folder != "" {
		return nil // there is nothing to let go of, and it may not have been opened
	}
	opened, err := b.opened()
	return errors.Join(err, opened.Close())
}

// places bounds how many files are sent at once; nil does not limit them.
type places chan struct{}

// enter waits for a place to send a file from.
func (p places) enter(ctx context.Context) (leave func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	select {
	case p <- struct{}{}:
		return func() { <-p }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// writer writes a file, which is there when it has been closed without an error, and not at all when ctx ends before.
func (b *bucket) writer(ctx context.Context, key, mediaType string) (*blob.Writer, error) {
	opened, err := b.opened()
	if err != nil {
		return nil, err
	}
	return opened.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType:                 mediaType,
		DisableContentTypeDetection: true,
		BufferSize:                  partSize,
		MaxConcurrency:              1,
		BeforeWrite:                 sendInParts(opened),
	})
}

// reader reads a file from an offset on.
func (b *bucket) reader(ctx context.Context, key string, offset int64) (*blob.Reader, error) {
	opened, err := b.opened()
	if err != nil {
		return nil, err
	}
	return opened.NewRangeReader(ctx, key, offset, -1, nil)
}

// sync has a file that was written survive a power failure.
func (b *bucket) sync(key string) error {
	if b.folder == "" {
		return nil // a bucket sees to that itself
	}
	path := filepath.Join(b.folder, filepath.FromSlash(key))
	return errors.Join(syncPath(path), syncPath(filepath.Dir(path)), syncPath(b.folder))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// remove deletes a file, with what was left of it by a process that died while it wrote it.
func (b *bucket) remove(ctx context.Context, key string) error {
	opened, err := b.opened()
	if err != nil {
		return err
	}
	if err := opened.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return err
	}
	if b.folder == "" {
		return nil
	}
	parts, err := filepath.Glob(filepath.Join(b.folder, filepath.FromSlash(key)) + ".*")
	for _, part := range parts {
		err = errors.Join(err, os.Remove(part))
	}
	return err
}

// unavailable is the problem that a file can be neither written nor read now.
func unavailable(cause error) error {
	return problem.New(problem.Unavailable, problem.CodeArtifactsUnavailable,
		"The storage of artifacts does not work: look at the log, and at artifacts.url.").Because(cause)
}
