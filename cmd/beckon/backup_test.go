package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/gcs/gcstest"
)

func TestBackupsInBuckets(t *testing.T) {
	bucket := gcstest.New(t, "backups")
	t.Setenv("STORAGE_EMULATOR_HOST", bucket.Host())
	const name, content = "gs://backups/of/today.zst", "a backup"
	write := func(to io.Writer) error {
		_, err := io.WriteString(to, content)
		return err
	}
	require.NoError(t, writeWhole(t.Context(), name, io.Discard, write))
	require.Equal(t, map[string]string{"of/today.zst": content}, bucket.Content())
	from, err := openBackup(t.Context(), name, nil)
	require.NoError(t, err)
	text, err := io.ReadAll(from)
	require.NoError(t, errors.Join(err, from.Close()))
	require.Equal(t, content, string(text))

	// One that is cut off leaves the one before, and no upload.
	full := errors.New("the disk is full")
	require.ErrorIs(t, writeWhole(t.Context(), name, io.Discard, func(to io.Writer) error {
		_, err := io.WriteString(to, strings.Repeat("x", 20<<20))
		return errors.Join(err, full)
	}), full)
	require.Equal(t, map[string]string{"of/today.zst": content}, bucket.Content())
	require.Zero(t, bucket.Open())
}

// A disk that fills leaves the backup that was there before, and nothing beside it.
func TestAFullDiskLeavesTheBackupBefore(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "copy.zst")
	require.NoError(t, os.WriteFile(name, []byte("before"), 0o600))
	err := writeWhole(context.Background(), name, nil, func(to io.Writer) error {
		_, err := to.Write([]byte("a part"))
		require.NoError(t, err)
		return syscall.ENOSPC
	})
	require.ErrorIs(t, err, syscall.ENOSPC)
	kept, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "before", string(kept))
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
