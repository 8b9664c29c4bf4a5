package store_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const logHeaderSize, frameSize = 32, 24 + 4096

// crashed returns the files of a database as a kill of its process leaves them: rows are committed one by one, and the
// files are copied while they are open.
func crashed(t *testing.T, rows int) (path string) {
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	for i := range rows {
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, fmt.Sprint(i)) }))
	}
	path = filepath.Join(t.TempDir(), "crashed.db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		b, err := os.ReadFile(strings.TrimPrefix(url, "sqlite:") + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+suffix, b, 0o600))
	}
	return path
}

// change changes the write-ahead log of a crashed database.
func change(t *testing.T, path string, edit func(log []byte) []byte) {
	b, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+"-wal", edit(b), 0o600))
}

// commits are the offsets of the frames that end a commit.
func commits(log []byte) (offsets []int) {
	for at := logHeaderSize; at+frameSize <= len(log); at += frameSize {
		if string(log[at+4:at+8]) != "\x00\x00\x00\x00" {
			offsets = append(offsets, at)
		}
	}
	return offsets
}

func garble(b []byte) {
	for i := range b {
		b[i] ^= 0x5a
	}
}

// garbleCommit damages a page of a commit, counted from the last one.
func garbleCommit(t *testing.T, path string, fromEnd int) {
	change(t, path, func(log []byte) []byte {
		at := commits(log)[len(commits(log))-fromEnd]
		garble(log[at+1000 : at+1100])
		return log
	})
}

// reopened returns how many rows there are after the crash, and what was logged.
func reopened(t *testing.T, path string) (int64, string) {
	log := &lines{}
	s := openLogged(t, "sqlite:"+path, log)
	return count(t, s), log.String()
}

func TestWhatADamagedLogHasLostIsLogged(t *testing.T) {
	const rows = 10
	for name, damage := range map[string]func(t *testing.T, path string) (left int64){
		"in the last commit": func(t *testing.T, path string) int64 {
			garbleCommit(t, path, 1)
			return rows - 1
		},
		"in a commit before others": func(t *testing.T, path string) int64 {
			garbleCommit(t, path, 4)
			return rows - 4
		},
		"in a commit before others, and the index is lost": func(t *testing.T, path string) int64 {
			garbleCommit(t, path, 4)
			require.NoError(t, os.Remove(path+"-shm"))
			return rows - 4
		},
		"the log is cut": func(t *testing.T, path string) int64 {
			change(t, path, func(log []byte) []byte { return log[:commits(log)[len(commits(log))-2]+100] })
			return rows - 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := crashed(t, rows)
			want := damage(t, path)
			left, log := reopened(t, path)
			require.Equal(t, want, left, "SQLite drops what is behind the damage")
			require.Contains(t, log, "level=WARN")
			require.Contains(t, log, "its last commits are lost")
			require.Contains(t, log, "first_lost_frame=")
			require.Contains(t, log, path+"-wal")
		})
	}
}

// Without its beginning, nothing of a log can be read, and there is not even a table.
func TestALogWithoutItsBeginningIsLogged(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"its header is damaged": func(path string) error {
			change(t, path, func(log []byte) []byte { garble(log[:4]); return log })
			return nil
		},
		"it is empty": func(path string) error { return os.Truncate(path+"-wal", 0) },
		"it is gone":  func(path string) error { return os.Remove(path + "-wal") },
	} {
		t.Run(name, func(t *testing.T) {
			path := crashed(t, 3)
			require.NoError(t, damage(path))
			log := &lines{}
			s, err := store.Open(t.Context(), "sqlite:"+path, store.Options{}, slog.New(slog.NewTextHandler(log, nil)))
			if err == nil {
				require.NoError(t, s.Close())
			}
			require.Contains(t, log.String(), "its last commits are lost")
		})
	}
}

func TestNothingIsLoggedOfALogThatLostNothing(t *testing.T) {
	const rows = 10
	for name, c := range map[string]struct {
		change func(t *testing.T, path string)
		left   int64
	}{
		"whole":                           {func(*testing.T, string) {}, rows},
		"whole, without index":            {func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-shm")) }, rows},
		"of an earlier log, behind it":    {func(t *testing.T, path string) { appendOld(t, path) }, rows},
		"of a commit that was not synced": {func(t *testing.T, path string) { tear(t, path) }, rows - 1},
		"a few bytes": {func(t *testing.T, path string) {
			change(t, path, func(log []byte) []byte { return append(log, "rest"...) })
		}, rows},
	} {
		t.Run(name, func(t *testing.T) {
			path := crashed(t, rows)
			c.change(t, path)
			left, log := reopened(t, path)
			require.Equal(t, c.left, left)
			require.Empty(t, log)
		})
	}
}

// appendOld leaves behind the log what one that was begun anew has behind it: whole commits, with another salt.
func appendOld(t *testing.T, path string) {
	change(t, path, func(log []byte) []byte {
		old := append([]byte(nil), log[logHeaderSize:]...)
		for at := 0; at+frameSize <= len(old); at += frameSize {
			garble(old[at+8 : at+16])
		}
		return append(log, old...)
	})
}

// tear makes the last commit one that a power cut has taken before it was synced: parts of it are on disk, its end
// among them, and the index, which is not synced, is gone.
func tear(t *testing.T, path string) {
	require.NoError(t, os.Remove(path+"-shm"))
	change(t, path, func(log []byte) []byte {
		ends := commits(log)
		first := ends[len(ends)-2] + frameSize
		garble(log[first+100 : first+600])
		return log
	})
}

// A command that opens the database of a gateway that is running does not look at its log, which changes meanwhile.
func TestALogThatIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beckon.db")
	require.False(t, store.IsServed(path))
	s := storetest.Open(t, "sqlite:"+path)
	require.NoError(t, s.Claim())
	require.True(t, store.IsServed(path))
}
