package config

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"
)

// PollInterval is how often a Source is looked at: twice within the two seconds in which a change is picked up,
// with time to spare for reading it.
const PollInterval = 500 * time.Millisecond

// Source is something whose change asks for a reload: the configuration file, the resources of the database.
type Source struct {
	Name  string // for the log
	Known string // the fingerprint of what is in force
	Look  func(context.Context) (fingerprint string, err error)
}

// Watch looks at the sources every interval until ctx ends, and calls reload when one of them has changed; never
// twice at the same time. When reload fails, what was in force is expected to stay so: Watch logs why, and waits for
// the next change after an *Error, because the same file would fail the same way. After any other error it tries
// again. A source that can't be read has not changed.
func Watch(
	ctx context.Context, every time.Duration, log *slog.Logger, reload func(context.Context) error, sources ...Source,
) {
	w := watcher{log: log, reload: reload, sources: sources, complaints: map[string]string{}}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.look(ctx)
		}
	}
}

type watcher struct {
	log        *slog.Logger
	reload     func(context.Context) error
	sources    []Source
	due        bool
	complaints map[string]string // the last one about each subject, to log each only once
}

func (w *watcher) look(ctx context.Context) {
	for i := range w.sources {
		s := &w.sources[i]
		fingerprint, err := s.Look(ctx)
		if ctx.Err() != nil {
			return
		}
		w.complain(s.Name, "cannot look for changes; the previous configuration stays active", err)
		if err == nil && fingerprint != s.Known {
			s.Known, w.due = fingerprint, true
			delete(w.complaints, "reload")
		}
	}
	if !w.due {
		return
	}
	err := w.reload(ctx)
	if ctx.Err() != nil {
		return
	}
	w.complain("reload", "the change is not applied; the previous configuration stays active", err)
	_, final := errors.AsType[*Error](err)
	w.due = err != nil && !final
}

func (w *watcher) complain(subject, text string, err error) {
	if err == nil {
		delete(w.complaints, subject)
		return
	}
	if w.complaints[subject] != err.Error() {
		w.complaints[subject] = err.Error()
		w.log.Error(text, "source", subject, "error", err)
	}
}

var errEmptied = errors.New("the configuration file is empty")

// FileSource watches the file that c was loaded from. A change counts once two looks have seen the same content:
// editors and copies write in several steps. A file that is gone or empty is an error and no change.
func FileSource(c *Config) Source {
	f := fileLook{path: c.file, settled: c.hash, last: c.hash}
	return Source{Name: c.file, Known: c.hash, Look: func(context.Context) (string, error) { return f.look() }}
}

type fileLook struct {
	path    string
	info    os.FileInfo // of the last reading
	last    string      // the hash of the last reading
	settled string      // the last hash that was seen twice
}

func (f *fileLook) look() (string, error) {
	// Stat follows links, and so sees Kubernetes swap the directory that ..data points to.
	info, err := os.Stat(f.path)
	if err != nil {
		return "", errors.New("the configuration file cannot be read: " + reason(err))
	}
	hash := f.last
	if !f.same(info) {
		data, err := readLimited(f.path, maxFileBytes)
		switch {
		case errors.Is(err, errTooLarge): // Load says so better
		case err != nil:
			return "", errors.New("the configuration file cannot be read: " + reason(err))
		case strings.TrimSpace(string(data)) == "":
			return "", errEmptied
		}
		hash, f.info = hashOf(data), info
	}
	if hash == f.last {
		f.settled = hash
	}
	f.last = hash
	return f.settled, nil
}

// same reports whether the file can't have changed since it was read. Right after a change that is never certain:
// a second one may fall into the same tick of the file system's clock.
func (f *fileLook) same(info os.FileInfo) bool {
	return f.info != nil && os.SameFile(f.info, info) && f.info.Size() == info.Size() &&
		f.info.ModTime().Equal(info.ModTime()) && time.Since(info.ModTime()) > 2*time.Second
}
