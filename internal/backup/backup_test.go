package backup_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"beckon/internal/backup"
)

var rows = [][]any{{"a", int64(9007199254740993), nil}, {"ü\u0000<&>", int64(-1), true}, {"", nil, []byte{0, 1, 255}}, {"last", int64(0), []byte{}}}

// written is a backup of rows and two files.
func written(t *testing.T) []byte {
	var file bytes.Buffer
	w, err := backup.NewWriter(&file, backup.Header{Version: "0.2.0", Schema: 24, Database: "sqlite"})
	require.NoError(t, err)
	require.NoError(t, w.Table("runs", []string{"id", "n", "x"}))
	for _, row := range rows {
		require.NoError(t, w.Row(row))
	}
	require.NoError(t, w.Table("empty", []string{"id"}))
	require.NoError(t, w.File("art/1", strings.NewReader(strings.Repeat("x", 300_000))))
	require.NoError(t, w.File("art/2", strings.NewReader("")))
	counts, err := w.Close()
	require.NoError(t, err)
	require.Equal(t, backup.Counts{Rows: 4, Files: 2, Pieces: 2}, counts)
	return file.Bytes()
}

// sink keeps what it is given.
type sink struct {
	tables []string
	rows   [][]any
}

func (s *sink) Table(name string, columns []string) error {
	s.tables = append(s.tables, name+"("+strings.Join(columns, ",")+")")
	return nil
}

func (s *sink) Row(values []any) error {
	s.rows = append(s.rows, values)
	return nil
}

func read(file []byte) (s *sink, files map[string]int, err error) {
	s, files = &sink{}, map[string]int{}
	r, err := backup.NewReader(bytes.NewReader(file))
	if err != nil {
		return s, files, err
	}
	defer r.Close()
	if err := r.Tables(s); err != nil {
		return s, files, err
	}
	_, err = r.Files(func(key string, content io.Reader) error {
		all, err := io.ReadAll(content)
		files[key] = len(all)
		return err
	})
	return s, files, err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	s, files, err := read(written(t))
	require.NoError(t, err)
	require.Equal(t, []string{"runs(id,n,x)", "empty(id)"}, s.tables)
	require.Equal(t, rows, s.rows)
	require.Equal(t, map[string]int{"art/1": 300_000, "art/2": 0}, files)
}

// Wherever a backup is cut off it is refused, and whichever byte of it has changed, nothing wrong comes out.
func TestADamagedBackupIsRefused(t *testing.T) {
	whole := written(t)
	for n := range len(whole) {
		_, _, err := read(whole[:n])
		require.Error(t, err, "cut after %d bytes", n)
	}
	for n := range len(whole) {
		damaged := bytes.Clone(whole)
		damaged[n] ^= 0x10
		s, files, err := read(damaged)
		if err == nil { // a bit that means nothing
			require.Equal(t, rows, s.rows, "byte %d", n)
			require.Equal(t, map[string]int{"art/1": 300_000, "art/2": 0}, files, "byte %d", n)
		}
	}
	_, _, err := read([]byte("SQLite format 3\x00"))
	require.ErrorContains(t, err, "no backup of Beckon")
}

// A format of a later version is refused by name of the version that can read it.
func TestALaterFormatIsRefused(t *testing.T) {
	var file bytes.Buffer
	packed, err := zstd.NewWriter(&file)
	require.NoError(t, err)
	_, err = packed.Write([]byte(`{"beckon":"backup","format":2,"version":"9.1.0","schema":24}` + "\n"))
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	_, _, err = read(file.Bytes())
	require.ErrorContains(t, err, "made by Beckon 9.1.0 in a newer format: restore it with that version")
}

// fullDisk takes so many bytes.
type fullDisk int

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > int(*d) {
		return 0, syscall.ENOSPC
	}
	*d -= fullDisk(len(p))
	return len(p), nil
}

// Whenever the disk fills, the one who makes the backup hears of it.
func TestADiskThatFills(t *testing.T) {
	whole := len(written(t))
	for size := 0; size < whole; size += 17 {
		disk := fullDisk(size)
		w, err := backup.NewWriter(&disk, backup.Header{Version: "0.2.0", Schema: 24, Database: "sqlite"})
		if err == nil {
			err = w.Table("runs", []string{"id", "n", "x"})
		}
		for _, row := range rows {
			err = errors.Join(err, w.Row(row))
		}
		err = errors.Join(err, w.Table("empty", []string{"id"}))
		err = errors.Join(err, w.File("art/1", strings.NewReader(strings.Repeat("x", 300_000))), w.File("art/2", strings.NewReader("")))
		_, closing := w.Close()
		require.ErrorIs(t, errors.Join(err, closing), syscall.ENOSPC, "after %d bytes", size)
	}
}
