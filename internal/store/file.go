package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"beckon/internal/problem"
)

// lookAgain is how old a look at the file may be: to look costs a few microseconds, which a write need not pay each
// time.
const lookAgain = 10 * time.Millisecond

// file is the file of a SQLite database. It is open for as long as the database is: when a process closes a file, it
// loses all locks that it has on that file, SQLite's among them. For the same reason nothing else in the process may
// open it.
type file struct {
	*os.File
	path   string // without symbolic links
	parts  []part
	opened time.Time
	looked atomic.Int64 // when, in nanoseconds since it was opened
	moved  atomic.Pointer[problem.Error]
}

// part is one of the files that SQLite has open: the database and its write-ahead log.
type part struct {
	path string
	info fs.FileInfo
}

// openFile opens the file, or creates it before SQLite does, which would let others read it.
func openFile(path string) (*file, error) {
	handle, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	f := &file{File: handle, opened: time.Now()}
	if err := f.identify(path); err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	return f, nil
}

// identify finds out where the file is. SQLite looks for the write-ahead log beside the name that it was given, after
// following symbolic links. A file of two names would have two logs, each of which lacks what is in the other.
func (f *file) identify(path string) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if f.path, err = filepath.EvalSymlinks(path); err == nil {
		f.path, err = filepath.Abs(f.path)
	}
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if n := countNames(info); n > 1 {
		return fmt.Errorf("%s is a file with %d names (hard links), and a SQLite database may have only one: "+
			"keep the name that has a file of "+
			"that name and -wal beside it, if one has, and remove the others (find DIRECTORY -samefile %s lists them)",
			f.path, n, f.path)
	}
	return nil
}

// remember notes which files SQLite has open.
func (f *file) remember() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(f.path + suffix); err == nil {
			f.parts = append(f.parts, part{f.path + suffix, info})
		}
	}
}

// check returns a problem as long as the files that SQLite has open are not those that are found by their names: what
// is written then is lost when the process ends. It looks no more than once in lookAgain.
func (f *file) check(now time.Time) error {
	last, current := f.looked.Load(), int64(now.Sub(f.opened))
	if current-last >= int64(lookAgain) && f.looked.CompareAndSwap(last, current) {
		f.moved.Store(f.look())
	}
	return f.missing()
}

// missing returns what the last look has found.
func (f *file) missing() error {
	if p := f.moved.Load(); p != nil {
		return p
	}
	return nil
}

func (f *file) look() *problem.Error {
	for _, p := range f.parts {
		info, err := os.Stat(p.path)
		what := "deleted or moved"
		switch {
		case err == nil && os.SameFile(info, p.info), err != nil && !errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil:
			what = "replaced by another"
		}
		return problem.New(problem.Unavailable, codeUnavailable,
			"Beckon's database file was %s while Beckon used it. Put it back where it was; or restore a copy of it, "+
				"and restart Beckon.", what).
			After(retryStorage).Because(fmt.Errorf("%s was %s", p.path, what))
	}
	return nil
}
